"""Who asks whether a server is ready is told the truth before it goes, and so is `roost doctor`."""

import asyncio
from pathlib import Path

import httpx

from tests.server_process import COMMAND, ROOT, ServerProcess, sign_up

NOTICE_S = 4


async def test_a_server_that_is_to_stop_says_so_first_and_serves_as_before_meanwhile(tmp_path: Path) -> None:
    async with (
        ServerProcess(tmp_path / "data", drain_notice_s=NOTICE_S) as server,
        httpx.AsyncClient(timeout=30.0) as http,
    ):
        ada = await sign_up(http, server.url, "ada")
        server.terminate()
        async with asyncio.timeout(NOTICE_S):
            while (ready := await http.get(f"{server.url}/health/ready")).status_code == 200:
                pass

        assert ready.status_code == 503
        assert ready.json()["parts"] == {"server": {"ready": False, "reason": "shutting down"}}
        async with httpx.AsyncClient() as somebody_new:
            assert (await somebody_new.get(f"{server.url}/health/live")).status_code == 200
        await ada.tweet("hello, still")
        assert await ada.home() == ["hello, still"]
        await server.wait()


async def test_the_doctor_asks_the_server_at_home_how_it_gets_on(tmp_path: Path) -> None:
    async def doctor(data_dir: Path) -> tuple[int | None, str]:
        asked = await asyncio.create_subprocess_exec(
            *COMMAND, "doctor", cwd=ROOT, env={"ROOST_DATA_DIR": str(data_dir)}, stdout=asyncio.subprocess.PIPE
        )
        told, _ = await asked.communicate()
        return asked.returncode, told.decode()

    async with ServerProcess(tmp_path / "data", drain_notice_s=30) as server:
        code, well = await doctor(tmp_path / "data")
        assert (code, "gets on well: server, " in well) == (0, True), well

        server.terminate()
        async with asyncio.timeout(20):
            while (told := await doctor(tmp_path / "data"))[0] == 0:
                pass
        assert "server" in told[1] and "shutting down" in told[1]

    assert "no Roost answers" in (await doctor(tmp_path / "data"))[1]
