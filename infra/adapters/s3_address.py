"""The URL of a bucket: s3://key:secret@host:port/bucket/prefix?region=name&tls=no."""

from typing import NamedTuple, Self
from urllib.parse import parse_qs, unquote, urlsplit

REGION = "us-east-1"


class S3Address(NamedTuple):
    """A server that speaks S3, a bucket there, and the beginning of all keys in it, with its slash if there is any.

    Without keys they are found as Amazon's own tools find them: in the environment, or from the machine's role.
    """

    endpoint: str
    bucket: str
    prefix: str
    region: str
    access_key: str | None
    secret_key: str | None

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read a URL that the settings have checked; what stands in its keys may be percent-encoded."""
        parts = urlsplit(url)
        asked = parse_qs(parts.query)
        bucket, _, prefix = parts.path.strip("/").partition("/")
        scheme = "http" if asked.get("tls") == ["no"] else "https"
        return cls(
            f"{scheme}://{parts.netloc.rpartition('@')[2]}",
            bucket,
            f"{prefix}/" if prefix else "",
            asked.get("region", [REGION])[0],
            unquote(parts.username) if parts.username else None,
            unquote(parts.password) if parts.password else None,
        )
