"""Reads the URL of an OpenSearch: opensearch://user:password@host:port,.../name, or opensearchs:// over TLS. Pure."""

from typing import NamedTuple
from urllib.parse import unquote

SCHEMES = ("opensearch", "opensearchs")
PORT = 9_200


class OpenSearchUrl(NamedTuple):
    """Where the nodes are, how they are spoken to, and what the names of Roost's indices begin with."""

    hosts: tuple[tuple[str, int], ...]
    is_secure: bool
    credentials: tuple[str, str] | None
    name: str


def is_opensearch(url: str) -> bool:
    """Tell whether a URL names an OpenSearch."""
    return url.partition("://")[0] in SCHEMES


def parse_url(url: str) -> OpenSearchUrl:
    """Read a URL; ValueError, which does not repeat the password, for one that is malformed."""
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in SCHEMES:
        raise ValueError(f"A URL of OpenSearch begins with one of {', '.join(SCHEMES)}, not {scheme!r}")
    place, _, name = rest.partition("/")
    given, _, hosts = place.rpartition("@")
    user, _, password = given.partition(":")
    if not name:
        raise ValueError("A URL of OpenSearch ends in the name of its indices")
    credentials = (unquote(user), unquote(password)) if given else None
    return OpenSearchUrl(tuple(_address(each) for each in hosts.split(",")), scheme == "opensearchs", credentials, name)


def _address(text: str) -> tuple[str, int]:
    host, separator, port = text.rpartition(":")
    if not separator or text.endswith("]"):
        return text.strip("[]"), PORT
    return host.strip("[]"), int(port)
