"""`roost migrate`: the topics and tables of a cluster, made and brought up to date."""

from collections.abc import Sequence

from infra.adapters.cassandra.epochs import epoch_of
from infra.adapters.cassandra.migrations import migrate as migrate_tables
from infra.adapters.cassandra.session import CassandraSession
from infra.adapters.kafka.admin import KafkaAdmin
from infra.adapters.kafka.connection import KafkaAddress, Topics
from infra.adapters.opensearch.urls import is_opensearch
from infra.clocks import Clocks
from infra.cluster.media import has_s3
from infra.cluster.parts import HOUR_MS, holder_name, layout_of, store_url
from infra.settings import Settings
from infra.settings_given import SettingsError

FIRST = ("SELECT id FROM tweets_by_id LIMIT 1", "SELECT id FROM users LIMIT 1")
KNOWN_WITHIN_S = 30.0
"""How long topics may be known to some brokers alone."""


async def migrate(settings: Settings, clocks: Clocks | None = None) -> Sequence[str]:
    """Make what is missing, and answer what was done, as sentences. Any number may run at once, and again."""
    if settings.is_embedded:
        raise SettingsError(
            ("ROOST_LOG_URL: names no cluster; a data folder needs no migration, it is made on opening",)
        )
    clocks = clocks or Clocks()
    url = store_url(settings)
    applied = await migrate_tables(url, settings.replication, clocks.now_ms, holder_name())
    said = [f"applied migration {number:04d} to the tables" for number in applied]
    address = KafkaAddress.parse(settings.log_url)
    topics = Topics(address.prefix, layout_of(settings))
    async with KafkaAdmin.open(address) as admin, CassandraSession.open(url) as session:
        said += await admin.make(topics, settings.log_retention_hours * HOUR_MS)
        epoch = await epoch_of(session, await admin.topic_identity(topics, KNOWN_WITHIN_S))
        if is_opensearch(settings.search_url):
            said += await _make_index(settings, session, clocks)
    return [*said, *await _media(settings), f"the cluster is up to date; its log is of epoch {epoch}"]


async def _make_index(settings: Settings, session: CassandraSession, clocks: Clocks) -> Sequence[str]:
    """Make the search index, unless it is there; it has all that there is if there is nothing yet."""
    # The client takes long to load, and only who has an OpenSearch needs it.
    from infra.adapters.opensearch.connection import OpenSearchConnection  # noqa: PLC0415
    from infra.adapters.opensearch.indices import Indices  # noqa: PLC0415

    is_empty = not any([await session.rows(text) for text in FIRST])
    async with OpenSearchConnection.open(settings.search_url) as connection:
        if not await Indices(connection, settings.replication - 1).ensure(is_empty, label=str(clocks.now_ms())):
            return []
    said = "made the search index"
    return [said if is_empty else f"{said}: `roost rebuild search` fills it with what is there already"]


async def _media(settings: Settings) -> Sequence[str]:
    """Make the bucket of media, if there is to be one."""
    if not has_s3(settings):
        return []
    from infra.adapters.s3_connection import S3Connection  # noqa: PLC0415 - see `infra.cluster.media`
    from infra.adapters.s3_doctor import make_bucket  # noqa: PLC0415

    async with S3Connection.open(settings.media_url) as connection:
        return [f"made bucket {connection.address.bucket}"] if await make_bucket(connection) else []
