"""Live events rendered once for all sockets that would be sent the same bytes."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from functools import partial
from inspect import isawaitable
from typing import Any, Final, cast
from uuid import uuid4
from weakref import WeakValueDictionary

import orjson
import strawberry
from graphql import (
    DocumentNode,
    ExecutionResult,
    Executor,
    GraphQLError,
    OperationDefinitionNode,
    create_source_event_stream,
    execute,
)
from strawberry.execution import optimized_is_awaitable
from strawberry.http import GraphQLRequestData

from infra.graphql_errors import internal_error, public_errors
from infra.live_plan import Audience, Reading, read_document
from infra.live_renderings import Rendering, Renderings
from loaders.bundle import NO_MARKS
from loaders.errors import RoostError
from loaders.records import TweetId, UserId, ViewerMarks
from realtime.mailbox import MailboxOverflow
from realtime.updates import TweetAdded
from resolvers.context import Context, Services
from schema.documents import CachedDocuments

FRESH_S: Final = 1.0
KEPT_BYTES_MAX: Final = 8_000_000
READINGS_MAX: Final = 1_000


class Refused(Exception):
    """A subscription that cannot begin, or go on: `errors` say why."""

    def __init__(self, errors: Sequence[GraphQLError]) -> None:
        super().__init__(errors[0].message if errors else "Refused")
        self.errors = errors


@dataclass(frozen=True, slots=True, weakref_slot=True, eq=False)
class Plan:
    """How events show to all who subscribed alike: one object for one document, operation and set of variables."""

    audience: Audience
    document: DocumentNode
    operation_name: str | None
    variables: dict[str, Any] | None


_Key = tuple[Plan, UserId | None, bool, bool, type, object]


class LiveExecutor:
    """Runs subscriptions: events come from each subscriber's own stream, and what they show is rendered together.

    One execution serves all who asked alike, get an equal event, and would see the same (`Audience`). It sees as an
    anonymous viewer does, since the streams themselves have judged who may see the event. A rendering is handed out
    for `fresh_s` seconds, so that counts and names in it are no older; it is kept in at most `kept_bytes_max` bytes.
    `monotonic_s` answers seconds that never run backwards. `executed` counts the executions.
    """

    def __init__(
        self,
        schema: strawberry.Schema,
        services: Services,
        *,
        monotonic_s: Callable[[], float] = time.monotonic,
        new_id: Callable[[], str] = lambda: uuid4().hex,
        fresh_s: float = FRESH_S,
        kept_bytes_max: int = KEPT_BYTES_MAX,
    ) -> None:
        self._schema = schema._schema
        self._executor_class: type[Executor[Any]] = schema.execution_context_class or Executor
        self._documents = next(each for each in schema.extensions if isinstance(each, CachedDocuments))
        self._services = services
        self._new_id = new_id
        self._readings: OrderedDict[tuple[str, str | None], Reading] = OrderedDict()
        self._plans: WeakValueDictionary[tuple[str, str | None, bytes], Plan] = WeakValueDictionary()
        self._kept = Renderings(monotonic_s, fresh_s, kept_bytes_max)
        self._tasks: set[asyncio.Task[None]] = set()
        self.executed = 0

    def checked(self, data: GraphQLRequestData) -> tuple[DocumentNode, OperationDefinitionNode]:
        """Answer a request's document and the operation to run, or raise `Refused`; the limits are those of HTTP."""
        document, errors = self._documents.check(
            self._schema, data.query or "", data.operation_name, data.variables or {}
        )
        if document is None or errors:
            raise Refused(errors)
        operations = [each for each in document.definitions if isinstance(each, OperationDefinitionNode)]
        named = [each for each in operations if each.name and each.name.value == data.operation_name]
        return document, (named or operations)[0]

    async def open(
        self, data: GraphQLRequestData, document: DocumentNode, operation: OperationDefinitionNode, context: Context
    ) -> tuple[Plan, AsyncGenerator[object, None]]:
        """Begin a subscription that `checked` has passed: answer how its events show, and the events themselves.

        Raises `Refused` when the stream cannot begin.
        """
        return self._plan(data, document, operation), await self._source(data, document, context)

    async def payloads(
        self, data: GraphQLRequestData, document: DocumentNode, operation: OperationDefinitionNode, context: Context
    ) -> AsyncGenerator[tuple[object, bytes], None]:
        """Run a subscription that `checked` has passed; yield each event, and the JSON of what it shows.

        Raises `Refused` when the stream cannot begin or go on, `MailboxOverflow` when it was not read in time.
        """
        plan, source = await self.open(data, document, operation, context)
        with refusing():
            async with aclosing(source):
                async for event in source:
                    yield event, (await self.rendered(plan, event, context.viewer_id)).payload

    def begun(self, plan: Plan, event: object, viewer_id: UserId | None) -> Rendering | None:
        """Answer the rendering that shows an event to those who asked alike, finished or not.

        None for an event that cannot be compared with others. `rendered` answers for that one too.
        """
        if plan.audience is Audience.VIEWER:
            return self._shared(plan, event, viewer_id, NO_MARKS)
        found = self._kept.get_same(plan, event)
        return self._shared(plan, event, None, NO_MARKS) if found is None else found

    @staticmethod
    def suits(plan: Plan, event: object, viewer_id: UserId | None, rendering: Rendering) -> bool:
        """Tell whether a finished rendering is what this viewer is to see, or their marks are to be looked up first.

        A tweet that nobody has liked or retweeted needs no look-up for each viewer. What is replayed may have been
        liked since by whoever asks for it again, and so is looked up in any case.
        """
        if plan.audience is not Audience.ALIKE or viewer_id is None or not isinstance(event, TweetAdded):
            return True
        return not event.replayed and not rendering.may_be_marked

    async def rendered(self, plan: Plan, event: object, viewer_id: UserId | None) -> Rendering:
        """Answer the finished rendering that shows an event to a viewer."""
        rendering = self.begun(plan, event, viewer_id)
        if rendering is None:
            return await self._alone(plan, event, viewer_id)
        await rendering.wait()
        if not self.suits(plan, event, viewer_id, rendering):
            added = cast(TweetAdded, event)
            (marks,) = await self._services.loader_stores.tweets.marks(cast(UserId, viewer_id), [added.entry.root_id])
            if marks != NO_MARKS:
                marked = self._shared(plan, event, None, marks)
                assert marked is not None, "what was shared without marks can be with them"
                await marked.wait()
                return marked
        return rendering

    async def close(self) -> None:
        """Stop what is being rendered; call it when no subscription is left."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _source(
        self, data: GraphQLRequestData, document: DocumentNode, context: Context
    ) -> AsyncGenerator[object, None]:
        executor = self._executor_class.build(
            self._schema, document, None, context, data.variables, data.operation_name, hide_suggestions=True
        )
        if isinstance(executor, list):
            raise Refused(executor)
        source = create_source_event_stream(executor)
        if isawaitable(source):
            source = await source
        if isinstance(source, ExecutionResult):
            raise Refused(source.errors or ())
        return cast(AsyncGenerator[object, None], source)

    def _plan(self, data: GraphQLRequestData, document: DocumentNode, operation: OperationDefinitionNode) -> Plan:
        text, name, given = data.query or "", data.operation_name, data.variables or {}
        reading = self._readings.get((text, name))
        if reading is None:
            reading = self._readings[text, name] = read_document(self._schema, document, operation)
            if len(self._readings) > READINGS_MAX:
                self._readings.popitem(last=False)
        relevant = {each: given[each] for each in sorted(reading.variables) if each in given}
        key = (text, name, orjson.dumps(relevant))
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plans[key] = Plan(reading.audience, document, name, data.variables)
        return plan

    def _shared(self, plan: Plan, event: object, viewer_id: UserId | None, marks: ViewerMarks) -> Rendering | None:
        key = (plan, viewer_id, marks.has_liked, marks.has_retweeted, type(event), event)
        try:
            rendering = self._kept.get(key)
        except TypeError:
            return None  # it cannot be compared with others
        if rendering is None:
            rendering = Rendering()
            is_for_all = viewer_id is None and marks == NO_MARKS
            self._kept.put(key, rendering, plan if is_for_all else None, event)
            # It runs apart, so that whoever asked first may go without taking it away from the others.
            task = asyncio.ensure_future(self._render(rendering, plan, event, viewer_id, marks))
            self._tasks.add(task)
            task.add_done_callback(partial(self._ended, key, rendering))
        return rendering

    async def _alone(self, plan: Plan, event: object, viewer_id: UserId | None) -> Rendering:
        """Render an event that cannot be compared with others."""
        rendering = Rendering()
        await self._render(rendering, plan, event, viewer_id, NO_MARKS)
        return rendering

    def _ended(self, key: _Key, rendering: Rendering, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if key[0].audience is Audience.VIEWER:
            self._kept.drop(key)
        else:
            self._kept.weigh(key, rendering)

    async def _render(
        self, rendering: Rendering, plan: Plan, event: object, viewer_id: UserId | None, marks: ViewerMarks
    ) -> None:
        self.executed += 1
        context = Context(self._services, viewer_id)
        try:
            if plan.audience is Audience.ALIKE and isinstance(event, TweetAdded):
                rendering.may_be_marked = await _mark(context, event.entry.root_id, marks)
            rendering.finish(await self._executed(plan, event, context))
        except Exception as error:
            rendering.finish(orjson.dumps({"data": None, "errors": [internal_error(error, self._new_id())]}))
        except asyncio.CancelledError:
            rendering.abandon()
            raise

    async def _executed(self, plan: Plan, event: object, context: Context) -> bytes:
        outcome = execute(
            self._schema,
            plan.document,
            root_value=event,
            context_value=context,
            variable_values=plan.variables,
            operation_name=plan.operation_name,
            executor_class=self._executor_class,
            is_awaitable=cast(Any, optimized_is_awaitable),
            hide_suggestions=True,
        )
        result = await outcome if isawaitable(outcome) else outcome
        payload: dict[str, Any] = {"data": result.data}
        if result.errors:
            payload["errors"] = public_errors(result.errors, self._new_id())
        return orjson.dumps(payload)


async def _mark(context: Context, tweet_id: TweetId, marks: ViewerMarks) -> bool:
    """Let a context see a tweet as viewers with these marks do; answer whether any viewer can have marks on it."""
    try:
        tweet = await context.loaders.tweets.get(tweet_id)
    except RoostError:
        return True  # the execution meets the same, and says so in its answer
    if tweet is None:
        return False
    if marks != NO_MARKS:
        marked = tweet._replace(viewer_has_liked=marks.has_liked, viewer_has_retweeted=marks.has_retweeted)
        context.loaders.tweets.prime(tweet_id, marked)
    return tweet.like_count > 0 or tweet.retweet_count > 0


@contextmanager
def refusing() -> Iterator[None]:
    """Turn what ends a subscription by an error into `Refused`; a mailbox that overflows is no error of its own."""
    try:
        yield
    except (MailboxOverflow, Refused):
        raise
    except Exception as error:
        as_graphql = error if isinstance(error, GraphQLError) else GraphQLError(str(error), original_error=error)
        raise Refused([as_graphql]) from error
