"""Rows whose parent has not been seen yet, kept in a file without a name: there may be as many as the input has."""

import mmap
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import orjson

from infra.importer.rows import TweetRow


class Waiting:
    """Rows in the order in which they were added; they go when it is closed."""

    def __init__(self, folder: Path) -> None:
        self._file = tempfile.TemporaryFile(dir=folder, prefix="import-")  # noqa: SIM115
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, rows: Sequence[tuple[int, TweetRow]]) -> None:
        """Keep rows with their line numbers."""
        self._file.writelines(orjson.dumps([number, *row]) + b"\n" for number, row in rows)
        self._count += len(rows)

    def backwards(self, size: int) -> Iterator[list[tuple[int, TweetRow]]]:
        """Yield all rows in batches, the last one added first.

        Where a file has the newest tweets first, each answer is then met after what it answers.
        """
        if not self._count:
            return
        self._file.flush()
        with mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            batch: list[tuple[int, TweetRow]] = []
            end = len(content) - 1
            while end > 0:
                start = content.rfind(b"\n", 0, end) + 1
                number, *fields = orjson.loads(content[start:end])
                batch.append((number, TweetRow(*fields)))
                end = start - 1
                if len(batch) == size:
                    yield batch
                    batch = []
            yield batch
