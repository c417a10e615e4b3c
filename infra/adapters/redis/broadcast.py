"""The `broadcaster` library's backend on sharded pub/sub: it comes back by itself, and never grows without bound."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass

from broadcaster import Event
from redis.exceptions import MovedError, RedisError

from infra.adapters.redis.connection import Call, RedisConnection
from infra.adapters.redis.urls import Address
from loaders.errors import Unavailable


@dataclass(frozen=True, slots=True)
class BroadcastLimits:
    """What a broadcast may take: messages at hand, and seconds.

    A listener asks its server for a sign of life every `look_s`, and takes it for dead after `silent_s`. A publisher
    waits `publish_s` at most; after a failure it does not try again before a pause of up to `backoff_s`, which doubles
    up to `backoff_max_s`. A listener pauses likewise before it connects again.
    """

    messages_max: int = 10_000
    look_s: float = 1.0
    silent_s: float = 3.0
    publish_s: float = 1.0
    backoff_s: float = 0.1
    backoff_max_s: float = 5.0


class RedisBackend:
    """Carries messages between processes, and loses them rather than wait: rule L2 finds what is missing.

    One listener per channel. `alive` tells whether every channel is being listened to, and the last message went out;
    `dropped` and `unsent` count what was lost here for want of room, and for want of a server.
    """

    def __init__(
        self,
        connection: RedisConnection,
        limits: BroadcastLimits | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._connection = connection
        self._limits = limits or BroadcastLimits()
        self._chance = chance
        self._arrived: asyncio.Queue[Event] = asyncio.Queue(self._limits.messages_max)
        self._listeners: dict[str, _Listener] = {}
        self._publishing = asyncio.Lock()
        self._failures = 0
        self._publish_again_s = 0.0
        self.dropped = 0
        self.unsent = 0

    @property
    def alive(self) -> bool:
        """Whether messages come and go as far as this process can tell."""
        return not self._failures and all(listener.is_listening for listener in self._listeners.values())

    async def connect(self) -> None:
        """Do nothing: connections are made when they are needed."""

    async def disconnect(self) -> None:
        """Stop listening."""
        for channel in [*self._listeners]:
            await self.unsubscribe(channel)

    async def subscribe(self, channel: str) -> None:
        """Listen to a channel from now on; return once the server says so, or has had its time to."""
        listener = self._listeners[channel] = _Listener(
            self._connection, channel, self._limits, self._pause, self._take
        )
        listener.start()
        try:
            async with asyncio.timeout(self._limits.silent_s):
                await listener.subscribed.wait()
        except TimeoutError:
            # A gateway may come up before Redis does.
            return
        except asyncio.CancelledError:
            await self.unsubscribe(channel)
            raise

    async def unsubscribe(self, channel: str) -> None:
        """Stop listening to a channel."""
        await self._listeners.pop(channel).stop()

    async def publish(self, channel: str, message: str) -> None:
        """Send a message, in order with those of other tasks; it is lost if the server does not take it in time."""
        async with self._publishing:
            now_s = asyncio.get_running_loop().time()
            if now_s < self._publish_again_s:
                self.unsent += 1
                return
            call = Call(channel, ("SPUBLISH", channel, message))
            try:
                await self._connection.one(call, self._limits.publish_s)
            except Unavailable:
                self.unsent += 1
                self._failures += 1
                self._publish_again_s = asyncio.get_running_loop().time() + self._pause(self._failures)
            else:
                self._failures = 0

    async def next_published(self) -> Event:
        """Return the next message of any channel, waiting for one if need be."""
        return await self._arrived.get()

    def _take(self, channel: str, message: str) -> None:
        try:
            self._arrived.put_nowait(Event(channel, message))
        except asyncio.QueueFull:
            self.dropped += 1

    def _pause(self, failures: int) -> float:
        """Return how long to wait after so many failures, with full jitter."""
        longest_s: float = min(self._limits.backoff_max_s, self._limits.backoff_s * 2 ** min(failures - 1, 30))
        return longest_s * self._chance()


class _Listener:
    """One channel's connection, made again whenever it breaks, falls silent or its slot moves."""

    def __init__(
        self,
        connection: RedisConnection,
        channel: str,
        limits: BroadcastLimits,
        pause: Callable[[int], float],
        take: Callable[[str, str], None],
    ) -> None:
        self.is_listening = False
        self.subscribed = asyncio.Event()
        self._connection = connection
        self._channel = channel
        self._limits = limits
        self._pause = pause
        self._take = take
        self._failures = 0
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to listen."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Listen no more."""
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        nodes = self._connection.nodes
        while True:
            version = nodes.version
            try:
                address = nodes.owner(self._channel)
                if address is not None:
                    await self._listen(address)
            except MovedError as moved:
                nodes.moved(self._channel, Address(moved.host or (address.host if address else ""), moved.port))
            except (RedisError, OSError, TimeoutError):
                pass
            finally:
                self.is_listening = False
            self._failures += 1
            await asyncio.sleep(self._pause(self._failures))
            await nodes.refresh(version)

    async def _listen(self, address: Address) -> None:
        """Listen at one node until its connection breaks, or the slot leaves it."""
        client = self._connection.nodes.listener(address)
        try:
            async with client.pubsub() as pubsub:
                await pubsub.ssubscribe(self._channel)
                heard_s = now_s = asyncio.get_running_loop().time()
                while now_s - heard_s < self._limits.silent_s:
                    message = await pubsub.get_message(timeout=self._limits.look_s)
                    now_s = asyncio.get_running_loop().time()
                    if message is None:
                        await pubsub.ping()
                        continue
                    heard_s = now_s
                    match message["type"]:
                        case "smessage":
                            self._take(self._channel, message["data"].decode())
                        case "ssubscribe":
                            self._failures, self.is_listening = 0, True
                            self.subscribed.set()
                        case "sunsubscribe":
                            return
        finally:
            await client.aclose()
