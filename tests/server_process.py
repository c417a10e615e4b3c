"""A real server as a process of its own on a free loopback port, and clients that talk to it as anybody would."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from tests.answers import Answer, contract

ROOT = Path(__file__).parents[1]
COMMAND = (sys.executable, "-c", "from infra.cli.main import main; main()")
CHEAP = {"ROOST_ARGON2_TIME_COST": "1", "ROOST_ARGON2_MEMORY_KIB": "8", "ROOST_ARGON2_THREADS": "1"}
START_S = 30.0
ANSWER_S = 10.0
LOOK_AGAIN_S = 0.02
PASSWORD = "correct horse battery"


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


class ServerProcess:
    """One data folder's server, which may be started and ended any number of times; it keeps its port.

    It is `roost serve`, or whatever `command` is. `settings` reach it as ROOST_* variables, `more` are other variables.
    What it writes is kept, and told by `output`. As a context it ends the process, and what that started, in any case.
    Starting and ending may take `patience_s` each.
    """

    patience_s = START_S

    def __init__(
        self,
        data_dir: Path,
        command: Sequence[str] = (*COMMAND, "serve"),
        more: Mapping[str, str] | None = None,
        port: int | None = None,
        **settings: object,
    ) -> None:
        self.data_dir = data_dir
        self.port = free_port() if port is None else port
        self.url = f"http://127.0.0.1:{self.port}"
        self.socket_url = f"ws://127.0.0.1:{self.port}/graphql"
        self._command = command
        self._log = data_dir.with_name(f"{data_dir.name}.{self.port}.log")
        named = {f"ROOST_{name.upper()}": str(value) for name, value in settings.items()}
        own = {"ROOST_DATA_DIR": str(data_dir), "ROOST_PORT": str(self.port), "ROOST_LOG_FORMAT": "json"}
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("ROOST_")}
        self._environ = {**inherited, **CHEAP, **own, **named, **(more or {})}
        self._process: subprocess.Popen[bytes] | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.end()

    @property
    def output(self) -> str:
        """Everything that the process has written so far."""
        return self._log.read_text(encoding="utf-8") if self._log.exists() else ""

    async def start(self) -> None:
        """Start, and wait until the server says that it is ready."""
        self.launch()
        async with asyncio.timeout(self.patience_s), httpx.AsyncClient() as http:
            while not await self._is_ready(http):
                assert self.code is None, f"the server ended with {self.code}:\n{self.output}"
                await asyncio.sleep(LOOK_AGAIN_S)

    def launch(self) -> None:
        """Start without waiting."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, cwd=ROOT, env=self._environ, stdout=log, stderr=log, start_new_session=True
            )

    @property
    def pid(self) -> int:
        """The process, running or not."""
        assert self._process is not None
        return self._process.pid

    @property
    def code(self) -> int | None:
        """What the process ended with; None while it runs."""
        assert self._process is not None
        return self._process.poll()

    async def wait(self) -> int:
        """Wait for the process to end by itself, and return what it ended with."""
        assert self._process is not None
        return await asyncio.to_thread(self._process.wait, self.patience_s)

    def terminate(self) -> None:
        """Ask the process to end."""
        assert self._process is not None
        self._process.terminate()

    async def stop(self) -> int:
        """Ask the process to end, wait for that, and return what it ended with."""
        self.terminate()
        return await self.wait()

    def kill(self) -> None:
        """End the process as a crash would."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def freeze(self) -> None:
        """Let the process hang: it holds its connections and answers nothing until `thaw`."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen one go on."""
        os.kill(self.pid, signal.SIGCONT)

    def end(self) -> None:
        """End whatever is left of it: the process leads a group of its own, which is all that it can have started."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    async def _is_ready(self, http: httpx.AsyncClient) -> bool:
        try:
            return (await http.get(f"{self.url}/health/ready")).status_code == 200
        except httpx.TransportError:
            return False


@dataclass(frozen=True)
class Account:
    """One person and their connection to a server. `id` is the account's global id."""

    handle: str
    id: str
    token: str
    http: httpx.AsyncClient
    url: str

    async def run(self, document: str, **variables: Any) -> Answer:
        """Send a query or mutation: one of the contract's by its name, any other by its text."""
        return await answered(self.http, self.url, document, variables, self.token)

    async def ask(self, document: str, **variables: Any) -> Any:
        """Send it, and return what the one root field answered; nothing may have gone wrong."""
        answer = await self.run(document, **variables)
        if isinstance(answer.value, dict):
            assert not answer.value.get("userErrors"), answer.value
        return answer.value

    async def tweet(self, text: str, **given: Any) -> str:
        """Post, and return the tweet's id."""
        return str((await self.ask("PostTweet", input={"text": text, **given}))["tweet"]["id"])

    async def follow(self, *others: "Account") -> None:
        """Follow others."""
        for other in others:
            await self.ask("Follow", id=other.id)

    async def home(self, first: int = 100) -> list[str]:
        """Return the texts of the newest page of the home timeline."""
        page = await self.ask("HomeTimeline", first=first)
        return [edge["node"]["text"] for edge in page["edges"]]


