"""What an import came to: rows by outcome, the first bad lines for the screen, all of them for a file."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.markup import escape

from infra.importer.rows import Bad, Reason

FIRST_SHOWN = 10


@dataclass(slots=True)
class Tally:
    """Rows of one file by outcome."""

    name: str
    new: int = 0
    known: int = 0
    bad: Counter[Reason] = field(default_factory=Counter)


class Report:
    """Collects outcomes. Once there are more bad lines than are shown, all go to a new file in the data folder."""

    def __init__(self, folder: Path) -> None:
        self.tallies: list[Tally] = []
        self.accounts = 0
        self.unapplied = 0
        self.errors_path: Path | None = None
        self._folder = folder
        self._first: list[str] = []
        self._file: TextIO | None = None

    @property
    def is_failure(self) -> bool:
        """Whether there were lines, and not one of them could be read; or what was read could not be applied."""
        good = sum(tally.new + tally.known for tally in self.tallies)
        return self.unapplied > 0 or (good == 0 and any(tally.bad for tally in self.tallies))

    def tally(self, name: str) -> Tally:
        """Return a new tally for a file."""
        self.tallies.append(Tally(name))
        return self.tallies[-1]

    def bad(self, tally: Tally, lines: Sequence[tuple[int, Bad]]) -> None:
        """Count bad lines and keep what is to be said of them."""
        for number, (reason, shown) in lines:
            tally.bad[reason] += 1
            said = f"{tally.name} line {number}: {reason.value}: {shown}"
            if len(self._first) < FIRST_SHOWN:
                self._first.append(said)
                continue
            if self._file is None:
                self._file = self._open()
                self._file.writelines(f"{line}\n" for line in self._first)
            self._file.write(f"{said}\n")

    def close(self) -> None:
        """Finish the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def show(self, console: Console) -> None:
        """Print the summary."""
        for tally in self.tallies:
            bad = tally.bad.total()
            console.print(
                f"{escape(tally.name)}: [bold]{tally.new:,}[/bold] new, {tally.known:,} known already, {bad:,} bad"
                f"{' lines:' if bad else ''}"
            )
            for reason, times in tally.bad.most_common():
                console.print(f"  {times:,} × {escape(reason.value)}")
        if self.accounts:
            console.print(f"{self.accounts:,} accounts came into being.")
        if self._first:
            console.print("The first bad lines:" if self.errors_path else "The bad lines:")
        for line in self._first:
            console.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)
        if self.errors_path is not None:
            console.print(f"All of them: {self.errors_path}", markup=False, soft_wrap=True)
        if self.unapplied:
            console.print(f"{self.unapplied:,} batches could not be applied: they are among the dead letters.")

    def _open(self) -> TextIO:
        for number in count(1):
            path = self._folder / f"import-errors-{number}.txt"
            try:
                file = path.open("x", encoding="utf-8")
            except FileExistsError:
                continue
            self.errors_path = path
            return file
        raise AssertionError("there is always a next number")
