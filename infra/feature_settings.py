"""The settings of persisted documents, notifications, search, trends and media."""

from dataclasses import dataclass

from infra.setting_kinds import (
    BATCH,
    BYTES,
    COLLECTOR,
    COUNT,
    FILE,
    HOURS,
    KEY_ID,
    SECONDS,
    one_of,
    setting,
    url,
    whole,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureSettings:
    """Those of `Settings` that belong to one feature each."""

    documents: str = setting("any", one_of("any", "trusted"), "Documents that are run: any, or those of the file alone")
    documents_file: str = setting("", FILE, "JSON file of trusted documents by id, or Apollo's manifest of them")
    persisted_documents_max: int = setting(1_000, COUNT, "Documents that clients sent with their hash, and may name")
    notify_batch_size: int = setting(500, BATCH, "Events that the group notify handles in one batch")
    notifications_kept: int = setting(1_000, whole(20, 10_000), "Newest acts that notifications are made of, a viewer")
    notified_likes_max: int = setting(20, whole(1, 1000), "Likes of one tweet that its author is told of, the first")
    likes_alone_max: int = setting(3, whole(0, 1000), "Likes of one tweet that show each alone; further ones together")
    notifications_look_s: int = setting(15, SECONDS, "Seconds after which a stream looks whether it missed something")
    search_batch_size: int = setting(500, BATCH, "Events that the group search handles in one batch")
    search_gather_ms: int = setting(
        200, whole(0, 900), "How long the group search lets events gather: longer costs posts less"
    )
    search_length_max: int = setting(500, whole(1, 10_000), "Characters of a search's query")
    search_terms_max: int = setting(64, whole(1, 1000), "Words of a search's query")
    search_ranked_max: int = setting(500, whole(10, 100_000), "Newest matches that are ranked by relevance together")
    search_half_life_hours: int = setting(72, HOURS, "Age that halves a tweet's relevance")
    search_timeout_ms: int = setting(1_000, whole(10, 60_000), "Longest time of a search; over it UNAVAILABLE")
    searches_max: int = setting(200, COUNT, "Searches under way or waiting at once; over it UNAVAILABLE")
    trends_url: str = setting(
        "memory://", url("memory", "flink"), "What counts trends: this process, or a cluster's Flink at its REST port"
    )
    trends_batch_size: int = setting(500, BATCH, "Events that the group trends handles in one batch")
    trends_gather_ms: int = setting(200, whole(0, 900), "How long the group trends lets events gather")
    trends_lateness_minutes: int = setting(5, whole(0, 59), "Age up to which a tweet that comes late still counts")
    trends_baseline_hours: int = setting(24, whole(1, 168), "Hours before the window that tell what a term usually is")
    trends_authors_min: int = setting(2, whole(2, 10_000), "Distinct authors that a trend has within an hour")
    trends_ranked_max: int = setting(50, whole(1, 1000), "Trends that are told")
    trends_terms_max: int = setting(20_000, whole(100, 10_000_000), "Terms that are counted; the least give way")
    trends_authors_max: int = setting(
        200_000, whole(1000, 100_000_000), "Authors held of all terms and minutes; over it the largest term is sampled"
    )
    trends_tweets_max: int = setting(
        100_000, COUNT, "Newest tweets whose terms are kept, so that a deletion takes them back"
    )
    trends_told_max: int = setting(
        2_000, whole(10, 1_000_000), "Terms of a minute that Flink tells, those of the most authors"
    )
    trends_checkpoint_s: int = setting(10, whole(1, 3_600), "Seconds between the checkpoints of Flink's counting")
    public_url: str = setting("", COLLECTOR, "Where clients reach this server; without one by host and port, if set")
    cdn_url: str = setting("", COLLECTOR, "Where clients fetch media, a CDN in front of this server; else from it")
    cdn_key_id: str = setting("", KEY_ID, "Name of the key by which the CDN checks signed URLs")
    cdn_key_file: str = setting("", FILE, "PEM file of the RSA key that signs them; without one they are not signed")
    cdn_url_lifetime_hours: int = setting(24, HOURS, "How long a signed URL holds at least; at most twice as long")
    media_url: str = setting(
        "folder://", url("folder", "s3"), "Files of media; a cluster keeps them in S3, or has none"
    )
    media_store_timeout_ms: int = setting(
        5_000, whole(10, 600_000), "Longest wait for S3's answer, or its next bytes; over it UNAVAILABLE"
    )
    media_image_bytes_max: int = setting(10_000_000, BYTES, "Bytes of an uploaded picture")
    media_video_bytes_max: int = setting(50_000_000, BYTES, "Bytes of an uploaded film")
    media_pixels_max: int = setting(40_000_000, whole(10_000, 200_000_000), "Pixels of a picture")
    media_memory_mib: int = setting(1_024, whole(256, 65_536), "Memory that checking one medium may take")
    media_timeout_s: int = setting(30, whole(1, 600), "Longest time of checking one medium")
    media_prepared_at_once: int = setting(1, whole(1, 64), "Media checked at once, each by a process of its own")
    media_waiting_max: int = setting(50, COUNT, "Media that wait to be checked; over it UNAVAILABLE")
    media_transfers_max: int = setting(100, COUNT, "Media being uploaded at once; over it UNAVAILABLE")
    media_transfer_timeout_s: int = setting(300, SECONDS, "Longest time of an upload's PUT")
    media_upload_minutes: int = setting(60, whole(1, 1440), "How long an upload holds that is not completed")
    media_unused_hours: int = setting(24, HOURS, "How long a completed medium stays that nothing uses")
    media_gone_minutes: int = setting(60, whole(0, 525_600), "How long a deleted tweet's media can still be fetched")
    media_free_mb_min: int = setting(500, whole(0, 1_000_000), "Room on the disk that uploads leave free, in MB")
