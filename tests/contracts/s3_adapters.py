"""The adapter of media for S3, for contracts: each folder is a prefix of its own in one bucket."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from infra.adapters.guard import GuardLimits
from infra.adapters.s3_connection import S3Connection, S3Limits
from infra.adapters.s3_doctor import make_bucket
from infra.adapters.s3_media import S3MediaStore
from loaders.media_ports import MediaStore

PATIENT = S3Limits(
    timeout_s=60.0, transfer_timeout_s=120.0, connect_timeout_s=30.0, names_per_call=3, guard=GuardLimits()
)
"""No test is about a machine that is busy. Listings come in pages of three, so that there are several."""


def prefix_url(url: str, prefix: str) -> str:
    """Return the URL of a prefix of its own in the same bucket."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"/{parts.path.strip('/').partition('/')[0]}/{prefix}"))


async def bucket_at(url: str) -> None:
    """Make the bucket of a URL, if it is not there."""
    async with S3Connection.open(url, PATIENT) as connection:
        await make_bucket(connection)


@asynccontextmanager
async def s3_media(url: str, folder: Path) -> AsyncIterator[MediaStore]:
    """Open the prefix that stands for a folder."""
    await bucket_at(url)
    name = hashlib.sha256(str(folder).encode()).hexdigest()[:16]
    async with S3MediaStore.open(prefix_url(url, name), PATIENT) as store:
        yield store
