"""A server is killed, frozen, cut off and broken away from while people act: what they were told holds afterwards.

Half a minute of it belongs to every run of the tests, always from the same seed; `make soak` has far more, from any.
"""

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest

from tests.proxy import Proxy
from tests.server_process import COMMAND, ROOT, ServerProcess, sign_up
from tests.soak.faults import Fault, plan
from tests.soak.people import Terms
from tests.soak.soak import FAULTS, SEED, Soak
from tests.soak.told import Outcome

SEED_DEFAULT, FAULTS_DEFAULT = 20, 8
ACTING, WATCHING = 5, 2
PATIENCE_S = 1.5
"""Who hears nothing for that long gives up: shorter than many faults, so that a good deal remains unknown."""
QUIET_S, LASTS_S = (0.2, 1.0), (0.2, 2.5)
ONE_MACHINE = Terms(refused_is_absent=True, hidden_s=0.0)
AUDIT_S = 120.0


def faults_of(server: ServerProcess, network: Proxy) -> Mapping[str, Fault]:
    """Return what can happen to one server and the network before it."""

    async def kill(_: float) -> None:
        server.kill()
        await server.start()

    async def freeze(seconds: float) -> None:
        server.freeze()
        await asyncio.sleep(seconds)
        server.thaw()

    async def cut(seconds: float) -> None:
        network.is_cut = True
        await asyncio.sleep(seconds)
        network.is_cut = False

    async def break_away(_: float) -> None:
        network.break_all()

    return {
        "server killed": kill,
        "server frozen": freeze,
        "network cut": cut,
        "connections broken": break_away,
    }


async def audited(data_dir: Path) -> str:
    """Audit as an operator does, nothing may be found; return what was said."""
    asked = await asyncio.create_subprocess_exec(
        *COMMAND,
        "audit",
        "--sample",
        "100",
        cwd=ROOT,
        env={"ROOST_DATA_DIR": str(data_dir)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(AUDIT_S):
        told, _ = await asked.communicate()
    assert asked.returncode == 0, told.decode()
    return told.decode().splitlines()[-1]


async def test_what_people_were_told_holds_whatever_happened_meanwhile(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seed, count = int(os.environ.get(SEED, SEED_DEFAULT)), int(os.environ.get(FAULTS, FAULTS_DEFAULT))
    async with (
        ServerProcess(tmp_path / "data", push_limit=6) as server,
        httpx.AsyncClient(timeout=PATIENCE_S) as http,
    ):
        network = Proxy("127.0.0.1", server.port)
        async with network.running():
            url = f"http://127.0.0.1:{network.port}"
            accounts = [await sign_up(http, url, f"soaked{number}") for number in range(ACTING + WATCHING)]
            soak = Soak(accounts, WATCHING, lambda: f"{url.replace('http', 'ws')}/graphql", ONE_MACHINE, seed)
            await soak.begin()
            faults = faults_of(server, network)
            planned = plan([*faults], count, QUIET_S, LASTS_S, seed)
            try:
                back_s = await soak.suffer(planned, faults)
            finally:
                with capsys.disabled():
                    sys.stdout.write(f"\n{SEED}={seed}\n" + "\n".join(soak.told.lines()) + "\n")
        said = await audited(tmp_path / "data")
    with capsys.disabled():
        sys.stdout.write("\n".join([soak.headline(back_s, planned), said, ""]))
    told = soak.told
    assert told.faults.keys() == faults.keys(), "each fault happened"
    assert all(told.total(outcome) for outcome in Outcome), "some of everything"
    assert len(soak.ledger.standing()) >= ACTING, "everybody could post afterwards"
