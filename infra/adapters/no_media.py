"""MediaStore and MediaWorkshop where there are none: a clear answer to uploads, and nothing to do with texts."""

from collections.abc import AsyncIterator, Sequence

from loaders.errors import Unavailable, UserError
from loaders.media import Upload
from loaders.media_ports import MediaStore, MediaWorkshop


class NoMediaStore:
    """Refuses every call with `Unavailable`."""

    async def put(self, name: str, content: bytes) -> bool:
        """See `MediaStore`."""
        del name, content
        raise _refusal()

    async def receive(self, name: str, chunks: AsyncIterator[bytes]) -> bool:
        """See `MediaStore`."""
        del name, chunks
        raise _refusal()

    async def content(self, name: str) -> bytes | None:
        """See `MediaStore`."""
        del name
        raise _refusal()

    async def size(self, name: str) -> int | None:
        """See `MediaStore`."""
        del name
        raise _refusal()

    def read(self, name: str, start: int, end: int) -> AsyncIterator[bytes]:
        """See `MediaStore`."""
        del name, start, end
        raise _refusal()

    async def names(self, prefix: str, limit: int) -> Sequence[str]:
        """See `MediaStore`."""
        del prefix, limit
        raise _refusal()

    async def remove(self, name: str) -> None:
        """See `MediaStore`."""
        del name
        raise _refusal()


class NoMediaWorkshop:
    """Refuses every call with `Unavailable`."""

    async def prepare(self, upload: Upload) -> tuple[int | None, int | None] | UserError:
        """See `MediaWorkshop`."""
        del upload
        raise _refusal()


def _refusal() -> Unavailable:
    return Unavailable("This cluster keeps no media: ROOST_MEDIA_URL names no S3. Tweets of text are unaffected.")


_store: type[MediaStore] = NoMediaStore
_workshop: type[MediaWorkshop] = NoMediaWorkshop
