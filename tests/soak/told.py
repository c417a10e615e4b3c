"""What people were told of what they did, counted: done, refused, or nothing at all."""

from collections import Counter
from collections.abc import Iterable, Sequence
from enum import Enum

NO_FAULT = "no fault"


class Outcome(Enum):
    """What a client knows of an operation."""

    OK = "ok"  # it was acknowledged
    FAILED = "failed"  # it was refused, with a code
    UNKNOWN = "unknown"  # no answer came


class Told:
    """Counts outcomes by operation, and by the fault under which they came."""

    def __init__(self) -> None:
        self.fault = NO_FAULT
        self.codes: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self._by_operation: Counter[tuple[str, Outcome]] = Counter()
        self._by_fault: Counter[tuple[str, Outcome]] = Counter()

    def count(self, operation: str, outcome: Outcome, codes: Iterable[str] = ()) -> None:
        """Count one operation."""
        self._by_operation[operation, outcome] += 1
        self._by_fault[self.fault, outcome] += 1
        self.codes.update(codes)

    def begin(self, fault: str) -> None:
        """Say under which fault things happen from now on."""
        self.fault = fault
        self.faults[fault] += 1

    def end(self) -> None:
        """Say that the fault is over."""
        self.fault = NO_FAULT

    def total(self, outcome: Outcome) -> int:
        """Return how many operations came to this."""
        return sum(count for (_, each), count in self._by_operation.items() if each is outcome)

    def of(self, operation: str, outcome: Outcome) -> int:
        """Return how many of one operation did."""
        return self._by_operation[operation, outcome]

    def lines(self) -> Sequence[str]:
        """Return the report, a line each."""
        head = f"{'':32}" + "".join(f"{outcome.value:>9}" for outcome in Outcome)
        faults = {fault: f"{fault} ({times} times)" for fault, times in self.faults.items()} | {NO_FAULT: NO_FAULT}
        return [
            head,
            *_rows(self._by_operation, {name: name for name, _ in self._by_operation}),
            *_rows(self._by_fault, faults),
            "codes: " + (", ".join(f"{code} {count}" for code, count in sorted(self.codes.items())) or "none"),
        ]


def _rows(counted: Counter[tuple[str, Outcome]], names: dict[str, str]) -> list[str]:
    return [
        f"  {shown:30}" + "".join(f"{counted[name, outcome]:9}" for outcome in Outcome)
        for name, shown in sorted(names.items())
    ]
