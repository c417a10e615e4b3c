"""Media on a cluster: a bucket that all gateways share, if the settings name one, and what is removed from it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from infra.adapters.guard import GuardLimits
from infra.adapters.no_media import NoMediaStore, NoMediaWorkshop
from infra.clocks import Clocks
from infra.media.service import workshop_of
from infra.settings import Settings
from loaders.media_ports import MediaStore, MediaWorkshop
from realtime.uploading import Uploading

if TYPE_CHECKING:
    from infra.adapters.s3_media import S3MediaStore

SWEEP_EVERY_S = 60.0
MINUTE_S = 60


@dataclass(frozen=True, slots=True)
class ClusterMedia:
    """The ports of media; `bucket` is what stands behind them, None if this cluster keeps none."""

    store: MediaStore
    workshop: MediaWorkshop
    bucket: "S3MediaStore | None" = None


def has_s3(settings: Settings) -> bool:
    """Tell whether media are kept in a bucket."""
    return settings.media_url.startswith("s3:")


@asynccontextmanager
async def open_media(settings: Settings, guard: GuardLimits) -> AsyncIterator[ClusterMedia]:
    """Open the bucket that the settings name. It connects when it is first used."""
    if not has_s3(settings):
        yield ClusterMedia(NoMediaStore(), NoMediaWorkshop())
        return
    # Its client takes a second to import, and memory, which a cluster without media does not need.
    from infra.adapters.s3_connection import S3Limits  # noqa: PLC0415
    from infra.adapters.s3_media import S3MediaStore  # noqa: PLC0415

    limits = S3Limits(timeout_s=settings.media_store_timeout_ms / 1_000, guard=guard)
    async with S3MediaStore.open(settings.media_url, limits) as bucket:
        yield ClusterMedia(bucket, workshop_of(settings, bucket), bucket)


async def sweep(uploading: Uploading, bucket: "S3MediaStore", settings: Settings, clocks: Clocks) -> None:
    """Remove what nothing uses any more, and what uploads that broke off have left. Two at once do no harm."""
    await uploading.sweep()
    lasted_s = settings.media_upload_minutes * MINUTE_S + settings.media_transfer_timeout_s
    await bucket.tidy(datetime.fromtimestamp(clocks.now_s() - lasted_s, UTC))
