"""A batch loader, after Facebook's DataLoader: all keys asked for in one turn of the event loop become one call.

What is known already is answered as a plain value and not as an awaitable: GraphQL's executor takes it as it is.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class BatchLoader(Generic[Key, Value]):
    """Loads by key and remembers, for one request or one live event. `load_batch` answers in the order of its keys."""

    def __init__(self, load_batch: Callable[[Sequence[Key]], Awaitable[Sequence[Value]]]) -> None:
        self._load_batch = load_batch
        self._known: dict[Key, Value] = {}
        self._loading: dict[Key, asyncio.Future[None]] = {}
        self._next: list[Key] = []
        self._done: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None

    def load(self, key: Key) -> Value | Awaitable[Value]:
        """Answer the value at once if it is known, else an awaitable of it."""
        return self._known[key] if key in self._known else self.get(key)

    async def get(self, key: Key) -> Value:
        """Answer one value."""
        if key not in self._known:
            await asyncio.shield(self._batch_of(key))
        return self._known[key]

    async def get_many(self, keys: Sequence[Key]) -> list[Value]:
        """Answer values in the order of the keys, by one call for those unknown."""
        known = self._known
        if self._done is None and any(key not in known and key not in self._loading for key in keys):
            await self._lead(keys)
        # One future stands for a whole batch: a page's twenty keys wait once.
        for batch in {self._batch_of(key) for key in keys if key not in known}:
            await asyncio.shield(batch)
        return [known[key] for key in keys]

    async def get_at_once(self, keys: Sequence[Key]) -> list[Value]:
        """Answer values in the order of the keys without waiting for a turn: for who asks for a batch anyway."""
        missing = [key for key in dict.fromkeys(keys) if key not in self._known and key not in self._loading]
        if missing:
            done = asyncio.get_running_loop().create_future()
            self._loading.update(dict.fromkeys(missing, done))
            await self._run_on(missing, done)
        return await self.get_many(keys)

    def prime(self, key: Key, value: Value) -> None:
        """Remember a value that came another way."""
        self._known[key] = value

    async def _lead(self, keys: Sequence[Key]) -> None:
        """Load what is missing of these and what others ask for in this turn; no task is needed for that."""
        self._done = asyncio.get_running_loop().create_future()
        for key in keys:
            if key not in self._known:
                self._batch_of(key)
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            self._dispatch()
            raise
        batch, done, self._next, self._done = self._next, self._done, [], None
        await self._run_on(batch, done)

    async def _run_on(self, keys: list[Key], done: asyncio.Future[None]) -> None:
        try:
            await self._run(keys, done)
        except asyncio.CancelledError:
            # Others may wait for the same keys: their batch goes on without this caller.
            self._task = asyncio.ensure_future(self._run(keys, done))
            raise

    def _batch_of(self, key: Key) -> asyncio.Future[None]:
        loading = self._loading.get(key)
        if loading is not None:
            return loading
        if self._done is None:
            loop = asyncio.get_running_loop()
            self._done = loop.create_future()
            loop.call_soon(self._dispatch)
        self._next.append(key)
        self._loading[key] = self._done
        return self._done

    def _dispatch(self) -> None:
        keys, done, self._next, self._done = self._next, self._done, [], None
        assert done is not None
        self._task = asyncio.ensure_future(self._run(keys, done))

    async def _run(self, keys: list[Key], done: asyncio.Future[None]) -> None:
        try:
            values = await self._load_batch(keys)
            if len(values) != len(keys):
                raise RuntimeError(f"{len(values)} values came for {len(keys)} keys")
        except Exception as error:
            done.set_exception(error)
            # Whoever asked may have gone away; a failure that nobody awaits is no news.
            done.exception()
        else:
            self._known.update(zip(keys, values, strict=True))
            done.set_result(None)
        for key in keys:
            del self._loading[key]
