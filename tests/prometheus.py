"""A real Prometheus for tests, Debian's: it scrapes what they say, many times a second, and judges rules as fast."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import yaml

from tests.server_process import LOOK_AGAIN_S, ROOT, free_port

RULES = ROOT / "infra" / "deploy" / "prometheus" / "alerts.yml"
SERVER, TOOL = Path("/usr/bin/prometheus"), Path("/usr/bin/promtool")
SCRAPE_EVERY = "500ms"
START_S = 60.0
PATIENCE_S = 60.0
"""On a busy machine none of this is a test of speed."""


def prometheus_missing() -> str | None:
    """Why Prometheus cannot be run here, fit for a skip; None if it can."""
    absent = [str(path) for path in (SERVER, TOOL) if not path.exists()]
    return f"no {' and no '.join(absent)}: install Debian's prometheus" if absent else None


needs_prometheus: Final = pytest.mark.skipif(prometheus_missing() is not None, reason=str(prometheus_missing()))


def promtool(*arguments: str, given: str = "") -> tuple[int, str]:
    """Run promtool, and return its exit status and all that it said."""
    command = [str(TOOL), *arguments]
    done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=START_S, check=False)
    return done.returncode, done.stdout + done.stderr


class Prometheus:
    """One that runs."""

    def __init__(self, url: str, http: httpx.AsyncClient) -> None:
        self.url = url
        self._http = http

    async def query(self, expression: str) -> Sequence[Mapping[str, Any]]:
        """Return the series that an expression gives now, as {"metric": labels, "value": [time, text]}."""
        answer = await self._http.get(f"{self.url}/api/v1/query", params={"query": expression})
        content = answer.json()
        assert content["status"] == "success", content
        return list(content["data"]["result"])

    async def firing(self) -> set[str]:
        """Return the names of the alerts that fire."""
        answer = await self._http.get(f"{self.url}/api/v1/alerts")
        return {each["labels"]["alertname"] for each in answer.json()["data"]["alerts"] if each["state"] == "firing"}

    async def fired(self, name: str) -> None:
        """Wait until an alert fires."""
        await until(self._fires(name), f"{name} does not fire")

    async def calm(self, name: str) -> None:
        """Wait until an alert does not fire."""
        fires = self._fires(name)

        async def is_calm() -> bool:
            return not await fires()

        await until(is_calm, f"{name} goes on firing")

    def _fires(self, name: str) -> Callable[[], Awaitable[bool]]:
        async def fires() -> bool:
            return name in await self.firing()

        return fires


async def until(is_so: Callable[[], Awaitable[bool]], otherwise: str) -> None:
    """Wait until something is so, which only the outside can tell."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                if await is_so():
                    return
                await asyncio.sleep(LOOK_AGAIN_S)
    except TimeoutError:
        pytest.fail(otherwise)


@asynccontextmanager
async def prometheus(
    folder: Path,
    targets: Mapping[str, Sequence[str]],
    rules: Mapping[str, Any] | None = None,
    every: str = SCRAPE_EVERY,
) -> AsyncIterator[Prometheus]:
    """Run a Prometheus that scrapes host:port targets, by job, and judges rules; it ends with this."""
    port = free_port()
    configure(folder, targets, rules, every)
    process = launch(folder, port)
    try:
        async with httpx.AsyncClient(timeout=START_S) as http:
            one = Prometheus(f"http://127.0.0.1:{port}", http)

            async def is_ready() -> bool:
                assert process.poll() is None, (folder / "log").read_text(encoding="utf-8")
                try:
                    return (await http.get(f"{one.url}/-/ready")).status_code == 200
                except httpx.TransportError:
                    return False

            await until(is_ready, "Prometheus does not start")
            yield one
    finally:
        process.kill()
        process.wait()


def configure(folder: Path, targets: Mapping[str, Sequence[str]], rules: Mapping[str, Any] | None, every: str) -> None:
    """Write what Prometheus reads at its start."""
    folder.mkdir(parents=True)
    times = dict.fromkeys(("scrape_interval", "scrape_timeout", "evaluation_interval"), every)
    jobs = [{"job_name": job, "static_configs": [{"targets": [*hosts]}]} for job, hosts in targets.items()]
    config: dict[str, Any] = {"global": times, "scrape_configs": jobs}
    if rules is not None:
        (folder / "rules.yml").write_text(yaml.safe_dump(dict(rules)), encoding="utf-8")
        config["rule_files"] = ["rules.yml"]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config), encoding="utf-8")


def launch(folder: Path, port: int) -> subprocess.Popen[bytes]:
    """Start the process, its data and log in the folder."""
    options = [
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=warn",
    ]
    with (folder / "log").open("wb") as log:
        return subprocess.Popen([str(SERVER), *options], stdout=log, stderr=log)
