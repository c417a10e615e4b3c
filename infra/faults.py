"""What does not get on, why, and since when; and how readiness tells it of what the rest goes on without."""

from dataclasses import dataclass
from datetime import UTC, datetime


def state_of(fault: str | None, **more: object) -> dict[str, object]:
    """Return a part's state for readiness; with a fault it is not ready."""
    return {"ready": fault is None, **({"reason": fault} if fault else {}), **more}


@dataclass(frozen=True, slots=True)
class Fault:
    """Why something counts as away, and since when."""

    reason: str
    since_ms: int

    def degrades(self, what: str) -> dict[str, object]:
        """Return the state for readiness of a part whose fault has this effect, and which stays ready."""
        since = datetime.fromtimestamp(self.since_ms // 1_000, UTC).isoformat()
        return state_of(None, degraded=what, because=self.reason, since=since)
