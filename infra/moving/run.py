"""The command `migrate-to`: a data folder into an empty cluster, through the log, proved at the end."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from time import monotonic

from rich.console import Console
from rich.table import Table

from infra.adapters.cassandra.session import CassandraSession
from infra.adapters.kafka.admin import KafkaAdmin
from infra.adapters.kafka.connection import KafkaAddress
from infra.auth import HEX, KEY_FILE, signing_key
from infra.clocks import Clocks
from infra.cluster.known import CassandraKnown
from infra.cluster.media import has_s3
from infra.cluster.parts import Connected, open_connected, store_url
from infra.data_folder import DataFolder
from infra.embedded import HOUR_MS, open_engine
from infra.importer.site import IMPORT_LOCK, site_on
from infra.moving.copying import copy_all
from infra.moving.folder import Folder
from infra.moving.media import MediaFile, compare_media, copy_media, media_of
from infra.moving.progress import Progress
from infra.moving.proof import Compared, compare
from infra.settings import Settings
from infra.settings_given import SettingsError
from loaders.errors import NotFound, Unavailable

COMMAND = "migrate-to"
CAUGHT_UP_S = 3_600.0
SERIES = "moved-from"
"""Beside the logs' epochs the cluster keeps which folder it was filled from, and, as number 2, that this is done."""
MARKS = "SELECT number, identity FROM epochs WHERE series = ?"
MARK = "INSERT INTO epochs (series, number, identity) VALUES (?, ?, ?) IF NOT EXISTS"
BEGUN, DONE = 1, 2


async def migrate_to(source: Settings, target: Settings, console: Console, clocks: Clocks | None = None) -> bool:
    """Copy a stopped data folder into a cluster, print what was compared, and answer whether both hold the same.

    A copy that was killed goes on where it was. Nothing is there twice, whatever is sent again. Raises `SettingsError`
    for the wrong kind of settings or another token key, `FolderTaken` while the folder is in use, `Unavailable` where
    the cluster holds other data, or the folder has changed since the copy was begun.
    """
    files = media_of(source)
    _check(source, target, files)
    clocks = clocks or Clocks()
    async with AsyncExitStack() as stack:
        stack.enter_context(DataFolder(source.data_dir, COMMAND, IMPORT_LOCK))
        stack.enter_context(DataFolder(source.data_dir, COMMAND))
        # What is in the folder's log alone is brought into its store first. With the cluster's key, since opening a
        # folder that has no key would make one.
        async with open_engine(replace(source, token_key=target.token_key), clocks) as engine:
            if not await engine.drained(CAUGHT_UP_S):
                raise Unavailable(f"The folder does not catch up with its own log: {engine.faults}")
        connected = await stack.enter_async_context(open_connected(target, clocks, gives_ids=True))
        cluster = await _cluster_name(connected, target)
        lifetime_ms = source.key_lifetime_hours * HOUR_MS
        progress = Progress.read(source.data_dir, cluster, clocks.now_ms() - lifetime_ms)
        folder = stack.enter_context(Folder.open(source, progress.since_ms))
        if await _begin(folder.identity(), connected):
            console.print("The cluster holds this folder already; comparing them again.")
        else:
            site = await site_on(connected, CassandraKnown(connected), clocks, source.data_dir)
            began_s = monotonic()
            with console.status(f"Copying {len(files):,} files of media"):
                await copy_media(files, connected.parts.media)
            sent = await copy_all(folder, connected, site.feed, progress, console)
            took_s = monotonic() - began_s
            console.print(f"{sent:,} rows in {took_s:,.1f} s, {sent / max(took_s, 1e-9):,.0f} rows/s")
        with console.status("Comparing"):
            found = await compare(folder, connected.session)
            if files:
                found = [*found, await compare_media(files, connected.parts.media)]
        _show(found, console)
        is_same = all(each.is_same for each in found)
        if is_same:
            await connected.session.conditional(MARK, SERIES, DONE, folder.identity())
    return is_same


def _check(source: Settings, target: Settings, files: Sequence[MediaFile]) -> None:
    if not source.is_embedded:
        raise SettingsError(("ROOST_LOG_URL: names a cluster; `migrate-to` copies from a data folder",))
    if target.is_embedded:
        raise SettingsError(("ROOST_LOG_URL: the file names no cluster to copy to",))
    if not source.database(source.tweets_url, "store").exists():
        raise NotFound(f"There is no data in {source.data_dir}.")
    if files and not has_s3(target):
        raise SettingsError(("ROOST_MEDIA_URL: the folder holds media, and the file names no S3 to copy them to",))
    key_file = source.data_dir / KEY_FILE
    if (source.token_key or key_file.exists()) and signing_key(source) != signing_key(target):
        raise SettingsError((_how_to_keep_tokens(source, key_file),))


def _how_to_keep_tokens(source: Settings, key_file: Path) -> str:
    begin = "ROOST_TOKEN_KEY: the cluster's key is not the folder's, and nobody's token would hold"
    if source.token_key:
        return f"{begin}; put the folder's ROOST_TOKEN_KEY into the file"
    return (
        f"{begin}; in the file, set it to what this prints:"
        f" echo \"ROOST_TOKEN_KEY={HEX}$(od -An -v -tx1 '{key_file}' | tr -d ' \\n')\""
    )


async def _cluster_name(connected: Connected, target: Settings) -> str:
    async with KafkaAdmin.open(KafkaAddress.parse(target.log_url)) as admin:
        return f"{store_url(target)} {await admin.topic_identity(connected.log.topics)}"


async def _begin(identity: str, connected: Connected) -> bool:
    """Claim an empty cluster for this folder, or find it claimed; answer whether all is copied."""
    session = connected.session
    marks: dict[int, str] = dict(await session.serial_rows(MARKS, SERIES))
    if not marks:
        if await _holds_anything(connected):
            raise Unavailable("The cluster holds data already: `migrate-to` needs an empty one.")
        await session.conditional(MARK, SERIES, BEGUN, identity)
        marks = dict(await session.serial_rows(MARKS, SERIES))
    begun = marks.get(BEGUN, "")
    if begun == identity:
        return DONE in marks
    if begun.partition(":")[0] == identity.partition(":")[0]:
        raise Unavailable("The folder was written to since the copy was begun: empty the cluster, and begin anew.")
    raise Unavailable("The cluster was filled from another data folder: `migrate-to` needs an empty one.")


async def _holds_anything(connected: Connected) -> bool:
    session: CassandraSession = connected.session
    for table, column in (("users", "id"), ("handles", "handle_key"), ("tweets_by_id", "id")):
        if await session.rows(f"SELECT {column} FROM {table} LIMIT 1"):
            return True
    return any(await connected.log.end())


def _show(found: Sequence[Compared], console: Console) -> None:
    table = Table("Kind", "In the folder", "In the cluster", "Digest", "")
    for each in found:
        digests = dict.fromkeys(f"{one.digest:016x}" for one in (each.here, each.there))
        counts = (f"{each.here.count:,}", f"{each.there.count:,}")
        table.add_row(each.name, *counts, " / ".join(digests), "same" if each.is_same else "DIFFERENT")
    console.print(table)
    if not all(each.is_same for each in found):
        console.print("The cluster does not hold what the folder does: do not serve from it.")
