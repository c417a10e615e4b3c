"""Media as the settings say: the folder's store and workshop, the service over them, and what it tells of itself."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from infra.adapters.folder_media import FolderMediaStore
from infra.auth import signing_key
from infra.clocks import Clocks
from infra.media.urls import UploadSigner, base_of
from infra.media.workshop import ProcessWorkshop, WorkLimits
from infra.settings import Settings
from loaders.media_ports import MediaStore
from realtime.uploading import Tallies, Uploading, UploadLimits

if TYPE_CHECKING:
    from infra.engine import Parts

FOLDER = "media"
MB, MIB, HOUR_MS, MINUTE_MS = 1_000_000, 1 << 20, 3_600_000, 60_000


def open_media(settings: Settings) -> tuple[FolderMediaStore, ProcessWorkshop]:
    """Return the media of a data folder, and who checks them."""
    store = FolderMediaStore(settings.data_dir / FOLDER, settings.media_free_mb_min * MB)
    return store, workshop_of(settings, store)


def workshop_of(settings: Settings, store: MediaStore) -> ProcessWorkshop:
    """Return who checks the media of a store."""
    limits = WorkLimits(
        settings.media_prepared_at_once,
        settings.media_waiting_max,
        settings.media_timeout_s,
        settings.media_pixels_max,
        settings.media_memory_mib * MIB,
    )
    return ProcessWorkshop(store, limits)


def upload_signer(settings: Settings) -> UploadSigner:
    """Return what signs the URLs of uploads; all processes with one signing key sign alike."""
    return UploadSigner(signing_key(settings), base_of(settings))


def uploading_of(settings: Settings, clocks: Clocks, parts: "Parts") -> Uploading:
    """Return the service over a store of media."""
    limits = UploadLimits(
        settings.media_image_bytes_max,
        settings.media_video_bytes_max,
        settings.media_upload_minutes * MINUTE_MS,
        settings.media_unused_hours * HOUR_MS,
        settings.media_gone_minutes * MINUTE_MS,
    )
    return Uploading(
        parts.media,
        parts.workshop,
        parts.tweets,
        parts.users,
        limits,
        upload_signer(settings).ticket,
        parts.new_id,
        clocks.now_ms,
        Tallies(),
    )


def removed_tally(tallies: Tallies) -> Metric:
    """Return how many media this process has removed: on a cluster, a worker does."""
    return CounterMetricFamily("roost_media_removed", "Media removed: unfinished, unused or gone", tallies.removed)


def media_tallies(tallies: Tallies, transfers: int) -> Iterator[Metric]:
    """Yield what became of media, and how many are being uploaded."""
    yield CounterMetricFamily("roost_media_uploads_begun", "Uploads asked for", tallies.begun)
    yield CounterMetricFamily("roost_media_completed", "Media checked and made fit to be shown", tallies.completed)
    yield removed_tally(tallies)
    refused = CounterMetricFamily("roost_media_refused", "Media refused, by what was wrong", labels=["code"])
    for code, count in tallies.refused.items():
        refused.add_metric([code], count)
    yield refused
    yield GaugeMetricFamily("roost_media_transfers", "Media being uploaded", transfers)
