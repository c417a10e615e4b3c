"""How far a data folder has been copied: a file in the folder, for the cluster that it names."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from loaders.errors import Unavailable

PROGRESS_FILE = "migrate-to.json"


@dataclass(slots=True)
class Progress:
    """The key of the last row of each kind that is in the cluster's log; a kind that is done has its name in `done`.

    What was sent and is not noted here is sent again, which changes nothing. `since_ms` is when the copy's idempotency
    keys must have been reserved at the earliest.
    """

    path: Path
    cluster: str
    since_ms: int
    reached: dict[str, Sequence[object]] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, data_dir: Path, cluster: str, since_ms: int) -> "Progress":
        """Return what was noted for this cluster; a fresh one, of `since_ms`, if nothing was."""
        path = data_dir / PROGRESS_FILE
        try:
            content = orjson.loads(path.read_bytes())
            if content["cluster"] == cluster:
                return cls(path, cluster, content["since_ms"], content["reached"], content["done"])
        except FileNotFoundError:
            pass
        except (ValueError, KeyError, TypeError) as error:
            raise Unavailable(f"{path} cannot be read: without it, all is sent again, which changes nothing") from error
        return cls(path, cluster, since_ms)

    def note(self, kind: str, key: Sequence[object]) -> None:
        """Note the key of the last row that was sent."""
        self.reached[kind] = key
        self._write()

    def end(self, kind: str) -> None:
        """Note that all rows of a kind were sent."""
        self.done.append(kind)
        self._write()

    def _write(self) -> None:
        content = {"cluster": self.cluster, "since_ms": self.since_ms, "reached": self.reached, "done": self.done}
        draft = self.path.with_name(f"{PROGRESS_FILE}.{os.getpid()}")
        draft.write_bytes(orjson.dumps(content))
        draft.replace(self.path)
