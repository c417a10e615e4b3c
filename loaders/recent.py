"""A bounded map for what is asked for by the hundred: being used costs a value nothing."""

from collections.abc import Mapping, Sequence
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Recent(Generic[Key, Value]):
    """At most `size` values, and at least the half of that used last.

    There are two generations: what is put or found goes to the young one, and when that is full, it is the old one,
    and what was old until then goes. None is no value.
    """

    def __init__(self, size: int) -> None:
        self._half = max(1, size // 2)
        self._young: dict[Key, Value] = {}
        self._old: dict[Key, Value] = {}

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def get(self, key: Key) -> Value | None:
        """Return a value, None if it is not there."""
        value = self._young.get(key)
        if value is None and (value := self._old.get(key)) is not None:
            self.put(key, value)
        return value

    def get_many(self, keys: Sequence[Key]) -> list[Value | None]:
        """Return values in the order of the keys, None for what is not there."""
        found = [*map(self._young.get, keys)]
        if self._old:
            # By identity, since comparing asks every value whether it equals None.
            for at in [at for at, value in enumerate(found) if value is None]:
                value = self._old.get(keys[at])
                if value is not None:
                    found[at] = value
                    self.put(keys[at], value)
        return found

    def put(self, key: Key, value: Value) -> None:
        """Keep a value."""
        self._old.pop(key, None)
        self._young[key] = value
        if len(self._young) >= self._half:
            self._old, self._young = self._young, {}

    def put_many(self, values: Mapping[Key, Value]) -> None:
        """Keep values, as one step: there may be as many more than `size` for as long."""
        self._young.update(values)
        if len(self._young) >= self._half:
            self._old, self._young = self._young, {}

    def drop(self, key: Key) -> None:
        """Forget a value, if it is there."""
        self._young.pop(key, None)
        self._old.pop(key, None)

    def clear(self) -> None:
        """Forget all."""
        self._young.clear()
        self._old.clear()
