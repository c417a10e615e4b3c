"""The queries of the dashboard, as Grafana sends them."""

import json
import math
from collections.abc import Iterator, Sequence

from tests.prometheus import Prometheus, until
from tests.server_process import ROOT

DASHBOARD = ROOT / "infra" / "deploy" / "grafana" / "roost.json"
CLUSTER = "Cluster"
"""The row of what is told on a cluster alone."""
RATE_INTERVAL = "1m"


def queries() -> Iterator[tuple[str, str, str]]:
    """Return row, panel and expression of each query; what Grafana puts in is put in."""
    row = ""
    for panel in json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]:
        if panel["type"] == "row":
            row = panel["title"]
        for target in panel.get("targets", ()):
            yield row, panel["title"], target["expr"].replace("$__rate_interval", RATE_INTERVAL)


async def answered(prometheus: Prometheus, panels: Sequence[tuple[str, str, str]]) -> None:
    """Wait until every query returns numbers; fail with the first that goes on returning none."""
    for row, panel, expression in panels:

        async def is_answered(expression: str = expression) -> bool:
            found = await prometheus.query(expression)
            return bool(found) and not all(math.isnan(float(each["value"][1])) for each in found)

        await until(is_answered, f"{row}: {panel}: nothing comes of {expression}")
