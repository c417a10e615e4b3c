from collections.abc import Iterator

import orjson
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from infra.body_limit import BodyLimit


class Exchange:
    """One request in chunks, and what was sent back for it; counts how much of the body was asked for."""

    def __init__(self, *chunks: bytes, declared: int | None = None) -> None:
        headers = [] if declared is None else [(b"content-length", str(declared).encode())]
        self.scope: Scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": headers}
        self.read = 0
        self.sent: list[Message] = []
        self._chunks: Iterator[tuple[int, bytes]] = iter(enumerate(chunks, 1))
        self._last = len(chunks)

    async def receive(self) -> Message:
        number, chunk = next(self._chunks)
        self.read += len(chunk)
        return {"type": "http.request", "body": chunk, "more_body": number < self._last}

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    async def run(self, app: BodyLimit) -> "Exchange":
        await app(self.scope, self.receive, self.send)
        return self

    @property
    def status(self) -> int:
        (status,) = [int(message["status"]) for message in self.sent if message["type"] == "http.response.start"]
        return status

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    await Response(await Request(scope, receive).body())(scope, receive, send)


async def forgiving(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers 200 whatever becomes of the body."""
    while (await receive()).get("more_body"):
        pass
    await Response("fine")(scope, receive, send)


@pytest.mark.parametrize("chunks", [(b"x" * 100,), (b"x" * 50, b"x" * 50), (b"",), (b"x" * 60, b"", b"x" * 40)])
async def test_a_body_up_to_the_limit_passes_unchanged(chunks: tuple[bytes, ...]) -> None:
    exchange = await Exchange(*chunks).run(BodyLimit(echo, limit=100))
    assert (exchange.status, exchange.body) == (200, b"".join(chunks))


async def test_a_body_that_is_declared_too_large_is_not_read() -> None:
    exchange = await Exchange(b"x" * 101, declared=101).run(BodyLimit(echo, limit=100))
    assert (exchange.status, exchange.read) == (413, 0)
    exchange = await Exchange(b"x", declared=10**30).run(BodyLimit(echo, limit=100))
    assert exchange.status == 413


@pytest.mark.parametrize("app", [echo, forgiving])
async def test_a_chunked_body_is_read_no_further_than_the_chunk_that_is_too_much(app: ASGIApp) -> None:
    exchange = await Exchange(*[b"x" * 30] * 1000).run(BodyLimit(app, limit=100))
    assert (exchange.status, exchange.read) == (413, 120)
    (error,) = orjson.loads(exchange.body)["errors"]
    assert error["extensions"] == {"code": "BODY_TOO_LARGE"}
    assert b"fine" not in exchange.body


async def test_a_length_that_lies_does_not_help() -> None:
    exchange = await Exchange(b"x" * 101, declared=5).run(BodyLimit(echo, limit=100))
    assert exchange.status == 413


async def test_an_error_of_the_application_is_its_own() -> None:
    async def broken(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        await Exchange(b"x").run(BodyLimit(broken, limit=100))
