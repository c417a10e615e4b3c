"""MediaStore in a bucket of S3, or of another server that speaks it and makes names once (`If-None-Match: *`)."""

import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Any, Self

from infra.adapters.guard import Guard
from infra.adapters.media_names import checked
from infra.adapters.s3_connection import Reply, S3Connection, S3Limits
from loaders.errors import Unavailable
from loaders.media import CONTENT_TYPES
from loaders.media_ports import MediaStore

CHUNK_BYTES = 1 << 20
PART_BYTES = 5 << 20
"""The least that S3 takes as a part; so much of each upload under way is in memory."""
TRIES = 3
RETRY_AFTER_S = 1.0
GONE = ("NoSuchKey", "404", "NotFound", "InvalidRange", "416")
TAKEN = ("PreconditionFailed", "412")
CROSSED = ("ConditionalRequestConflict", "409")
"""Somebody makes or removes the same name at this moment."""
KEPT_FOR_EVER = "public, max-age=31536000, immutable"


class S3MediaStore:
    """Files as objects under the prefix of one bucket.

    A request whose answer is lost is made once more, so that False may mean that oneself has made the file.
    """

    def __init__(self, connection: S3Connection) -> None:
        self.connection = connection

    @classmethod
    @asynccontextmanager
    async def open(
        cls, url: str, limits: S3Limits | None = None, chance: Callable[[], float] = random.random
    ) -> AsyncIterator[Self]:
        """Open what a URL names; see `S3Connection`."""
        async with S3Connection.open(url, limits, chance) as connection:
            yield cls(connection)

    @property
    def guard(self) -> Guard:
        """What all requests pass."""
        return self.connection.guard

    async def put(self, name: str, content: bytes) -> bool:
        """See `MediaStore`."""
        key, timeout_s = self._key(name), self.connection.limits.transfer_timeout_s if content else None
        for _ in range(TRIES):
            made = await self.connection.ask(
                "put_object",
                *TAKEN,
                *CROSSED,
                timeout_s=timeout_s,
                Key=key,
                Body=content,
                IfNoneMatch="*",
                **_headers(name),
            )
            if made not in CROSSED:
                return made not in TAKEN
        raise Unavailable("Too many make the same file at once", RETRY_AFTER_S)

    async def receive(self, name: str, chunks: AsyncIterator[bytes]) -> bool:
        """See `MediaStore`. One part is in memory."""
        parts = _parts(chunks)
        first = await anext(parts, b"")
        if len(first) < PART_BYTES:
            return await self.put(name, first)
        begun = await self.connection.ask("create_multipart_upload", Key=self._key(name), **_headers(name))
        upload: dict[str, Any] = {"Key": self._key(name), "UploadId": _whole(begun)["UploadId"]}
        try:
            sent = [await self._send(upload, 1, first)]
            async for part in parts:
                sent.append(await self._send(upload, len(sent) + 1, part))
            made = await self.connection.ask(
                "complete_multipart_upload",
                *TAKEN,
                timeout_s=self.connection.limits.transfer_timeout_s,
                **upload,
                IfNoneMatch="*",
                MultipartUpload={"Parts": sent},
            )
        except BaseException:
            await self._give_up(upload)
            raise
        if made in TAKEN:
            await self._give_up(upload)
        return made not in TAKEN

    async def content(self, name: str) -> bytes | None:
        """See `MediaStore`."""
        return await self._content(name)

    async def size(self, name: str) -> int | None:
        """See `MediaStore`."""
        reply = await self.connection.ask("head_object", *GONE, Key=self._key(name))
        return None if isinstance(reply, str) else int(reply["ContentLength"])

    async def read(self, name: str, start: int, end: int) -> AsyncIterator[bytes]:
        """See `MediaStore`. Whoever reads slowly holds no connection to S3 meanwhile."""
        while start < end:
            chunk = await self._content(name, Range=f"bytes={start}-{min(end, start + CHUNK_BYTES) - 1}")
            if not chunk:
                return
            start += len(chunk)
            yield chunk

    async def names(self, prefix: str, limit: int) -> Sequence[str]:
        """See `MediaStore`."""
        found: list[str] = []
        after: dict[str, Any] = {}
        while len(found) < limit:
            count = min(limit - len(found), self.connection.limits.names_per_call)
            reply = await self.connection.ask("list_objects_v2", Prefix=self._key(prefix), MaxKeys=count, **after)
            page = _whole(reply)
            found += [each["Key"].removeprefix(self.connection.address.prefix) for each in page.get("Contents", ())]
            if not page.get("IsTruncated"):
                break
            after = {"ContinuationToken": page["NextContinuationToken"]}
        return found

    async def remove(self, name: str) -> None:
        """See `MediaStore`."""
        key = self._key(name)
        if not name.endswith("/"):
            await self.connection.ask("delete_object", Key=key)
            return
        while names := await self.names(name, self.connection.limits.names_per_call):
            objects = [{"Key": self._key(each)} for each in names]
            reply = await self.connection.ask("delete_objects", Delete={"Objects": objects, "Quiet": True})
            if errors := _whole(reply).get("Errors"):
                raise Unavailable(f"S3 did not remove a file: {errors[0].get('Code')}", RETRY_AFTER_S)

    async def tidy(self, begun_before: datetime) -> int:
        """Give up uploads of large files that began before and never ended, as a crash leaves them; answer how many."""
        listed = await self.connection.ask("list_multipart_uploads", Prefix=self.connection.address.prefix)
        old = [each for each in _whole(listed).get("Uploads", ()) if each["Initiated"] < begun_before]
        for each in old:
            await self._give_up({"Key": each["Key"], "UploadId": each["UploadId"]})
        return len(old)

    async def _content(self, name: str, **stretch: Any) -> bytes | None:
        reply = await self.connection.ask("get_object", *GONE, Key=self._key(name), **stretch)
        if isinstance(reply, str):
            return None
        async with reply["Body"], self.connection.bounded():
            content: bytes = await reply["Body"].read()
            return content

    async def _send(self, upload: dict[str, Any], number: int, part: bytes) -> dict[str, object]:
        timeout_s = self.connection.limits.transfer_timeout_s
        reply = await self.connection.ask("upload_part", timeout_s=timeout_s, **upload, PartNumber=number, Body=part)
        return {"ETag": _whole(reply)["ETag"], "PartNumber": number}

    async def _give_up(self, upload: dict[str, Any]) -> None:
        # What cannot be given up now is tidied away later.
        with suppress(Unavailable):
            await self.connection.ask("abort_multipart_upload", "NoSuchUpload", **upload)

    def _key(self, name: str) -> str:
        return self.connection.address.prefix + checked(name)


async def _parts(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield the same bytes in parts as S3 takes them; the last one may be shorter."""
    gathered = bytearray()
    async for chunk in chunks:
        gathered += chunk
        while len(gathered) >= PART_BYTES:
            yield bytes(gathered[:PART_BYTES])
            del gathered[:PART_BYTES]
    if gathered:
        yield bytes(gathered)


def _headers(name: str) -> dict[str, Any]:
    """Return what a CDN that reads the bucket itself should say of a file that is shown."""
    content_type = CONTENT_TYPES.get(name.rpartition(".")[2])
    return {} if content_type is None else {"ContentType": content_type, "CacheControl": KEPT_FOR_EVER}


def _whole(reply: Reply | str) -> Reply:
    assert not isinstance(reply, str)
    return reply


_: type[MediaStore] = S3MediaStore
