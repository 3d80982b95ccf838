"""Dashboards and alerts: valid PromQL over metrics, labels and label values that there are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import promql_parser
import pytest
import yaml
from tests.deploy.conftest import DEPLOY, check_command

from brigade.control.metric_table import METRICS

KNOWN = {metric.name: metric for metric in METRICS}
OF_PROMETHEUS = {"instance", "job", "le"}
OF_THE_CLIENT = {"process_cpu_seconds_total", "process_resident_memory_bytes", "up"}


def alerts() -> list[dict]:
    rules = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text(encoding="utf-8"))
    return [rule for group in rules["groups"] for rule in group["rules"]]


def panels() -> list[dict]:
    dashboards = [json.loads(path.read_text(encoding="utf-8")) for path in (DEPLOY / "grafana").glob("*.json")]
    return [panel for dashboard in dashboards for panel in dashboard["panels"]]


def expressions() -> Iterator[tuple[str, str]]:
    for alert in alerts():
        yield alert["alert"], alert["expr"]
    for panel in panels():
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"].replace("$__rate_interval", "5m").replace("$replication", ".*")


def family(name: str) -> str:
    """What a series belongs to: a histogram has three kinds."""
    base = re.sub(r"_(bucket|sum|count)$", "", name)
    return base if base in KNOWN and KNOWN[base].kind == "histogram" else name


@pytest.mark.parametrize(("where", "expression"), list(expressions()), ids=lambda text: text[:40])
def test_each_expression_asks_for_what_there_is(where: str, expression: str):
    promql_parser.parse(expression)
    names = set(re.findall(r"\b((?:brigade|process)_\w+|up)\b", expression))
    assert names, where
    assert {family(name) for name in names} <= KNOWN.keys() | OF_THE_CLIENT
    for name, matchers in re.findall(r"\b(brigade_\w+)\{([^}]*)\}", expression):
        labels = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", re.sub(r'"[^"]*"', '""', matchers)))
        assert labels <= {*KNOWN[family(name)].labels} | OF_PROMETHEUS, where
    every = {label for name in names for label in (KNOWN[family(name)].labels if family(name) in KNOWN else ())}
    for grouped in re.findall(r"\b(?:by|without)\s*\(([^)]*)\)", expression):
        assert set(re.split(r",\s*", grouped)) <= every | OF_PROMETHEUS, where


def test_a_counter_is_only_looked_at_by_its_rate():
    for where, expression in expressions():
        for name in re.findall(r"\b(brigade_\w+_total)\b", expression):
            assert re.search(rf"(rate|increase)\({name}", expression), where


def test_every_metric_is_on_a_dashboard_or_in_an_alert():
    text = " ".join(expression for _, expression in expressions())
    shown = {family(name) for name in re.findall(r"\bbrigade_\w+", text)}
    assert KNOWN.keys() == shown


def test_each_alert_says_what_is_wrong_and_what_to_do():
    found = alerts()
    assert len({alert["alert"] for alert in found}) == len(found)
    for alert in found:
        assert alert["labels"]["severity"] in {"info", "warning", "critical"}
        assert alert["annotations"].keys() == {"summary", "description"}


def test_the_commands_that_alerts_name_exist():
    for alert in alerts():
        for command in re.findall(r"`brigade ([^`]+)`", alert["annotations"]["description"]):
            words = [
                word
                for word in command.split()
                if "{" not in word and "}" not in word and word != "$labels.replication"
            ]
            check_command(words)


def test_panels_do_not_overlap_and_have_titles():
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        assert panel["title"]
        taken |= cells
