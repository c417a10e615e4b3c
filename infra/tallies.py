"""What the parts count of themselves, as metrics: read when somebody asks, so that counting costs next to nothing."""

from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import NamedTuple, Protocol

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from infra.adapters.breaker import State
from infra.auth import Argon2Passwords
from loaders.records import Delivery
from realtime.audit import AUDITS, DUPLICATE, MISSING, UNEXPECTED
from realtime.deliver import Deliver
from realtime.events import TweetPosted
from realtime.latencies import Latencies
from realtime.trends import TrendCounter
from realtime.worker import FANOUT, NOTIFY, SEARCH, STORE, TRENDS
from resolvers.context import Services


class Pool(NamedTuple):
    """How much of something bounded is taken, and how much there is of it."""

    in_use: int
    limit: int


class Breaking(Protocol):
    """Something that refuses calls while it is not closed."""

    opened: int

    @property
    def state(self) -> State:
        """What would become of a call now."""


class Carrying(Protocol):
    """A broadcast that says how it is."""

    @property
    def alive(self) -> bool:
        """Whether messages come and go."""

    @property
    def lost(self) -> int:
        """How many batches were lost here."""


def services_tallies(services: Services) -> Iterator[Metric]:
    """Return what acts, pages and audits come to."""
    appended = services.posting.appending.appended
    yield CounterMetricFamily("roost_tweets_posted", "Tweets, replies and quotes posted", appended[TweetPosted])
    events = CounterMetricFamily("roost_events_appended", "Events appended to the log", labels=["event"])
    for kind, count in sorted((kind.__name__, count) for kind, count in appended.items()):
        events.add_metric([kind], count)
    yield events
    served = services.home.served
    yield CounterMetricFamily("roost_timelines_served", "Pages of home timelines served", served.pages)
    yield CounterMetricFamily("roost_timelines_incomplete", "Pages whose scan stopped at its budget", served.incomplete)
    entries = CounterMetricFamily("roost_entries_served", "Entries on pages, by how they came", labels=["delivery"])
    entries.add_metric(["pushed"], served.entries - served.pulled)
    entries.add_metric(["pulled"], served.pulled)
    yield entries
    yield CounterMetricFamily("roost_timelines_rebuilt", "Home timelines rebuilt", services.home.rebuilds.done)
    yield CounterMetricFamily(
        "roost_pulls_refused", "Pages refused, over the budget for reads without a list", services.home.pulls.refused
    )
    found = services.audit.found
    yield CounterMetricFamily("roost_audits", "Home timelines audited", found[AUDITS])
    findings = CounterMetricFamily("roost_audit_findings", "What audits found to be wrong", labels=["kind"])
    for kind in (MISSING, UNEXPECTED, DUPLICATE):
        findings.add_metric([kind], found[kind])
    yield findings


def home_pools(services: Services) -> Mapping[str, Pool]:
    """Return the pools of every process that serves pages."""
    rebuilds, pulls = services.home.rebuilds, services.home.pulls
    pools = {
        "pulls": Pool(pulls.under_way, pulls.most),
        "rebuilds": Pool(rebuilds.under_way, rebuilds.concurrent_max),
    }
    if isinstance(services.passwords, Argon2Passwords):
        pools["passwords"] = Pool(services.passwords.waiting, services.passwords.waiting_max)
    return pools


def pool_tallies(pools: Mapping[str, Pool]) -> Iterator[Metric]:
    """Return how full pools are."""
    in_use = GaugeMetricFamily("roost_pool_in_use", "What is taken of a bounded pool, or waits for it", labels=["pool"])
    limit = GaugeMetricFamily("roost_pool_limit", "How much there is of a bounded pool", labels=["pool"])
    for name, pool in pools.items():
        in_use.add_metric([name], pool.in_use)
        limit.add_metric([name], pool.limit)
    yield from (in_use, limit)


def breaker_tallies(breakers: Mapping[str, Breaking]) -> Iterator[Metric]:
    """Return which breakers refuse calls."""
    is_open = GaugeMetricFamily("roost_breaker_open", "Whether calls are refused", labels=["dependency"])
    opened = CounterMetricFamily("roost_breaker_opened", "Times that calls began to be refused", labels=["dependency"])
    for name, breaker in breakers.items():
        is_open.add_metric([name], breaker.state is not State.CLOSED)
        opened.add_metric([name], breaker.opened)
    yield from (is_open, opened)


