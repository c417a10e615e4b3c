"""The trends job: its text, with the topics and bounds that settings name."""

from pathlib import Path
from string import Template

from infra.adapters.kafka.connection import RECORD_BYTES_MAX, KafkaAddress, Topics
from infra.settings import Settings
from realtime.partitions import Layout

TEXT = Path(__file__).parent / "trends.sql"


def job_name(log_url: str) -> str:
    """Return what the job of a log is called."""
    return f"{KafkaAddress.parse(log_url).prefix} trends"


def trends_job(log_url: str, settings: Settings) -> str:
    """Return the SQL that a Flink runs to count the trends of a cluster, whose log it reaches at this URL."""
    address = KafkaAddress.parse(log_url)
    topics = Topics(address.prefix, Layout())
    return Template(TEXT.read_text(encoding="utf-8")).substitute(
        name=job_name(log_url),
        prefix=address.prefix,
        servers=address.servers,
        terms=topics.trend_terms,
        counts=topics.trend_counts,
        record_bytes_max=RECORD_BYTES_MAX,
        checkpoint_s=settings.trends_checkpoint_s,
        authors_min=settings.trends_authors_min,
        # The empty term takes one place.
        terms_max=settings.trends_terms_max + 1,
        told_max=settings.trends_told_max + 1,
    )
