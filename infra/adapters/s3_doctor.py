"""What a bucket must be for media to be kept in it, made and looked at."""

from contextlib import suppress
from typing import Any

from infra.adapters.examined import Examined
from infra.adapters.s3_address import REGION
from infra.adapters.s3_connection import S3Connection
from infra.adapters.s3_media import S3MediaStore
from loaders.errors import Unavailable

MISSING = ("NoSuchBucket", "404", "NotFound")
THERE = ("BucketAlreadyOwnedByYou", "BucketAlreadyExists")
PROBE = "looks/probe"


async def make_bucket(connection: S3Connection) -> bool:
    """Make the bucket unless it is there; answer whether it was made. Raises `Unavailable`."""
    if not isinstance(await connection.ask("head_bucket", *MISSING), str):
        return False
    region = connection.address.region
    where: dict[str, Any] = {} if region == REGION else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    return not isinstance(await connection.ask("create_bucket", *THERE, **where), str)


async def examine(connection: S3Connection) -> list[Examined]:
    """Look whether the bucket answers, takes files, and makes each name once. It raises nothing."""
    address = connection.address
    try:
        found = await connection.ask("head_bucket", *MISSING)
    except Unavailable as error:
        advice = f"{error}. ROOST_MEDIA_URL names the server, its keys, and whether it speaks TLS."
        return [Examined(f"S3 at {address.endpoint} does not answer", False, advice)]
    if isinstance(found, str):
        return [Examined(f"S3 has no bucket {address.bucket}", False, "`roost migrate` makes it.")]
    there = Examined(f"S3 at {address.endpoint} has the bucket {address.bucket}", True, "")
    store = S3MediaStore(connection)
    try:
        await store.remove(PROBE)
        is_made, is_made_again = await store.put(PROBE, b"one"), await store.put(PROBE, b"two")
        await store.remove(PROBE)
    except Unavailable as error:
        with suppress(Unavailable):
            await store.remove(PROBE)
        return [there, Examined("S3 takes no files", False, f"{error}. The keys need to put, read, list and delete.")]
    if not is_made or is_made_again:
        advice = "It ignores `If-None-Match: *`: two tweets could take one medium. Use a server that knows it."
        return [there, Examined("S3 makes a name more than once", False, advice)]
    return [there, Examined("S3 takes files, and makes each name once", True, "")]
