"""Alerts, each fired by its fault: real servers, scraped by a real Prometheus that judges the rules as shipped.

Only the times are shorter: windows of seconds, and no waiting for what lasts.
"""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.test_alerts import FIRED_ON_A_CLUSTER
from tests.infra.alert_faults import FAULTS, Stand, stand
from tests.infra.alert_series import SERIES, rule_tests
from tests.prometheus import RULES, needs_prometheus, promtool
from tests.server_process import ROOT

__all__ = ["stand"]
RUNBOOKS = ROOT / "docs" / "operations" / "runbooks.md"


def rules() -> list[dict[str, Any]]:
    """Return the alerts as they are shipped."""
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def test_every_alert_has_a_runbook_and_a_fault_that_fires_it() -> None:
    headings = re.findall(r"^## (\w+)$", RUNBOOKS.read_text(encoding="utf-8"), re.MULTILINE)
    names = [rule["alert"] for rule in rules()]

    assert headings == names
    assert sorted([*FAULTS, *FIRED_ON_A_CLUSTER]) == sorted(names)
    assert sorted(SERIES) == sorted(names)
    for rule in rules():
        assert rule["annotations"]["runbook_url"] == f"docs/operations/runbooks.md#{rule['alert'].lower()}"
        assert rule["labels"]["severity"] in {"page", "ticket"}


@needs_prometheus
def test_promtool_has_nothing_to_say_against_the_rules_and_the_configuration() -> None:
    code, said = promtool("check", "config", str(RULES.with_name("prometheus.yml")))

    assert code == 0, said
    assert f"{len(rules())} rules found" in said


@needs_prometheus
@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.asyncio(loop_scope="module")
async def test_an_alert_is_fired_by_its_fault(stand: Stand, name: str) -> None:
    await stand.prometheus.calm(name)

    async with FAULTS[name](stand):
        await stand.prometheus.fired(name)


@needs_prometheus
def test_promtool_judges_each_rule_right_on_series_that_stand_for_its_fault_and_on_calm_ones(tmp_path: Path) -> None:
    (tmp_path / "alerts.yml").write_bytes(RULES.read_bytes())
    (tmp_path / "tests.yml").write_text(yaml.safe_dump(rule_tests({rule["alert"]: rule for rule in rules()})))

    code, said = promtool("test", "rules", str(tmp_path / "tests.yml"))

    assert code == 0, said
