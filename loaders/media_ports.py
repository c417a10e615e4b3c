"""The ports of media: where their files are, and where they are checked."""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from loaders.errors import UserError
from loaders.media import Upload


class MediaStore(Protocol):
    """Files by name, such as `media/17/about`: whole or not there at all, and never changed once they are there.

    Names are segments of letters, digits, dots and dashes. Every call raises `Unavailable` where the store cannot
    answer, or has no room.
    """

    async def put(self, name: str, content: bytes) -> bool:
        """Make a small file durably; False if there is one of this name. Atomic among any number of callers."""

    async def receive(self, name: str, chunks: AsyncIterator[bytes]) -> bool:
        """Make a file durably of what comes, without holding it in memory; False if there is one of this name.

        Where `chunks` raises, nothing is kept.
        """

    async def content(self, name: str) -> bytes | None:
        """Answer a small file's content, None if there is none of this name."""

    async def size(self, name: str) -> int | None:
        """Answer a file's size in bytes, None if there is none of this name."""

    def read(self, name: str, start: int, end: int) -> AsyncIterator[bytes]:
        """Yield the bytes from `start` up to, and without, `end`, in bounded chunks; fewer if the file has gone."""

    async def names(self, prefix: str, limit: int) -> Sequence[str]:
        """Answer the first names, in their order, that begin with a folder's name and its slash."""

    async def remove(self, name: str) -> None:
        """Remove a file, or with a slash at the end all that begins with it; what is not there is no error."""


class MediaWorkshop(Protocol):
    """Where content is checked and made fit to be shown. It is hostile: nothing that it holds may do harm."""

    async def prepare(self, upload: Upload) -> tuple[int | None, int | None] | UserError:
        """Make the files to show of what arrived, without metadata; answer width and height, or what is wrong with it.

        Bounded in time, memory and pixels. Raises `Unavailable` where too many wait.
        """
