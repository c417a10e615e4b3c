"""Media from the wish to upload one to its end: asked for, arrived, checked, used, and gone.

All that is known of a medium lies beside its content, under names that are made once: `upload` when it is asked for,
`arrived` when all bytes are there, `about` when they were found to be what they should be, `use` when a tweet or a
profile has taken it. Names `looks/<due>-<id>-<why>` say which media are to be looked at when, so that what was never
finished, never used, or was used by what is gone since, is removed. A look decides by the stores of then: whoever puts
one down too many does no harm.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import orjson

from loaders.errors import Unavailable, UserError
from loaders.media import MEDIA_PER_TWEET_MAX, MEDIA_TYPES, MediaId, MediaKind, Medium, Upload, UploadTicket
from loaders.media_ports import MediaStore, MediaWorkshop
from loaders.ports import TweetStore, UserStore
from loaders.records import TweetId, User, UserId

ALT_TEXT_MAX = 1_000
LOOKS_PER_SWEEP = 500
IDS_TRIED = 3
NOT_FOUND = UserError("MEDIUM_NOT_FOUND", "There is no such medium of yours")
NOT_ARRIVED = UserError("MEDIUM_NOT_ARRIVED", "Its bytes are not here yet: PUT them to the URL first", ("mediaId",))
EXPIRED = UserError("UPLOAD_EXPIRED", "This upload was not finished in time: begin another", ("mediaId",))

_NUMBER = re.compile(r"media/(\d+)/")
Why = Literal["upload", "unused", "gone"]


class UploadLimits(NamedTuple):
    """Most bytes of a picture and of a film; how long an upload, an unused medium and a deleted tweet's media stay."""

    image_bytes_max: int
    video_bytes_max: int
    upload_ms: int
    unused_ms: int
    gone_ms: int


class Asked(NamedTuple):
    """What is to be uploaded, as a client says."""

    content_type: str
    byte_size: int
    alt_text: str | None


@dataclass(slots=True)
class Tallies:
    """What became of media since the process began; `refused` counts by the code of what was wrong."""

    begun: int = 0
    completed: int = 0
    removed: int = 0
    refused: Counter[str] = field(default_factory=Counter)

    def refuse(self, error: UserError) -> UserError:
        """Count a refusal, and return it."""
        self.refused[error.code] += 1
        return error


