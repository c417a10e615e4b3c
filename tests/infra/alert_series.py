"""Series on which promtool judges the rules with the times they have: those of a fault, and those of a calm day."""

from collections.abc import Mapping
from typing import Any, NamedTuple

MINUTES = 80
AT = "75m"
JUDGED_EVERY = "5m"
"""As seldom as the longest time that an alert waits."""


class Case(NamedTuple):
    """Series of a fault and of a calm day, by name and labels, in promtool's notation; and the labels of the alert."""

    fault: Mapping[str, str]
    calm: Mapping[str, str]
    labels: Mapping[str, str] = {}


def steady(value: float) -> str:
    return f"{value}+0x{MINUTES}"


def rising(each_minute: float) -> str:
    return f"0+{each_minute}x{MINUTES}"


def braced(labels: Mapping[str, str]) -> str:
    return "{" + ",".join(f'{key}="{value}"' for key, value in labels.items()) + "}"


def gauge(name: str, fault: float, calm: float, **labels: str) -> Case:
    """Return a case of a value that stands."""
    series = name + braced(labels)
    return Case({series: steady(fault)}, {series: steady(calm)}, labels)


def shares(code: str, fault: float, calm: float) -> Case:
    """Return a case of errors among a thousand operations a minute."""
    errors = f'roost_operation_errors_total{{operation="Q",code="{code}"}}'
    count = 'roost_operation_duration_seconds_count{operation="Q"}'
    return Case({errors: rising(fault), count: rising(1000)}, {errors: rising(calm), count: rising(1000)})


def late(name: str, over: str, within: str, **labels: str) -> Case:
    """Return a case of two in a hundred that take so long; on a calm day, one in a thousand."""
    mine = "".join(f',{key}="{value}"' for key, value in labels.items())

    def series(slow: float) -> Mapping[str, str]:
        return {
            f'{name}_bucket{{le="{within}"{mine}}}': rising(1000 - slow),
            f'{name}_bucket{{le="{over}"{mine}}}': rising(1000),
            f'{name}_bucket{{le="+Inf"{mine}}}': rising(1000),
        }

    return Case(series(20), series(1), labels)


def rises(name: str, fault: float, calm: float, kept: Mapping[str, str], **more: str) -> Case:
    """Return a case of a counter that rises by so much a minute."""
    series = name + braced({**kept, **more})
    return Case({series: rising(fault)}, {series: rising(calm)}, kept)


HERE = {"instance": "a:1", "worker": "0"}

SERIES: Mapping[str, Case] = {
    "RoostDown": gauge("up", 0, 1, job="roost-work", instance="a:1"),
    "RoostGatewaySilent": gauge("roost_worker_up", 0, 1, worker="1"),
    "RoostNotReady": gauge("roost_part_ready", 0, 1, part="log"),
    "RoostDegraded": gauge("roost_part_degraded", 1, 0, part="timelines"),
    "RoostBreakerOpen": gauge("roost_breaker_open", 1, 0, dependency="timelines"),
    "RoostBroadcastDeaf": gauge("roost_broadcast_alive", 0, 1, instance="a:1"),
    "RoostInternalErrors": shares("INTERNAL_SERVER_ERROR", 20, 5),
    "RoostUnavailable": shares("UNAVAILABLE", 60, 40),
    "RoostOperationsRefused": rises("roost_operations_refused_total", 90, 30, HERE),
    "RoostSlow": late("roost_operation_duration_seconds", "2.5", "1.0"),
    "RoostLoopLag": late("roost_event_loop_lag_seconds", "0.5", "0.25", **HERE),
    "RoostGroupBehind": gauge("roost_lag_seconds", 31, 29, group="store"),
    "RoostDeadLetters": rises("roost_events_buried_total", 1, 0, {"group": "store"}, instance="a:1"),
    "RoostPoolFull": gauge("roost_pool_in_use", 95, 85, pool="cassandra"),
    "RoostTimelinesLate": late("roost_post_to_timeline_seconds", "2.048", "1.024"),
    "RoostSocketsLate": late("roost_post_to_socket_seconds", "2.048", "1.024"),
    "RoostSocketsRefused": rises("roost_sockets_closed_total", 12, 3, HERE, code="1013"),
    "RoostAuditFindings": rises("roost_audit_findings_total", 1, 0, {"kind": "missing"}, instance="a:1"),
}
BESIDE = {"RoostPoolFull": {'roost_pool_limit{pool="cassandra"}': steady(100)}}
"""What a case has in any event."""


def rule_tests(rules: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return promtool's tests: each alert fires on its fault, and not on a calm day."""
    tests = []
    for name, case in SERIES.items():
        rule, beside = rules[name], BESIDE.get(name, {})
        alert = {"exp_labels": {**case.labels, **rule["labels"]}, "exp_annotations": rule["annotations"]}
        for series, expected in ((case.fault, [alert]), (case.calm, [])):
            tests.append(
                {
                    "interval": "1m",
                    "input_series": [{"series": key, "values": value} for key, value in {**series, **beside}.items()],
                    "alert_rule_test": [{"eval_time": AT, "alertname": name, "exp_alerts": expected}],
                }
            )
    return {"rule_files": ["alerts.yml"], "evaluation_interval": JUDGED_EVERY, "tests": tests}
