"""The URLs of Redis: `redis://user:password@host:port/0`, `redis-cluster://host:port,host:port`; `rediss` for TLS."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import unquote

PORT = 6379
SCHEMES = ("redis", "rediss", "redis-cluster", "rediss-cluster")


class Address(NamedTuple):
    """Where a node listens."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class RedisUrl:
    """What a URL says. A cluster has any of its nodes as seeds, and database 0."""

    seeds: Sequence[Address]
    is_cluster: bool
    is_encrypted: bool
    username: str | None = None
    password: str | None = None
    database: int = 0


def is_redis(url: str) -> bool:
    """Tell whether a URL names a Redis or a Redis Cluster."""
    return url.partition("://")[0] in SCHEMES


def parse_url(url: str) -> RedisUrl:
    """Read a URL; ValueError, which does not repeat the password, for one that is malformed."""
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in SCHEMES:
        raise ValueError(f"A URL of Redis begins with one of {', '.join(SCHEMES)}, not {scheme!r}")
    place, _, database = rest.partition("/")
    credentials, _, hosts = place.rpartition("@")
    username, _, password = credentials.partition(":")
    is_cluster = scheme.endswith("-cluster")
    if is_cluster and database not in {"", "0"}:
        raise ValueError("A Redis Cluster has database 0 alone")
    if database and not database.isdigit():
        raise ValueError(f"The database of a Redis is a number, not {database!r}")
    seeds = [_address(each) for each in hosts.split(",")]
    if len(seeds) > 1 and not is_cluster:
        raise ValueError(f"{scheme}:// has one host; several are for {scheme}-cluster://")
    return RedisUrl(
        seeds,
        is_cluster,
        scheme.startswith("rediss"),
        unquote(username) or None,
        unquote(password) or None,
        int(database or 0),
    )


def _address(text: str) -> Address:
    host, separator, port = text.rpartition(":")
    if not separator or text.endswith("]"):
        host, port = text, str(PORT)
    if not port.isdigit() or not host:
        raise ValueError(f"A node of Redis is host:port, not {text!r}")
    return Address(host.strip("[]"), int(port))
