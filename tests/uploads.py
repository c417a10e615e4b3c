"""Uploading in tests: a world's media over HTTP, in this process."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
from starlette.applications import Starlette

from infra.media.routes import MediaHttp
from infra.media.service import upload_signer
from loaders.errors import UserError
from loaders.media import Upload
from loaders.media_ports import MediaWorkshop
from tests.world import World


class Uploads:
    """A client of a world's media. Payloads come back as they are, errors included."""

    def __init__(self, world: World, http: httpx.AsyncClient, media: MediaHttp) -> None:
        self._world = world
        self.http = http
        self.media = media

    async def begin(self, who: str, content: bytes, content_type: str = "image/jpeg", **given: Any) -> Any:
        """Ask for an upload of this content."""
        asked = {"contentType": content_type, "byteSize": len(content), **given}
        return (await self._world.run("CreateMediaUpload", who, input=asked)).value

    async def put(self, ticket: Any, content: bytes, **headers: str) -> httpx.Response:
        """Send bytes to where a ticket says, with its headers and others."""
        named = {each["name"]: each["value"] for each in ticket["headers"]}
        return await self.http.request(ticket["method"], ticket["uploadUrl"], content=content, headers=named | headers)

    async def complete(self, who: str, media_id: str) -> Any:
        """Finish an upload."""
        return (await self._world.run("CompleteMediaUpload", who, mediaId=media_id)).value

    async def sent(self, who: str, content: bytes, content_type: str = "image/jpeg", **given: Any) -> str:
        """Upload all but the end, and return the medium's id."""
        ticket = await self.begin(who, content, content_type, **given)
        assert (await self.put(ticket, content)).status_code == 204
        return str(ticket["mediaId"])

    async def medium(self, who: str, content: bytes, content_type: str = "image/jpeg", **given: Any) -> str:
        """Upload, and return the medium's id."""
        media_id = await self.sent(who, content, content_type, **given)
        assert (await self.complete(who, media_id))["userErrors"] == []
        return media_id


class SecondWaits:
    """A workshop whose second caller begins when it is told to."""

    def __init__(self, workshop: MediaWorkshop) -> None:
        self._workshop = workshop
        self.told = asyncio.Event()
        self.asked = 0

    async def prepare(self, upload: Upload) -> tuple[int | None, int | None] | UserError:
        """See `MediaWorkshop`."""
        self.asked += 1
        if self.asked == 2:
            await self.told.wait()
        return await self._workshop.prepare(upload)


@asynccontextmanager
async def uploads_to(
    world: World, transfers_max: int = 10, now_s: Callable[[], float] | None = None
) -> AsyncIterator[Uploads]:
    """Serve a world's media, by the world's clock unless it is served by another."""
    media = MediaHttp(now_s or (lambda: world.now_s), transfers_max, 30)
    media.store, media.signer = world.services.uploading.store, upload_signer(world.settings)
    transport = httpx.ASGITransport(Starlette(routes=media.routes()))
    async with httpx.AsyncClient(transport=transport, base_url="http://roost.test") as http:
        yield Uploads(world, http, media)
