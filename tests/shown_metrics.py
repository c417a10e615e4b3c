"""What /metrics of a process says, and what is documented of it."""

import re
from collections.abc import Mapping

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.server_process import ROOT, Account, ServerProcess, open_socket, sign_up

DOCUMENT = ROOT / "docs" / "operations" / "metrics.md"
ROW = re.compile(r"^\| `(roost_\w+)` \|(.*)$", re.MULTILINE)


async def told(http: httpx.AsyncClient, url: str) -> dict[str, dict[tuple[str, ...], float]]:
    """Return each sample by name and the values of its labels."""
    text = (await http.get(f"{url}/metrics")).text
    samples: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            samples.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
    return samples


def documented() -> Mapping[str, str]:
    """Return what the document says of each metric."""
    return dict(ROW.findall(DOCUMENT.read_text(encoding="utf-8")))


def names(text: str) -> set[str]:
    """Return the names of Roost's own metrics as they are documented, those of families without any series too."""
    return {
        f"{family.name}_total" if family.type == "counter" else family.name
        for family in text_string_to_metric_families(text)
        if family.name.startswith("roost_")
    }


async def busy(http: httpx.AsyncClient, server: ServerProcess) -> Account:
    """Let something of most kinds happen: pushed and pulled tweets, a socket that hears one, a page, an audit."""
    ada, bob, star = [await sign_up(http, server.url, handle) for handle in ("ada", "bob", "star")]
    fans = [await sign_up(http, server.url, f"fan{number}") for number in range(2)]
    await bob.follow(ada, star)
    for fan in fans:
        await fan.follow(star)
    await bob.home()
    async with open_socket(server.socket_url, bob.token) as one:
        await one.subscribe("HomeTimelineUpdates")
        await ada.tweet("pushed")
        await one.next()
        await star.tweet("pulled")
        await one.next()
    assert await bob.home() == ["pulled", "pushed"]
    assert (await bob.ask("Audit"))["missing"] == []
    await bob.run("query Wrong { nothing }")
    return bob