@dataclass(frozen=True, slots=True)
class Uploading:
    """What media need. Every call raises `Unavailable` where the store does not answer."""

    store: MediaStore
    workshop: MediaWorkshop
    tweets: TweetStore
    users: UserStore
    limits: UploadLimits
    ticket: Callable[[Upload], UploadTicket]
    new_id: Callable[[], int]
    clock_ms: Callable[[], int]
    tallies: Tallies

    async def begin(self, viewer_id: UserId, asked: Asked) -> tuple[Upload, UploadTicket] | UserError:
        """Answer a medium's id, and where exactly so many bytes of this type may be put until when."""
        error = _refusal(asked, self.limits)
        if error is not None:
            return self.tallies.refuse(error)
        expires_at_ms = self.clock_ms() + self.limits.upload_ms
        for _ in range(IDS_TRIED):
            upload = Upload(MediaId(self.new_id()), viewer_id, *asked, expires_at_ms)
            await self._look_later(upload.id, expires_at_ms, "upload")
            if await self.store.put(f"media/{upload.id}/upload", orjson.dumps(tuple(upload))):
                self.tallies.begun += 1
                return upload, self.ticket(upload)
        raise Unavailable("No new id was found for this medium", retry_after_s=1.0)

    async def complete(self, viewer_id: UserId, media_id: MediaId) -> Medium | UserError:
        """Check what arrived, and answer the medium; doing so again answers the same."""
        upload = await self._read_upload(media_id)
        if upload is None or upload.owner_id != viewer_id:
            return self.tallies.refuse(_at(NOT_FOUND, "mediaId"))
        medium = await self._medium(media_id)
        if medium is not None:
            return medium
        if upload.expires_at_ms < self.clock_ms():
            return self.tallies.refuse(EXPIRED)
        if await self.store.size(f"media/{media_id}/arrived") != upload.byte_size:
            return self.tallies.refuse(NOT_ARRIVED)
        checked = await self.workshop.prepare(upload)
        if isinstance(checked, UserError):
            # Whoever completed it at the same time has taken away what was being checked here.
            medium = await self._medium(media_id)
            if medium is not None:
                return medium
            await self.store.remove(f"media/{media_id}/")
            return self.tallies.refuse(checked)
        await self._look_later(media_id, self.clock_ms() + self.limits.unused_ms, "unused")
        medium = Medium(media_id, MEDIA_TYPES[upload.content_type].ending, *checked, upload.alt_text)
        if await self.store.put(f"media/{media_id}/about", orjson.dumps(tuple(medium))):
            self.tallies.completed += 1
        await self.store.remove(f"media/{media_id}/arrived")
        return medium

    async def attach(
        self, viewer_id: UserId, ids: Sequence[MediaId], tweet_id: TweetId
    ) -> Sequence[Medium] | UserError:
        """Take media for one tweet, all or none; taking them again for the same tweet answers the same."""
        if len(ids) > MEDIA_PER_TWEET_MAX or len(set(ids)) != len(ids):
            error = UserError("TOO_MANY_MEDIA", f"A tweet has at most {MEDIA_PER_TWEET_MAX} media, each of them once")
            return self.tallies.refuse(_at(error, "mediaIds"))
        found = await self._taken(viewer_id, ids, f"tweet:{tweet_id}")
        return self.tallies.refuse(_at(found, "mediaIds")) if isinstance(found, UserError) else found

    async def wear(self, viewer_id: UserId, media_id: MediaId) -> UserError | None:
        """Take a picture for a profile."""
        found = await self._taken(viewer_id, [media_id], f"user:{viewer_id}", MediaKind.IMAGE)
        return self.tallies.refuse(_at(found, "avatarMediaId")) if isinstance(found, UserError) else None

    async def worn(self, before: User, media_id: MediaId) -> None:
        """Have the avatar of a profile as it was before looked at after a while, unless it is still this medium."""
        found = _NUMBER.search(before.avatar_url or "")
        if found is not None and int(found[1]) != media_id:
            await self.doubt([MediaId(int(found[1]))])

    async def doubt(self, ids: Sequence[MediaId]) -> None:
        """Have media looked at after a while: what used them is about to go."""
        for media_id in ids:
            await self._look_later(media_id, self.clock_ms() + self.limits.gone_ms, "gone")

    async def sweep(self) -> int:
        """Look at the media whose time has come; answer how many were removed."""
        removed = 0
        for name in await self.store.names("looks/", LOOKS_PER_SWEEP):
            due_ms, media_id, why = name.removeprefix("looks/").split("-")
            if int(due_ms) > self.clock_ms():
                break
            if not await self._is_wanted(MediaId(int(media_id)), why):
                removed += await self.store.size(f"media/{media_id}/upload") is not None
                await self.store.remove(f"media/{media_id}/")
            await self.store.remove(name)
        self.tallies.removed += removed
        return removed

    async def _is_wanted(self, media_id: MediaId, why: str) -> bool:
        if why == "upload":
            return await self._medium(media_id) is not None
        used = await self.store.content(f"media/{media_id}/use")
        if used is None:
            return False
        kind, _, number = used.decode().partition(":")
        if kind == "tweet":
            (entry,) = await self.tweets.entries([TweetId(int(number))])
            return entry is not None and entry.gone_at is None
        (user,) = await self.users.get_many([UserId(int(number))])
        return user is not None and f"media/{media_id}/" in (user.avatar_url or "")

    async def _taken(
        self, viewer_id: UserId, ids: Sequence[MediaId], use: str, kind: MediaKind | None = None
    ) -> list[Medium] | UserError:
        """Take media for a use that nothing else has; what was taken before another was refused is let go again."""
        found = []
        for media_id in ids:
            upload, medium = await self._read_upload(media_id), await self._medium(media_id)
            if upload is None or medium is None or upload.owner_id != viewer_id:
                return NOT_FOUND
            if kind not in (None, medium.kind):
                return UserError("MEDIUM_NO_IMAGE", "Only a JPEG, PNG or WebP can be an avatar")
            found.append(medium)
        taken = []
        for media_id in ids:
            name = f"media/{media_id}/use"
            if await self.store.put(name, use.encode()):
                taken.append(name)
            elif await self.store.content(name) != use.encode():
                for each in taken:
                    await self.store.remove(each)
                return UserError("MEDIUM_IN_USE", "This medium belongs to another tweet or profile already")
        return found

    async def _read_upload(self, media_id: MediaId) -> Upload | None:
        content = await self.store.content(f"media/{media_id}/upload")
        return None if content is None else Upload(*orjson.loads(content))

    async def _medium(self, media_id: MediaId) -> Medium | None:
        content = await self.store.content(f"media/{media_id}/about")
        return None if content is None else Medium(*orjson.loads(content))

    async def _look_later(self, media_id: MediaId, due_ms: int, why: Why) -> None:
        await self.store.put(f"looks/{due_ms:013d}-{media_id}-{why}", b"")


def _refusal(asked: Asked, limits: UploadLimits) -> UserError | None:
    known = MEDIA_TYPES.get(asked.content_type)
    if known is None:
        return UserError("CONTENT_TYPE_INVALID", f"Media are {', '.join(MEDIA_TYPES)}", ("contentType",))
    most = limits.video_bytes_max if known.kind is MediaKind.VIDEO else limits.image_bytes_max
    if not 1 <= asked.byte_size <= most:
        return UserError("BYTE_SIZE_INVALID", f"Such a medium has 1 to {most:,} bytes", ("byteSize",))
    if asked.alt_text is not None and len(asked.alt_text) > ALT_TEXT_MAX:
        return UserError("ALT_TEXT_TOO_LONG", f"An alt text has at most {ALT_TEXT_MAX:,} characters", ("altText",))
    return None


def _at(error: UserError, *path: str) -> UserError:
    return UserError(error.code, error.message, path)
