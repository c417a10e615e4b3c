"""Reading input files: plain or gzip, line by line, each line bounded."""

import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Generic, TypeVar

from infra.importer.rows import Bad, Reason, excerpt

GZIP_MAGIC = b"\x1f\x8b"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
LINE_BYTES_MAX = 1 << 18
READ_BYTES = 1 << 16

Row = TypeVar("Row")


@dataclass(slots=True)
class Batch(Generic[Row]):
    """The good and the bad rows of some lines, with their line numbers, and how much of the source has been read."""

    rows: list[tuple[int, Row]] = field(default_factory=list)
    bad: list[tuple[int, Bad]] = field(default_factory=list)
    done: int = 0


class InputFile:
    """An open input file. `size` is in bytes as stored, 0 where it is not known, as with a pipe."""

    def __init__(self, stored: BinaryIO, size: int) -> None:
        self.size = size
        self._counted = _Counted(stored)
        buffered = io.BufferedReader(self._counted, READ_BYTES)
        is_zipped = buffered.peek(2)[:2] == GZIP_MAGIC
        self._lines: BinaryIO = gzip.GzipFile(fileobj=buffered) if is_zipped else buffered  # type: ignore[assignment]

    def done(self) -> int:
        """Return how many bytes have been read of the file as it is stored."""
        return self._counted.count

    def lines(self) -> Iterator[tuple[int, bytes | Bad]]:
        """Yield numbered lines without their ends; blank ones are left out."""
        number = 0
        try:
            while line := self._lines.readline(LINE_BYTES_MAX):
                number += 1
                if number == 1:
                    line = line.removeprefix(BYTE_ORDER_MARK)
                if len(line) == LINE_BYTES_MAX and not line.endswith(b"\n"):
                    self._skip_line()
                    yield number, Bad(Reason.LINE_TOO_LONG, excerpt(line))
                elif stripped := line.strip(b"\r\n"):
                    yield number, stripped
        except (OSError, EOFError, zlib.error) as error:
            yield number + 1, Bad(Reason.FILE_DAMAGED, excerpt(str(error)))

    def batches(self, parse: Callable[[int, bytes], Row | Bad | None], size: int) -> Iterator[Batch[Row]]:
        """Yield batches of up to `size` lines. `parse` answers None for a line that is no row at all."""
        batch = Batch[Row]()
        for number, line in self.lines():
            row = line if isinstance(line, Bad) else parse(number, line)
            if isinstance(row, Bad):
                batch.bad.append((number, row))
            elif row is not None:
                batch.rows.append((number, row))
            if len(batch.rows) + len(batch.bad) == size:
                batch.done = self.done()
                yield batch
                batch = Batch[Row]()
        batch.done = self.done()
        yield batch

    def _skip_line(self) -> None:
        while (rest := self._lines.readline(LINE_BYTES_MAX)) and not rest.endswith(b"\n"):
            pass


@contextmanager
def open_input(path: Path) -> Iterator[InputFile]:
    """Open a file for reading, whether it is zipped or not."""
    with path.open("rb", buffering=0) as stored:
        yield InputFile(stored, path.stat().st_size if path.is_file() else 0)


class _Counted(io.RawIOBase):
    def __init__(self, stored: BinaryIO) -> None:
        super().__init__()
        self.count = 0
        self._stored = stored

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        data = self._stored.read(len(buffer))
        buffer[: len(data)] = data
        self.count += len(data)
        return len(data)
