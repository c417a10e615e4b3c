"""The tests by which each rule of the protocol stands, and what was planted to see them fail."""

from collections.abc import Mapping, Sequence

Proof = tuple[str, str]
"""What was planted, and a test that fails by it, as file::function below `tests`."""

RULES: Mapping[str, Sequence[Proof]] = {
    "L1": (
        (
            "fanout reads past store",
            "realtime/test_worker.py::test_fanout_never_handles_what_the_store_has_not_applied",
        ),
        ("the same on a cluster", "cluster/test_applied.py::test_nothing_is_seen_before_the_store_has_applied_it"),
        (
            "an offset is committed before its reference is published",
            "realtime/test_deliver.py::test_a_switch_is_stored_before_its_first_use_and_the_commit_comes_last",
        ),
    ),
    "L2": (
        (
            "a hub skips what is missing",
            "realtime/test_hub.py::test_what_was_lost_is_read_from_the_log_before_what_came_after_it",
        ),
        ("it takes what is behind H", "realtime/test_hub.py::test_what_came_before_is_dropped"),
        ("no heartbeat", "realtime/test_worker.py::test_a_worker_to_which_nothing_comes_says_how_far_it_is"),
        (
            "a gateway does not look how far fan-out is",
            "cluster/test_gateways.py::test_a_gateway_to_which_no_reference_comes_sees_each_second_what_it_missed",
        ),
    ),
    "L3": (
        (
            "H is copied after the sources were read",
            "realtime/test_home_stream.py::test_a_page_promises_nothing_that_came_while_its_sources_were_read",
        ),
        (
            "a cursor without X",
            "realtime/test_home_stream.py::test_what_a_page_shows_ahead_of_the_hub_is_not_told_again",
        ),
    ),
    "L4": (
        (
            "what is at or below the cursor is delivered; the cursor becomes H",
            "realtime/test_home_stream.py::test_a_socket_that_was_further_on_hears_nothing_old_and_its_cursor_never_goes_back",
        ),
        (
            "ids in X are delivered",
            "realtime/test_home_stream.py::test_what_a_page_shows_ahead_of_the_hub_is_not_told_again",
        ),
        (
            "H moves a turn before it is offered",
            "realtime/test_hub.py::test_what_follows_on_is_offered_in_order_and_moves_the_place",
        ),
    ),
    "L5": (
        ("epochs are not compared", "flows/test_live_resume.py::test_a_cursor_of_another_log_is_a_reset"),
        ("nor the retention", "flows/test_live_resume.py::test_a_cursor_that_the_log_no_longer_reaches_is_a_reset"),
        ("nor the replay budget", "flows/test_live_resume.py::test_too_much_to_replay_is_a_reset"),
        (
            "a mute is told in silence",
            "flows/test_live_home.py::test_a_change_of_ones_own_relations_resets_with_its_reason_and_the_stream_goes_on",
        ),
        (
            "doubt is taken for certainty",
            "realtime/test_view.py::test_what_a_view_tells_is_what_recomputing_everything_says",
        ),
    ),
    "L6": (
        (
            "a stream that goes on forgets what a page after a Reset showed",
            "flows/test_resume_at_the_seam.py::test_a_client_that_is_never_told_to_start_afresh_gets_everything_exactly_once",
        ),
    ),
    "F1": (
        (
            "late ids go to the head; ids are compared as numbers",
            "contracts/test_timeline_store.py::test_a_list_is_sorted_by_id_however_late_an_id_comes",
        ),
        (
            "an id that is there goes in again",
            "contracts/test_timeline_store.py::test_an_id_stands_once_whatever_is_replayed",
        ),
    ),
    "F2": (
        (
            "trimming leaves the floor as it was",
            "contracts/test_timeline_store.py::test_what_is_trimmed_raises_the_floor_and_nothing_above_it_is_missing",
        ),
        (
            "a page trusts the list below it",
            "flows/test_home_paging.py::test_scrolling_past_800_reaches_the_very_first_tweet",
        ),
    ),
    "F3": (
        (
            "any token finishes a build",
            "contracts/test_timeline_store.py::test_only_the_token_of_the_latest_build_counts",
        ),
    ),
    "F4": (
        (
            "eras are not compared",
            "cluster/test_redis_eras.py::test_lists_that_another_server_was_pushed_are_dropped_by_whoever_looks_first",
        ),
    ),
    "F5": (
        (
            "pushes that fail are forgotten",
            "realtime/test_deliver_without_cache.py::test_what_the_cache_does_not_take_is_pulled_and_the_streams_go_on",
        ),
    ),
    "F6": (
        (
            "a switch begins at the entry that brings it",
            "realtime/test_fanout.py::test_a_switch_that_a_late_entry_brings_begins_above_what_was_handled",
        ),
        (
            "references do not carry it",
            "realtime/test_modes.py::test_a_switch_travels_with_the_references_that_it_concerns_and_before_them",
        ),
        (
            "a hub passes it by",
            "realtime/test_modes.py::test_a_hub_reads_the_switches_anew_before_it_tells_of_what_follows_them",
        ),
        ("or does not after a hole", "realtime/test_modes.py::test_what_was_lost_may_have_been_a_switch"),
        (
            "a new edge is not pulled",
            "realtime/test_modes.py::test_who_is_newly_followed_is_pulled_until_the_list_has_been_filled",
        ),
    ),
    "F7": (
        ("the limit is two million", "infra/test_settings.py::test_no_push_limit_is_above_twenty_thousand"),
        (
            "the rate is left out",
            "realtime/test_fanout.py::test_who_posts_more_than_may_be_pushed_in_a_minute_is_pulled_however_few_follow",
        ),
    ),
    "F8": (
        ("hidden authors are read", "loaders/test_rules.py::test_authors_hidden_altogether_are_no_sources"),
        (
            "a page that stopped is complete, or has its last entry's cursor",
            "flows/test_home_paging.py::test_when_the_scan_stops_at_its_budget_the_page_says_so_and_its_cursor_goes_on",
        ),
        (
            "nothing is read past its end",
            "flows/test_home_rules.py::test_a_retweet_is_dropped_however_many_hidden_entries_lie_before_its_original",
        ),
    ),
    "F9": (
        (
            "there is no budget",
            "flows/test_home_hybrid.py::test_over_the_rebuild_budget_a_page_is_pulled_and_nothing_cached",
        ),
        (
            "any number is pulled",
            "realtime/test_deliver_without_cache.py::"
            "test_no_more_pages_are_read_without_the_cache_at_once_than_the_stores_bear",
        ),
    ),
    "F10": (
        (
            "readers read the new place alone during the move",
            "cluster/test_cassandra_followers.py::test_sixty_thousand_followers_move_into_buckets_while_they_are_read_and_change",
        ),
        (
            "fan-out lists all followers",
            "realtime/test_modes.py::test_no_more_followers_are_listed_than_the_push_limit_whatever_comes_late",
        ),
    ),
    "P1": (
        ("who comes second posts anew", "flows/test_idempotency.py::test_ten_at_once_are_one_tweet"),
        (
            "a retry appends other bytes",
            "realtime/test_posting.py::test_who_comes_again_with_a_key_whose_tweet_never_reached_the_log_appends_the_same_bytes",
        ),
        (
            "a transaction whose answer is lost has failed",
            "cluster/test_cassandra_accounts.py::test_a_lost_answer_is_read_back_and_whoever_won_hears_so",
        ),
    ),
    "P2": (
        ("the last place wins", "contracts/test_projection.py::test_an_act_replayed_after_its_end_does_not_come_back"),
        ("a hub tells of any place", "realtime/test_hub.py::test_a_deletion_takes_along_the_retweets_that_stood_then"),
    ),
    "P3": (
        (
            "what is not found yet does not exist; posts that lag fail",
            "realtime/test_posting.py::test_a_tweet_that_the_store_lags_behind_is_not_there_yet_and_never_not_found",
        ),
        (
            "an act is left out by what a store that lags says",
            "realtime/test_posting.py::test_the_last_act_wins_though_the_stores_have_not_heard_of_the_one_before",
        ),
    ),
    "P4": (
        ("keyed by actor, tweet or id", "realtime/test_events.py::test_events_are_ordered_by_author_liker_or_pair"),
        ("a pair is ordered", "loaders/test_places.py::test_a_pair_has_one_partition_whoever_acts"),
    ),
    "P5": (
        (
            "the whole retention counts",
            "realtime/test_backlog.py::test_posts_are_refused_while_the_store_lags_by_more_than_half_of_the_retention",
        ),
    ),
    "P6": (
        (
            "the log is trimmed ahead of fan-out",
            "infra/test_retention.py::test_the_log_forgets_what_every_group_has_handled_and_beyond_it_the_stores_are_the_truth",
        ),
    ),
    "C1": (
        (
            "the state before is not looked at",
            "contracts/test_projection.py::test_whatever_is_replayed_the_stores_hold_what_one_pass_makes_of_the_log",
        ),
        (
            "counts apply whatever their offset",
            "cluster/test_cassandra_tweets.py::test_what_a_crash_leaves_undone_the_replay_makes_up_for_and_counts_once",
        ),
        (
            "an offset is kept only where a count changed",
            "cluster/test_cassandra_tweets.py::test_changes_that_make_up_for_each_other_count_once_whichever_of_them_a_crash_leaves_out",
        ),
    ),
    "C2": (
        (
            "writes carry no stamp",
            "cluster/test_cassandra_tweets.py::test_what_a_dead_worker_had_on_its_way_changes_nothing_when_it_arrives_late",
        ),
        (
            "a key is reserved with one",
            "infra/test_cassandra_statements.py::test_no_table_is_written_both_with_stamps_and_by_lightweight_transactions",
        ),
    ),
    "V1": (
        ("a page shows what is gone", "loaders/test_rules.py::test_what_is_gone_belongs_still_but_is_not_visible"),
        ("a frame does", "flows/test_live_resume.py::test_a_replay_does_not_show_what_was_deleted_or_undone_since"),
        (
            "relations are cached for pages",
            "cluster/test_gateways.py::test_what_the_stores_have_hidden_no_page_and_no_frame_shows_though_the_gateway_has_not_heard_of_it",
        ),
    ),
    "V2": (
        (
            "trusted for ever",
            "realtime/test_remembered.py::test_a_gateway_that_has_not_heard_for_a_second_asks_the_stores",
        ),
        (
            "a stream does not wait for stores that do not answer",
            "realtime/test_home_stream.py::test_a_stream_pauses_while_no_store_says_what_may_be_shown",
        ),
    ),
    "V3": (
        (
            "hiding answers like posting",
            "realtime/test_posting.py::test_what_hides_something_is_not_done_until_it_is_hidden",
        ),
    ),
}
