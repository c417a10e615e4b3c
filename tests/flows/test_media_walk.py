"""The walk through an upload in docs/media.md, as it is shown there, against a server as its owner runs it."""

import asyncio
import json
import os
import re
import shutil
from pathlib import Path

import httpx
import pytest

from tests.media_files import picture
from tests.server_process import ROOT, ServerProcess, sign_up

WALK = re.compile(r"```sh\n(.*?)```", re.DOTALL)


async def test_the_walk_through_an_upload_works_as_shown(tmp_path: Path) -> None:
    if shutil.which("curl") is None or shutil.which("jq") is None:
        pytest.skip("the walk is shown with curl and jq")
    (tmp_path / "hat.jpg").write_bytes(picture(size=(400, 300)))
    (walk,) = WALK.findall((ROOT / "docs" / "media.md").read_text(encoding="utf-8"))
    async with httpx.AsyncClient(timeout=30.0) as http, ServerProcess(tmp_path / "data") as server:
        ada = await sign_up(http, server.url, "ada")
        given = {"ROOST": server.url, "TOKEN": ada.token, "FILE": str(tmp_path / "hat.jpg")}
        shell = await asyncio.create_subprocess_exec(
            *("bash", "-e", "-u", "-c", walk), env=os.environ | given, stdout=asyncio.subprocess.PIPE
        )
        output, _ = await shell.communicate()
        assert shell.returncode == 0, output
        first, end = json.JSONDecoder().raw_decode(output.decode())
        completed, posted = first["data"], json.loads(output.decode()[end:])["data"]
        url = posted["postTweet"]["tweet"]["media"][0]["url"]

        assert completed["completeMediaUpload"]["media"]["width"] == 400
        assert posted["postTweet"]["tweet"]["media"][0]["altText"] == "A hat"
        assert url.startswith(server.url)
        assert (await http.get(url)).headers["content-type"] == "image/jpeg"
        metrics = (await http.get(f"{server.url}/metrics")).text
        assert "roost_media_completed_total 1.0" in metrics
