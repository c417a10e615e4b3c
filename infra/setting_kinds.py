"""What values a setting may take: each kind says it in words, and reads the value from text or from TOML."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

_USUAL_PORTS = {"http": 80, "https": 443}
_NAME = r"[A-Za-z0-9_.-]{1,48}"
_INDEX = r"[a-z0-9][a-z0-9_.-]{0,47}"
_USER = r"([^@/?#\s]*@)?"
_HOST = r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+)(:[0-9]{1,5})?"
_HOSTS = rf"{_HOST}(,{_HOST})*"
_BUCKET = r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
_URLS = {
    "sqlite": (r"sqlite://(/[^?#]+)?", "sqlite:// (in the data folder) or sqlite:///path/to/file.db"),
    "memory": (r"memory://", "memory://"),
    "folder": (r"folder://", "folder:// (in the data folder)"),
    "kafka": (rf"kafka://{_HOSTS}(/{_NAME})?", "kafka://host:port,.../prefix"),
    "cassandra": (rf"cassandra://{_USER}{_HOSTS}/{_NAME}(\?dc={_NAME})?", "cassandra://host:port,.../keyspace?dc=name"),
    "redis": (rf"rediss?://{_USER}{_HOST}(/[0-9]{{1,3}})?", "redis://host:port/0"),
    "redis-cluster": (rf"redis-cluster://{_USER}{_HOSTS}", "redis-cluster://host:port,..."),
    "opensearch": (rf"opensearchs?://{_USER}{_HOSTS}/{_INDEX}", "opensearch://host:port,.../index"),
    "s3": (
        rf"s3://{_USER}{_HOST}/{_BUCKET}(/{_NAME})?(\?(region={_NAME})?(&?tls=no)?)?",
        "s3://key:secret@host:port/bucket/prefix?region=name&tls=no (signs in the keys as %2F and the like)",
    ),
    "flink": (rf"flink://{_HOST}", "flink://host:port"),
}
Scheme = Literal[
    "sqlite", "memory", "folder", "kafka", "cassandra", "redis", "redis-cluster", "opensearch", "s3", "flink"
]
SECRET_LENGTH_MIN = 32


class Refused(ValueError):
    """A value that cannot stand, for a reason that the kind's words do not tell."""


@dataclass(frozen=True, slots=True)
class Kind:
    """The values allowed, in words, and how to read one.

    `read` takes text or a TOML value, and raises ValueError or TypeError for what is not allowed; of these, `Refused`
    carries a reason to show.
    """

    allowed: str
    read: Callable[[object], object]


def whole(low: int, high: int) -> Kind:
    """Whole numbers from `low` to `high`."""

    def read(value: object) -> int:
        number = int(value) if isinstance(value, str) else value
        # To Python a bool is an int as well, to nobody else.
        if type(number) is not int or not low <= number <= high:
            raise ValueError
        return number

    return Kind(f"a whole number from {low} to {high}", read)


def fraction(low: float, high: float) -> Kind:
    """Numbers from `low` to `high`."""

    def read(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, str | int | float) or not low <= float(value) <= high:
            raise ValueError
        return float(value)

    return Kind(f"a number from {low} to {high}", read)


def one_of(*words: str) -> Kind:
    """One of these words, in any case."""

    def read(value: object) -> str:
        return words[words.index(str(value).lower())]

    return Kind("one of " + ", ".join(words), read)


def url(*schemes: Scheme) -> Kind:
    """The URL of a port whose adapters know these schemes."""
    patterns = [_URLS[scheme][0] for scheme in schemes]

    def read(value: object) -> str:
        if not isinstance(value, str) or not any(re.fullmatch(pattern, value) for pattern in patterns):
            raise ValueError
        return value

    return Kind(", or ".join(_URLS[scheme][1] for scheme in schemes), read)


def _read_host(value: object) -> str:
    if not isinstance(value, str) or re.fullmatch(r"[0-9A-Za-z.:_-]+", value) is None:
        raise ValueError
    return value


def _read_folder(value: object) -> Path:
    if not isinstance(value, str | Path) or not str(value) or "\0" in str(value):
        raise ValueError
    path = Path(value).expanduser()
    if path.exists() and not path.is_dir():
        raise Refused("a file is in its place")
    return path


def _read_origins(value: object) -> tuple[str, ...]:
    names = value.split(",") if isinstance(value, str) else value
    if not isinstance(names, Sequence) or not all(isinstance(name, str) for name in names):
        raise TypeError
    return tuple(dict.fromkeys(_origin(name.strip()) for name in names if name.strip()))


def _origin(name: str) -> str:
    if name == "*":
        raise Refused("'*' would let any web page act with the credentials of whoever signed in here; name the pages")
    match = re.fullmatch(r"(https?)://([0-9a-z_.-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?", name.lower())
    if match is None or urlsplit(name).hostname is None or int(match[3] or 1) not in range(1, 65_536):
        raise Refused(f"{name!r} is no origin: no path, no user, no wildcard belongs in it")
    # A browser leaves its scheme's own port out, and origins are compared as text.
    is_usual = match[3] is None or int(match[3]) == _USUAL_PORTS[match[1]]
    return f"{match[1]}://{match[2]}" if is_usual else f"{match[1]}://{match[2]}:{int(match[3])}"


def _read_secret(value: object) -> str:
    if not isinstance(value, str) or 0 < len(value) < SECRET_LENGTH_MIN:
        raise ValueError
    return value


def _read_name(value: object) -> str:
    if not isinstance(value, str) or re.fullmatch(_NAME, value) is None:
        raise ValueError
    return value


def _read_collector(value: object) -> str:
    if not isinstance(value, str) or re.fullmatch(rf"(https?://{_USER}{_HOST}(/[A-Za-z0-9_./-]*)?)?", value) is None:
        raise ValueError
    return value


NAME = Kind("a name of up to 48 letters, digits, dots, dashes and underscores", _read_name)
COLLECTOR = Kind("http://host:4318, or nothing", _read_collector)
SECRET = Kind(f"a secret of at least {SECRET_LENGTH_MIN} characters, or nothing", _read_secret)
HOST = Kind("a host name or an address, such as 127.0.0.1 or ::", _read_host)
FOLDER = Kind("a folder, which need not exist yet", _read_folder)
ORIGINS = Kind("origins with commas between them, such as https://app.example,http://localhost:3000", _read_origins)
COUNT = whole(1, 1_000_000_000)
BATCH = whole(1, 100_000)
BYTES = whole(1_000, 100_000_000)
HOURS = whole(1, 24 * 365)
SECONDS = whole(1, 86_400)
FILE = Kind("a file, or nothing", str)
KEY_ID = Kind("a name, or nothing", str)


def setting(default: object, kind: Kind, about: str) -> Any:
    """Return a dataclass field that is a setting: its default, what is allowed, and what it is for."""
    return field(default=default, metadata={"kind": kind, "about": about})
