"""Waiting for the driver: in threads, together, and what its failures mean to whoever waits."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from infra.adapters.cassandra.driver import TRANSIENT
from loaders.errors import Unavailable

RETRY_AFTER_S = 1.0
LATE = "The cluster did not answer in time"

Answer = TypeVar("Answer")


async def together(*works: Coroutine[Any, Any, Answer]) -> list[Answer]:
    """Await all at once, and answer in order; the first failure stops the others, and is raised as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work) for work in works]
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from failures
    return [task.result() for task in tasks]


async def in_thread(work: Callable[..., Answer], *arguments: Any) -> Answer:
    """Call what blocks in a thread. Raises `Unavailable` for the driver's own reasons."""
    try:
        return await asyncio.to_thread(work, *arguments)
    except TRANSIENT as error:
        raise unavailable(error) from error


def unavailable(error: Exception) -> Unavailable:
    """Return what a failure of the cluster means to whoever asked."""
    return Unavailable(said(error), RETRY_AFTER_S)


def said(error: Exception) -> str:
    """Return a failure of the cluster in words."""
    return f"The cluster cannot answer now: {type(error).__name__}: {error}"


def late() -> Unavailable:
    """Return what it means that no answer came."""
    return Unavailable(LATE, RETRY_AFTER_S)