async def answered(
    http: httpx.AsyncClient, url: str, document: str, variables: Mapping[str, Any], token: str | None = None
) -> Answer:
    """Send one document; httpx.TransportError if no whole answer comes."""
    body = {"query": contract().get(document, document), "variables": variables}
    response = await http.post(f"{url}/graphql", json=body, headers=_bearer(token))
    content = response.json()
    return Answer(content.get("data"), content.get("errors", ()))


async def sign_up(http: httpx.AsyncClient, url: str, handle: str) -> Account:
    """Make an account, and sign in as it."""
    given = {"handle": handle, "displayName": handle.title(), "password": PASSWORD}
    payload = (await answered(http, url, "SignUp", {"input": given})).value
    assert not payload["userErrors"], payload
    return Account(handle, payload["viewer"]["id"], payload["token"], http, url)


class Socket:
    """A connection that speaks graphql-transport-ws, acknowledged already."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    async def subscribe(self, document: str, operation_id: str = "1", **variables: Any) -> None:
        """Begin an operation; what it yields is taken by `message` or `next`."""
        payload = {"query": contract().get(document, document), "variables": variables}
        await self.send({"id": operation_id, "type": "subscribe", "payload": payload})

    async def send(self, message: object) -> None:
        """Send one message."""
        await self._connection.send(json.dumps(message))

    async def message(self, timeout_s: float | None = ANSWER_S) -> dict[str, Any]:
        """Take the next message; websockets.ConnectionClosed once the server has closed the socket."""
        async with asyncio.timeout(timeout_s):
            message: dict[str, Any] = json.loads(await self._connection.recv())
            return message

    async def next(self, timeout_s: float | None = ANSWER_S) -> Any:
        """Take the next result, and return what its one root field says."""
        message = await self.message(timeout_s)
        assert message["type"] == "next", message
        return Answer(message["payload"].get("data"), message["payload"].get("errors", ())).value

    async def close_code(self) -> int | None:
        """Wait for the server to close the socket, and return the code it gave."""
        async with asyncio.timeout(ANSWER_S):
            await self._connection.wait_closed()
        return self._connection.close_code


@asynccontextmanager
async def open_socket(url: str, token: str | None = None, origin: str | None = None) -> AsyncIterator[Socket]:
    """Connect and be acknowledged; raises what the `websockets` library does if the server refuses."""
    async with connect(
        url,
        subprotocols=[Subprotocol("graphql-transport-ws")],
        origin=None if origin is None else Origin(origin),
        close_timeout=1.0,
    ) as connection:
        one = Socket(connection)
        await one.send({"type": "connection_init", "payload": {} if token is None else _bearer(token)})
        assert await one.message() == {"type": "connection_ack"}
        yield one


async def socket_updates(url: str, account: Account, document: str, **variables: Any) -> AsyncGenerator[Any, None]:
    """Subscribe over a socket and yield what comes; it ends with websockets.ConnectionClosed or OSError."""
    async with open_socket(url, account.token) as one:
        await one.subscribe(document, **variables)
        while True:
            yield await one.next(timeout_s=None)


async def event_updates(account: Account, document: str, **variables: Any) -> AsyncGenerator[Any, None]:
    """Subscribe over server-sent events and yield what comes, until the server ends it; or httpx.TransportError."""
    body = {"query": contract().get(document, document), "variables": variables}
    headers = {"accept": "text/event-stream", **_bearer(account.token)}
    timeout = httpx.Timeout(ANSWER_S, read=None)
    async with account.http.stream(
        "POST", f"{account.url}/graphql", json=body, headers=headers, timeout=timeout
    ) as response:
        assert response.status_code == 200, await response.aread()
        event = ""
        async for line in response.aiter_lines():
            name, _, value = line.partition(": ")
            if name == "event":
                event = value
            elif name == "data" and event == "next":
                content = json.loads(value)
                yield Answer(content.get("data"), content.get("errors", ())).value


def _bearer(token: str | None) -> dict[str, str]:
    return {} if token is None else {"authorization": f"Bearer {token}"}
