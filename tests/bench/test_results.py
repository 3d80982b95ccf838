from __future__ import annotations

from pathlib import Path

import pytest
from bench.contest import Contest, Run
from bench.measure import Measured
from bench.results import Document, failures, ratio
from bench.sizes import SMOKE
from bench.targets import verdicts

from bench import results, tables


def a_run(wall_seconds: float, cpu_seconds: float = 1.0, trouble: str = "") -> Run:
    return Run(Measured(wall_seconds, cpu_seconds, cpu_seconds, 1 << 20, 0, "", ""), 0.5, trouble)


@pytest.fixture
def document() -> Document:
    contest = Contest("small", "few small objects", "object", 100, 3, {}, lambda *_: "")
    runs = {
        "brigade": [a_run(1.0), a_run(2.0), a_run(4.0)],
        "rclone": [a_run(2.0, 4.0), a_run(2.0, 3.0), a_run(2.0, 2.0)],
        "rclone-unverified": [a_run(1.0), a_run(9.0, trouble="3 of 100 objects are missing"), a_run(1.0)],
        "floor": [a_run(9.0, trouble="exit code 1")] * 3,
    }
    document = results.document(SMOKE, [(contest, runs)])
    document["targets"] = verdicts(document["workloads"])
    return document


def test_ratios_pair_runs_of_the_same_round(document: Document) -> None:
    assert ratio(document["workloads"]["small"], "wall_seconds", "rclone", "brigade") == 1.0
    assert ratio(document["workloads"]["small"], "cpu_seconds", "brigade", "rclone") == pytest.approx(1 / 3)


def test_a_failed_run_is_told_and_counts_in_no_figure(document: Document) -> None:
    unverified = document["workloads"]["small"]["tools"]["rclone-unverified"]

    assert unverified["wall_seconds"] == 1.0
    assert "small rclone-unverified: 3 of 100 objects are missing" in failures(document)
    assert "3 of 100 objects are missing" in tables.as_text(document)
    assert "3 of 100 objects are missing" in tables.as_markdown(document)


def test_figures_of_one_workload_are_summed_up_and_held_to_their_limit() -> None:
    contest = Contest("lag", "writes that follow", "write", 100, 3, {}, lambda *_: "")
    runs = [a_run(1.0)._replace(figures={"median_seconds": seconds, "p99_seconds": 2.0}) for seconds in (0.1, 0.3, 0.2)]
    document = results.document(SMOKE, [(contest, {"brigade": runs})])

    median, p99 = verdicts(document["workloads"])

    assert (median["measured"], median["reached"]) == (0.2, False)
    assert (p99["measured"], p99["reached"]) == (2.0, False)


def test_what_costs_nothing_is_compared_with_nothing() -> None:
    contest = Contest("gateway-get", "requests", "request", 100, 1, {}, lambda *_: "")
    document = results.document(SMOKE, [(contest, {"brigade": [a_run(1.0)], "direct": [a_run(0.5, 0.0)]})])
    document["targets"] = verdicts(document["workloads"])

    assert ratio(document["workloads"]["gateway-get"], "cpu_seconds", "brigade", "direct") is None
    assert "direct" in tables.as_text(document)


def test_a_target_without_a_whole_pair_is_not_reached(document: Document) -> None:
    against_floor = next(verdict for verdict in document["targets"] if "floor" in verdict["text"])

    assert against_floor["measured"] is None
    assert not against_floor["reached"]


def test_who_cannot_take_part_stands_in_the_tables_with_the_reason_and_is_no_failure() -> None:
    left_out = {"rclone": "it has no such backend"}
    contest = Contest("clouds-s3-gcs", "a pair", "object", 100, 1, {}, lambda *_: "", left_out=left_out)
    document = results.document(SMOKE, [(contest, {"brigade": [a_run(1.0)]})])
    document["targets"] = []

    assert "clouds-s3-gcs  rclone   left out: it has no such backend" in tables.as_text(document)
    assert "| clouds-s3-gcs | rclone | left out: it has no such backend |" in tables.as_markdown(document)
    assert failures(document) == []


def test_the_tables_go_between_the_markers_of_the_page(document: Document, tmp_path: Path) -> None:
    page = tmp_path / "benchmarks.md"
    page.write_text(f"before\n{tables.BEGIN}\nold\n{tables.END}\nafter\n")

    tables.write_docs(document, page)

    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "| small | brigade |" in text
    assert "old" not in text
