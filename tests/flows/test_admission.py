"""Too much at once: what is admitted is done, and who is refused hears so, and when to come again."""

import asyncio
import json
from email.parser import BytesHeaderParser
from pathlib import Path

import httpx

from tests.server_process import Account, ServerProcess, open_socket, sign_up

TIMEOUT_S = 30.0
AT_ONCE = 100
POST = "mutation ($text: String!) { postTweet(input: {text: $text}) { tweet { id } userErrors { code } } }"


def request(author: Account, text: str) -> bytes:
    body = json.dumps({"query": POST, "variables": {"text": text}}).encode()
    lines = (
        "POST /graphql HTTP/1.1",
        "host: here",
        "connection: close",
        "content-type: application/json",
        f"authorization: Bearer {author.token}",
        f"content-length: {len(body)}",
    )
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def sent_at_once(port: int, requests: list[bytes]) -> list[tuple[int, str, str]]:
    """Send all without waiting in between; return each answer's status, Retry-After and body."""
    connections = [await asyncio.open_connection("127.0.0.1", port) for _ in requests]
    for (_, writer), each in zip(connections, requests, strict=True):
        writer.write(each)
    answers = []
    async with asyncio.timeout(TIMEOUT_S):
        for reader, writer in connections:
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
            status, _, fields = head.partition(b"\r\n")
            headers = BytesHeaderParser().parsebytes(fields)
            answers.append((int(status.split()[1]), headers.get("retry-after", ""), body.decode()))
            writer.close()
    return answers


async def test_all_who_come_back_at_once_with_their_cursors_hear_everything_and_nobody_is_sent_away(
    tmp_path: Path,
) -> None:
    async with (
        ServerProcess(tmp_path / "data", admission_wait_max_ms=1, admission_burst=1) as server,
        httpx.AsyncClient(timeout=TIMEOUT_S) as http,
    ):
        ada, bob = [await sign_up(http, server.url, handle) for handle in ("ada", "bob")]
        await bob.follow(ada)
        cursor = (await bob.ask("HomeTimeline"))["liveCursor"]
        missed = [f"missed {number}" for number in range(3)]
        for text in missed:
            await ada.tweet(text)

        async def come_back() -> list[str]:
            async with open_socket(f"ws://127.0.0.1:{server.port}/graphql", bob.token) as one:
                await one.subscribe("HomeTimelineUpdates", after=cursor)
                return [(await one.next(TIMEOUT_S))["tweet"]["text"] for _ in missed]

        heard = await asyncio.gather(*(come_back() for _ in range(AT_ONCE)))

        assert heard == [missed] * AT_ONCE


async def test_who_would_wait_too_long_is_told_to_come_again_and_loses_nothing(tmp_path: Path) -> None:
    async with (
        ServerProcess(tmp_path / "data", admission_wait_max_ms=5, admission_burst=1) as server,
        httpx.AsyncClient(timeout=TIMEOUT_S) as http,
    ):
        ada = await sign_up(http, server.url, "ada")
        texts = [f"tweet {number}" for number in range(AT_ONCE)]

        answers = dict(zip(texts, await sent_at_once(server.port, [request(ada, text) for text in texts]), strict=True))
        refused = [answer for answer in answers.values() if answer[0] != 200]

        assert 0 < len(refused) < AT_ONCE
        for status, retry_after, body in refused:
            assert (status, int(retry_after) >= 1) == (503, True)
            assert json.loads(body)["errors"][0]["extensions"]["code"] == "UNAVAILABLE"
        assert set(await ada.home()) == {text for text, answer in answers.items() if answer[0] == 200}
        metrics = (await http.get(f"{server.url}/metrics")).text
        assert f"roost_operations_refused_total {float(len(refused))}" in metrics