def broadcast_tallies(broadcast: Carrying) -> Iterator[Metric]:
    """Return whether the broadcast is heard."""
    yield GaugeMetricFamily("roost_broadcast_alive", "Whether references come and go", float(broadcast.alive))
    yield CounterMetricFamily("roost_broadcast_lost", "Batches of references that were lost here", broadcast.lost)


def deliver_tallies(deliver: Deliver) -> Iterator[Metric]:
    """Return what fan-out wrote, and how late."""
    yield CounterMetricFamily("roost_entries_pushed", "Entries written to timelines", deliver.entries_pushed)
    yield CounterMetricFamily(
        "roost_pushes_given_up", "Batches that the cache did not take: they are pulled", deliver.pushes_given_up
    )
    took: dict[tuple[str, ...], Latencies] = {
        ("pushed",): deliver.took[Delivery.PUSHED],
        ("pulled",): deliver.took[Delivery.PULLED],
    }
    about = "From an entry's id to when every follower's page has it"
    yield latencies("roost_post_to_timeline_seconds", about, took, ["delivery"])


def buried_tallies(buried: Mapping[str, int]) -> Iterator[Metric]:
    """Return how many events became dead letters; groups without any are told too, so that the first one shows."""
    family = CounterMetricFamily("roost_events_buried", "Events put among the dead letters", labels=["group"])
    for group, count in ({STORE: 0, FANOUT: 0, NOTIFY: 0, SEARCH: 0, TRENDS: 0} | dict(buried)).items():
        family.add_metric([group], count)
    yield family


def trend_tallies(counter: TrendCounter) -> Iterator[Metric]:
    """Return what counting trends comes to, and how much of its bounds it takes."""
    tweets = CounterMetricFamily("roost_trend_tweets", "Tweets looked at for trends, by outcome", labels=["outcome"])
    outcomes = {"counted": counter.counted, "late": counter.late, "taken_back": counter.taken_back}
    for outcome, count in outcomes.items():
        tweets.add_metric([outcome], count)
    yield tweets
    yield CounterMetricFamily("roost_trend_terms_displaced", "Terms that gave way to others", counter.displaced)
    yield GaugeMetricFamily("roost_trend_terms", "Terms held to be counted", counter.terms)
    yield GaugeMetricFamily("roost_trend_authors", "Authors held, by term and minute", counter.held)
    yield GaugeMetricFamily("roost_trends", "Terms that trend", len(counter.ranking))


def state_tallies(states: Mapping[str, Mapping[str, object]]) -> Iterator[Metric]:
    """Return what readiness is judged by, and how far groups are behind the log."""
    ready = GaugeMetricFamily("roost_part_ready", "Whether a part is ready", labels=["part"])
    degraded = GaugeMetricFamily("roost_part_degraded", "Whether a part is done without", labels=["part"])
    events = GaugeMetricFamily("roost_lag_events", "Events of the log that are not handled yet", labels=["group"])
    seconds = GaugeMetricFamily("roost_lag_seconds", "Age of the oldest event not handled yet", labels=["group"])
    for name, state in states.items():
        ready.add_metric([name], float(bool(state.get("ready"))))
        degraded.add_metric([name], float("degraded" in state))
        for family, key in ((events, "lag_events"), (seconds, "lag_s")):
            lag = state.get(key)
            if isinstance(lag, int | float):
                family.add_metric([name], lag)
    yield from (ready, degraded, events, seconds)


def latencies(name: str, about: str, took: Mapping[tuple[str, ...], Latencies], labels: list[str]) -> Metric:
    """Return a histogram in seconds, by the values of its labels."""
    family = HistogramMetricFamily(name, about, labels=labels)
    for values, each in took.items():
        reached = list(accumulate(each.counts))
        bounds = [str(2**n / 1_000) for n in range(len(reached) - 1)] + ["+Inf"]
        family.add_metric(values, list(zip(bounds, reached, strict=True)), each.sum_ms / 1_000)
    return family
