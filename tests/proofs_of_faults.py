"""Which tests cause each fault that Roost is to withstand, and hold what follows against what was promised."""

from collections.abc import Mapping, Sequence

FAULTS: Mapping[str, Sequence[str]] = {
    "kill -9 api while posting": (
        "flows/test_kill.py::test_what_was_acknowledged_outlives_every_kill",
        "cluster/test_kills.py::test_what_was_acknowledged_outlives_gateways_and_workers",
        "soak/test_soak.py::test_what_people_were_told_holds_whatever_happened_meanwhile",
    ),
    "kill -9 fan-out worker mid-batch": (
        "cluster/test_kills.py::test_what_was_acknowledged_outlives_gateways_and_workers",
        "cluster/test_kafka_group.py::test_a_killed_members_partitions_are_taken_over_and_nothing_is_skipped",
    ),
    "kill -9 Kafka": (
        "cluster/test_kafka_faults.py::test_a_broker_killed_in_the_midst_of_posting_loses_nothing_acknowledged",
    ),
    "Kafka down 60 s during post": (
        "cluster/test_servers_away.py::test_while_the_log_is_away_for_long_posts_are_refused_soon_and_all_else_goes_on",
    ),
    "kill -9 / SIGSTOP Cassandra": (
        "cluster/test_servers_away.py"
        "::test_without_the_stores_pages_come_from_what_is_known_and_posts_are_refused_in_time",
    ),
    "FLUSHALL Redis": (
        "cluster/test_cache_loss.py::test_timelines_come_back_after_the_cache_is_emptied",
        "flows/test_home_hybrid.py::test_many_readers_at_once_share_one_rebuild",
    ),
    "Redis kill/restart": (
        "cluster/test_redis_broadcast.py::test_a_redis_that_is_started_again_is_listened_to_again",
        "cluster/test_redis_alone.py::test_a_killed_redis_is_unavailable_and_one_that_starts_again_has_no_lists",
    ),
    "Redis SIGSTOP 30 s": (
        "cluster/test_cache_away.py"
        "::test_nothing_waits_for_a_cache_that_hangs_or_is_gone_and_nothing_is_missing_afterwards",
    ),
    "partition api<->X": (
        "cluster/test_slow_and_cut.py::test_a_gateway_cut_off_from_the_stores_shows_nothing_that_others_hide_meanwhile",
        "soak/test_soak.py::test_what_people_were_told_holds_whatever_happened_meanwhile",
    ),
    "latency spike 500 ms ±300 on one dep": (
        "cluster/test_slow_and_cut.py::test_a_slow_cache_slows_nothing_that_does_not_need_it",
    ),
    "packet trickle / slow reader": (
        "infra/test_live_bounds.py::test_who_stops_reading_is_cut_off_with_bounded_memory_and_others_hear_everything",
        "infra/test_live_sse.py::test_who_stops_reading_an_event_stream_is_cut_off_with_bounded_memory",
    ),
    "duplicate delivery": (
        "contracts/test_projection.py::test_whatever_is_replayed_the_stores_hold_what_one_pass_makes_of_the_log",
    ),
    "reorder / rebalance": (
        "cluster/test_kafka_group.py::test_members_that_come_and_go_while_events_come_skip_none_and_repeat_none",
    ),
    "poison message": (
        "cluster/test_kafka_topics.py::test_poison_is_buried_with_all_that_helps_to_find_out_why",
        "contracts/test_projection.py::test_poison_goes_to_the_dead_letters_and_stops_nothing",
    ),
    "clock skew -5 s/+60 s": (
        "flows/test_clock_steps_back.py::test_no_acknowledged_tweet_is_lost_when_the_clock_was_set_back_over_a_restart",
        "cluster/test_cassandra_leases.py::test_a_clock_that_runs_ahead_of_the_lease_gives_no_ids",
    ),
    "disk full": (
        "flows/test_full_disk.py::test_while_the_disk_is_full_posts_are_refused_and_all_else_goes_on",
        "cluster/test_redis_alone.py::test_a_full_redis_refuses_and_says_so",
    ),
    "OOM / fd exhaustion": (
        "flows/test_few_files.py::test_who_is_connected_goes_on_though_no_more_files_can_be_opened",
    ),
    "reconnect storm": (
        "flows/test_admission.py"
        "::test_all_who_come_back_at_once_with_their_cursors_hear_everything_and_nobody_is_sent_away",
    ),
    "deploy under load": ("cluster/test_rolling.py::test_no_request_fails_while_everything_is_replaced",),
    "deleted/blocked during fan-out": (
        "cluster/test_gateways.py"
        "::test_what_the_stores_have_hidden_no_page_and_no_frame_shows_though_the_gateway_has_not_heard_of_it",
        "soak/test_soak.py::test_what_people_were_told_holds_whatever_happened_meanwhile",
    ),
    "celebrity": ("flows/test_home_hybrid.py::test_a_celebritys_tweet_is_pulled_into_the_followers_home",),
    "search down": (
        "cluster/test_search.py"
        "::test_what_one_gateway_takes_another_finds_and_a_search_that_is_away_takes_nothing_along",
    ),
    "S3 down": ("cluster/test_cluster_media.py::test_without_s3_uploads_are_unavailable_and_texts_go_on",),
}
