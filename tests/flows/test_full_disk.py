"""The disk under the data folder is full: posts are refused, all else goes on, and with room all is as before.

The folder lies on a file system of its own, which only the server sees: a small one in memory, in a name space of its
own, which needs no privilege where users may have such.
"""

import asyncio
import subprocess
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.flows.killed_people import insist, whole_home
from tests.server_process import COMMAND, Account, ServerProcess, Socket, open_socket, sign_up

OWN_DISK = ("unshare", "--map-root-user", "--mount")
MOUNTED = 'mount -t tmpfs -o size=24m none "$ROOST_DATA_DIR" && exec "$@"'
WRITTEN_BYTES = 4_096
REFUSALS = 5
ATTEMPTS_MAX = 2_000
BACK_S = 30.0


class Disk:
    """The file system of a server's data folder, seen through its process."""

    def __init__(self, server: ServerProcess) -> None:
        self._filler = Path(f"/proc/{server.pid}/root{server.data_dir}/filler")

    def fill(self) -> None:
        """Leave no room at all."""
        with self._filler.open("ab", buffering=0) as file, suppress(OSError):
            while True:
                file.write(b"x" * WRITTEN_BYTES)

    def free(self) -> None:
        """Make room again."""
        self._filler.unlink()


async def posted_until_refused(author: Account, disk: Disk) -> list[str]:
    """Post until that is refused a few times in a row; return what was acknowledged."""
    acknowledged: list[str] = []
    refused = 0
    for number in range(ATTEMPTS_MAX):
        disk.fill()
        text = f"post {number}"
        answer = await author.run("PostTweet", input={"text": text})
        if answer.codes:
            assert answer.codes == ["UNAVAILABLE"]
            refused += 1
            if refused == REFUSALS:
                return acknowledged
        else:
            refused = 0
            acknowledged.append(text)
    raise AssertionError("nothing was ever refused")


async def log_state(http: httpx.AsyncClient, server: ServerProcess) -> dict[str, object]:
    answer = await http.get(f"{server.url}/health/ready")
    state: dict[str, object] = answer.json()["parts"]["log"]
    return {"status": answer.status_code, **state}


async def heard(socket: Socket, texts: list[str]) -> None:
    """Take what a stream tells until all of these were told."""
    left = {*texts}
    while left:
        left.discard((await socket.next())["tweet"]["text"])


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A folder for a file system of its own."""
    if subprocess.run([*OWN_DISK, "true"], check=False, capture_output=True).returncode:
        pytest.skip("no file system of one's own may be had here")
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


async def test_while_the_disk_is_full_posts_are_refused_and_all_else_goes_on(data_dir: Path) -> None:
    command = (*OWN_DISK, "sh", "-c", MOUNTED, "sh", *COMMAND, "serve")
    async with ServerProcess(data_dir, command) as server, httpx.AsyncClient(timeout=30.0) as http:
        disk = Disk(server)
        ada, bob = [await sign_up(http, server.url, name) for name in ("ada", "bob")]
        await bob.follow(ada)
        async with open_socket(server.socket_url, bob.token) as socket:
            await socket.subscribe("HomeTimelineUpdates")
            await ada.tweet("before")
            await heard(socket, ["before"])

            acknowledged = ["before", *await posted_until_refused(ada, disk)]
            page, state = await bob.home(), await log_state(http, server)
            refused = await http.post(
                f"{server.url}/graphql",
                json={"query": 'mutation { postTweet(input: {text: "in vain"}) { tweet { id } } }'},
                headers={"authorization": f"Bearer {ada.token}", "accept": "application/graphql-response+json"},
            )
            await socket.send({"type": "ping"})
            while (message := await socket.message())["type"] == "next":
                pass

            assert page[-1] == "before" and {*page} <= {*acknowledged}
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
            assert message == {"type": "pong"}
            assert state["degraded"] == "posts are refused; pages and open streams go on"
            assert "full" in str(state["because"]) and state["since"]

            disk.free()
            async with asyncio.timeout(BACK_S):
                while (state := await log_state(http, server))["status"] != 200 or "degraded" in state:
                    pass
            await insist(ada, "PostTweet", input={"text": "after", "idempotencyKey": "after"})
            acknowledged.append("after")
            async with asyncio.timeout(BACK_S):
                while [edge["node"]["text"] for edge in (await whole_home(bob))[0]] != acknowledged[::-1]:
                    pass
            await heard(socket, ["after"])
        audit = await bob.ask("Audit")
        assert (audit["missing"], audit["unexpected"], audit["duplicates"]) == ([], [], [])
