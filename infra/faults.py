"""What does not get on, why, and since when; and how readiness tells it of what the rest goes on without."""

from dataclasses import dataclass
from datetime import UTC, datetime

from infra.engine import state_of


@dataclass(frozen=True, slots=True)
class Fault:
    """Why something counts as away, and since when."""

    reason: str
    since_ms: int

    def degrades(self, what: str) -> dict[str, object]:
        """Return the state for readiness of a part whose fault has this effect, and which stays ready."""
        since = datetime.fromtimestamp(self.since_ms // 1_000, UTC).isoformat()
        return state_of(None, degraded=what, because=self.reason, since=since)
