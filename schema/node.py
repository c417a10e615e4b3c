"""Relay's Node and PageInfo, and the errors that people can mend."""

from typing import Any

import strawberry

from loaders.errors import UserError as UserErrorRecord
from loaders.page import PageInfo as PageInfoRecord


def takes(record: type) -> Any:
    """Return an `is_type_of` that takes plain records, by nothing but their class."""

    def is_type_of(_cls: type, value: object, _info: Any) -> bool:
        return isinstance(value, record)

    is_type_of.is_by_class = True  # type: ignore[attr-defined]
    return classmethod(is_type_of)


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

    is_type_of = takes(PageInfoRecord)


@strawberry.type(description="What a person can mend: a code for programs, a sentence, and the input it is about.")
class UserError:
    """An expected outcome, not a failure."""

    code: str
    message: str
    path: list[str]

    is_type_of = takes(UserErrorRecord)
