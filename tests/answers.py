"""What the contract's documents are, and what comes of running one."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import strawberry
from graphql import parse, print_ast, separate_operations

from infra.graphql_errors import public_errors
from schema.api import create_schema
from schema.limits import Limits

CONTRACT = Path(__file__).parent / "contract" / "operations.graphql"
WAIT_S = 10.0


@cache
def contract() -> Mapping[str, str]:
    """The contract's documents by name, each with the fragments that it uses."""
    parts = separate_operations(parse(CONTRACT.read_text()))
    return {name: print_ast(document) for name, document in parts.items()}


@cache
def roost_schema() -> strawberry.Schema:
    """One schema for all worlds: it holds nothing of any."""
    return create_schema(Limits(), 1_000)


@dataclass(frozen=True)
class Answer:
    """What one document was answered."""

    data: Any
    errors: Sequence[Mapping[str, Any]] = ()

    @property
    def codes(self) -> list[str]:
        """The codes of the errors."""
        return [error["extensions"]["code"] for error in self.errors]

    @property
    def value(self) -> Any:
        """What the one root field answered; there must be no errors."""
        assert not self.errors, self.errors
        (value,) = self.data.values()
        return value

    @property
    def user_errors(self) -> list[str]:
        """The codes of what the one root field's payload says a person can mend."""
        return [error["code"] for error in self.value["userErrors"]]


def answered(result: Any) -> Answer:
    """Return what an executed document answered, its errors as clients see them."""
    return Answer(result.data, public_errors(result.errors or (), "test"))


class Listener:
    """A subscriber and what has come to it so far."""

    def __init__(self, results: AsyncIterator[Any]) -> None:
        self._answers: asyncio.Queue[Answer] = asyncio.Queue()
        self._task = asyncio.ensure_future(self._listen(results))

    async def answer(self) -> Answer:
        """Take the next result, errors included."""
        waiting = asyncio.ensure_future(self._answers.get())
        await asyncio.wait({waiting, self._task}, timeout=WAIT_S, return_when=asyncio.FIRST_COMPLETED)
        if not waiting.done() and self._answers.empty():
            waiting.cancel()
            if self._task.done():
                self._task.result()
            raise AssertionError("nothing came")
        return await waiting

    async def next(self) -> Any:
        """Take the next event."""
        return (await self.answer()).value

    async def close(self) -> None:
        """Go away."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _listen(self, results: AsyncIterator[Any]) -> None:
        async for result in results:
            self._answers.put_nowait(answered(result))
