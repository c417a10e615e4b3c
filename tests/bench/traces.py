"""What tracing costs: processor time of the event loop for a page and a post, not traced, not drawn, and traced.

The three take turns request by request in one process, so that what else the machine does meanwhile meets all alike.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any

import orjson

from infra.app import PATH, Application, create_app
from infra.settings import Settings
from loaders.global_ids import encode_id
from loaders.records import User, UserId
from tests.answers import contract
from tests.bench.figures import Figure, Target
from tests.bench.run import Run, run_loop
from tests.collector import Collector

BENCH = "traces"
RATIO = 0.01
AUTHORS, TWEETS_EACH = 20, 3
DEARER_MAX = 1.03
OFF, PASSED, TRACED = "tracing off", "on, not drawn", "traced"


@dataclass(frozen=True, slots=True)
class Stand:
    """An application with a reader who follows some authors."""

    app: Application
    tokens: Sequence[str]

    async def ask(self, who: int, document: str, **variables: object) -> float:
        """Answer how many microseconds of this thread a request takes."""
        body = orjson.dumps({"query": contract()[document], "variables": variables})
        began_s = time.thread_time()
        # In a task of its own, as servers do it.
        answer = await asyncio.ensure_future(_answered(self.app, body, self.tokens[who]))
        took_us = 1e6 * (time.thread_time() - began_s)
        assert b'"errors"' not in answer, answer
        return took_us


def run(run: Run) -> list[Figure]:
    """Measure pages, then posts."""
    with watched() as collector:
        on = {"otlp_url": collector.url, "traces_per_s_max": 1_000_000}
        variants = {
            OFF: Variant({}),
            PASSED: Variant(on | {"trace_ratio": 0.0}),
            TRACED: Variant(on | {"trace_ratio": 1.0}),
        }
        took_us = run_loop(by_turns(run, BENCH, variants))
    return [figure for what in took_us for figure in _figures(what, took_us[what])]


@dataclass(frozen=True, slots=True)
class Variant:
    """An application to compare: its settings, and what is done to it before it is asked anything."""

    changes: Mapping[str, Any]
    prepare: Callable[[Application], None] = lambda _: None


@contextmanager
def watched() -> Iterator[Collector]:
    """Take the traces that are sent inside; there must be some."""
    # A machine that is busy makes operations slow, and their lines cost what is not asked for here.
    logging.disable(logging.WARNING)
    try:
        with Collector.running() as collector:
            yield collector
    finally:
        logging.disable(logging.NOTSET)
    assert collector.spans, "nothing was traced"


async def by_turns(run: Run, bench: str, variants: Mapping[str, Variant]) -> Mapping[str, Mapping[str, float]]:
    """Return, for a page and for a post, how many microseconds of processor time each variant took, at the median."""
    async with AsyncExitStack() as stack:
        stands = {}
        for number, (name, variant) in enumerate(variants.items()):
            folder = run.folder / f"{bench}-{number}"
            app = create_app(Settings.for_tests(folder, admission_burst=1_000, **variant.changes))
            await stack.enter_async_context(app.router.lifespan_context(app))
            variant.prepare(app)
            stands[name] = await _stand(app)
        found = {}
        for what, turns in (("page", run.rounds(1_000, 100)), ("post", run.rounds(200, 30))):
            run.say(f"{bench}: {what}")
            took: dict[str, list[float]] = {name: [] for name in stands}
            for turn in range(turns):
                for name, stand in stands.items():
                    took[name].append(await _once(stand, what, turn))
            found[what] = {name: median(values) for name, values in took.items()}
        return found


def _figures(what: str, took_us: Mapping[str, float]) -> list[Figure]:
    dearer = ((1 - RATIO) * took_us[PASSED] + RATIO * took_us[TRACED]) / took_us[OFF]
    return [
        *(Figure(BENCH, f"a {what}, {name}: processor time", value, "us") for name, value in took_us.items()),
        Figure(BENCH, f"a {what}, {RATIO:.0%} traced: times {OFF}", dearer, "", target=Target(below=DEARER_MAX)),
    ]


async def _once(stand: Stand, what: str, turn: int) -> float:
    if what == "page":
        return await stand.ask(0, "HomeTimeline", first=20)
    return await stand.ask(1, "PostTweet", input={"text": f"post {turn}"})


async def _stand(app: Application) -> Stand:
    services = app.state.engine.services
    named = [f"u{number}" for number in range(AUTHORS + 1)]
    users = [User(UserId(services.new_id()), name, name, "", 1, services.clock_ms()) for name in named]
    ids = await services.users.create_missing(users)
    stand = Stand(app, [services.tokens.issue(ids[name]).text for name in named])
    for number in range(1, AUTHORS + 1):
        await stand.ask(0, "Follow", id=encode_id("User", ids[named[number]]))
        for each in range(TWEETS_EACH):
            await stand.ask(number, "PostTweet", input={"text": f"tweet {each} of {number}"})
    return stand


async def _answered(app: Application, body: bytes, token: str) -> bytes:
    parts: list[bytes] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        parts.append(message.get("body", b""))

    headers = {"host": "a", "content-type": "application/json", "accept": "application/json", "user-agent": "bench"}
    headers["authorization"] = f"Bearer {token}"
    scope = {
        "type": "http",
        "method": "POST",
        "path": PATH,
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
        "extensions": {},
    }
    await app(scope, receive, send)
    return b"".join(parts)
