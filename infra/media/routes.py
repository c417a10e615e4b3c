"""Media over HTTP: PUT for uploads, GET for what is kept. Neither passes through GraphQL, nor waits its turn there."""

import asyncio
import hmac
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from infra.graphql_errors import coded_error
from infra.media.urls import UPLOADS, UploadSigner
from loaders.errors import Unavailable
from loaders.media import CONTENT_TYPES
from loaders.media_ports import MediaStore

YEAR_S = 31_536_000
RETRY_AFTER_S = 5
FILE = re.compile(r"(\d{1,19})/((?:full\.(?:jpg|png|webp|gif|mp4))|(?:\d{1,5}|avatar)\.webp)")
RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
SAFE = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; sandbox",
    "cross-origin-resource-policy": "cross-origin",
}
"""Whatever a browser takes a medium for, nothing in it runs."""


class Refused(Exception):
    """A PUT that is not taken: the status, a code, and a sentence."""


@dataclass(slots=True)
class MediaHttp:
    """The endpoints, which the application gives their store and signer before the first request."""

    now_s: Callable[[], float]
    transfers_max: int
    transfer_timeout_s: int
    transfers: int = 0
    store: MediaStore = field(init=False)
    signer: UploadSigner = field(init=False)

    def routes(self) -> list[BaseRoute]:
        """Return the routes under /media."""
        return [
            Route(f"{UPLOADS}{{media_id}}", self.put, methods=["PUT"]),
            Route("/media/{name:path}", self.get, methods=["GET"]),
        ]

    async def put(self, request: Request) -> Response:
        """Take exactly the bytes that were announced, within the time that an upload may take."""
        try:
            media_id, size = self._announced(request)
            if self.transfers >= self.transfers_max:
                raise Refused(503, "UNAVAILABLE", "Too many media are being uploaded: try again")
            self.transfers += 1
            try:
                async with asyncio.timeout(self.transfer_timeout_s):
                    return await self._take(request, media_id, size)
            finally:
                self.transfers -= 1
        except Refused as refused:
            return _refusal(*refused.args)
        except TimeoutError:
            return _refusal(408, "UPLOAD_TOO_SLOW", f"An upload has {self.transfer_timeout_s} seconds")
        except Unavailable as error:
            return _refusal(503, "UNAVAILABLE", str(error))
        except ClientDisconnect:
            return Response(status_code=400)  # nobody reads it

    async def get(self, request: Request) -> Response:
        """Answer a medium's file, or a range of it; what a name holds never changes."""
        found = FILE.fullmatch(request.path_params["name"])
        try:
            size = None if found is None else await self.store.size(f"media/{found[0]}")
        except Unavailable as error:
            return _refusal(503, "UNAVAILABLE", str(error))
        if found is None or size is None:
            return _refusal(404, "NOT_FOUND", "There is no such medium")
        ending = found[2].rpartition(".")[2]
        etag = f'"{found[1]}-{found[2]}"'
        headers = {
            **SAFE,
            "content-type": CONTENT_TYPES[ending],
            "content-disposition": f'inline; filename="{found[1]}.{ending}"',
            "cache-control": f"public, max-age={YEAR_S}, immutable",
            "accept-ranges": "bytes",
            "etag": etag,
        }
        if etag in (each.strip() for each in request.headers.get("if-none-match", "").split(",")):
            return Response(status_code=304, headers=headers)
        start, end, status = _asked(request.headers.get("range"), request.headers.get("if-range"), etag, size)
        if status == 416:
            return Response(status_code=416, headers={**SAFE, "content-range": f"bytes */{size}"})
        if status == 206:
            headers["content-range"] = f"bytes {start}-{end - 1}/{size}"
        headers["content-length"] = str(end - start)
        if request.method == "HEAD":
            return Response(status_code=status, headers=headers)
        return StreamingResponse(self.store.read(f"media/{found[0]}", start, end), status, headers)

    def _announced(self, request: Request) -> tuple[str, int]:
        """Return the medium and the size that the URL and the headers agree upon."""
        media_id, length = request.path_params["media_id"], request.headers.get("content-length")
        if length is None:
            raise Refused(411, "LENGTH_REQUIRED", "Send content-length: an upload is not sent in chunks")
        expires, given = request.query_params.get("expires", ""), request.query_params.get("signature", "")
        wanted = self.signer.signature(media_id, request.headers.get("content-type", ""), length, expires)
        if not hmac.compare_digest(given.encode(), wanted.encode()):
            raise Refused(403, "FORBIDDEN", "The URL is not for these bytes: type and size must be those announced")
        if int(expires) < self.now_s():
            raise Refused(403, "UPLOAD_EXPIRED", "The URL holds no longer: begin another upload")
        return media_id, int(length)

    async def _take(self, request: Request, media_id: str, size: int) -> Response:
        async def bounded() -> AsyncIterator[bytes]:
            left = size
            async for chunk in request.stream():
                left -= len(chunk)
                if left < 0:
                    raise Refused(413, "BODY_TOO_LARGE", f"More came than the {size} bytes announced")
                if chunk:
                    yield chunk
            if left:
                raise Refused(400, "BODY_TOO_SHORT", f"Less came than the {size} bytes announced")

        if await self.store.size(f"media/{media_id}/upload") is None:
            raise Refused(403, "UPLOAD_EXPIRED", "This upload was removed: begin another")
        if await self.store.size(f"media/{media_id}/about") is not None:
            raise Refused(409, "UPLOAD_COMPLETE", "This upload is complete already")
        # Whoever lost the answer sends the same once more: what is there already stands.
        await self.store.receive(f"media/{media_id}/arrived", bounded())
        return Response(status_code=204, headers={"cache-control": "no-store"})


def _asked(range_: str | None, if_range: str | None, etag: str, size: int) -> tuple[int, int, int]:
    """Return start, end and status. Several ranges at once are answered by the whole, as HTTP allows."""
    asked = None if range_ is None or if_range not in {None, etag} else RANGE.fullmatch(range_.strip())
    if asked is None or asked[0] == "bytes=-":
        return 0, size, 200
    if not asked[1]:
        start, end = max(0, size - int(asked[2])), size
    else:
        start, end = int(asked[1]), min(size, int(asked[2]) + 1 if asked[2] else size)
        if asked[2] and int(asked[2]) < start:
            return 0, size, 200
    return (start, end, 206) if start < end else (0, 0, 416)


def _refusal(status: int, code: str, message: str) -> Response:
    headers = {**SAFE, "cache-control": "no-store"}
    if status in {403, 408, 409, 411, 413, 503}:
        headers["connection"] = "close"  # the rest of a body is not read
    if status == 503:
        headers["retry-after"] = str(RETRY_AFTER_S)
    return Response(orjson.dumps({"errors": [coded_error(message, code)]}), status, headers, "application/json")
