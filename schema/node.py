"""Relay's Node and PageInfo, and the errors that people can mend."""

from typing import Any

import strawberry

from loaders.errors import UserError as UserErrorRecord
from loaders.page import PageInfo as PageInfoRecord


@strawberry.interface(description="Anything with a global id.")
class Node:
    """Relay's Node."""

    global_id: strawberry.ID = strawberry.field(name="id", description="Opaque, and the same for ever.")


@strawberry.type(description="What lies beyond a page.")
class PageInfo:
    """Relay's PageInfo."""

    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None

    @classmethod
    def is_type_of(cls, value: object, _info: Any) -> bool:
        """Take plain records."""
        return isinstance(value, PageInfoRecord)


@strawberry.type(description="What a person can mend: a code for programs, a sentence, and the input it is about.")
class UserError:
    """An expected outcome, not a failure."""

    code: str
    message: str
    path: list[str]

    @classmethod
    def is_type_of(cls, value: object, _info: Any) -> bool:
        """Take plain records."""
        return isinstance(value, UserErrorRecord)
