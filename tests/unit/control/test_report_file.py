from __future__ import annotations

import json
from pathlib import Path

import pytest

from brigade.control.report_file import ReportFile
from brigade.engine.report import ActionKind, Outcome
from brigade.errors import BrigadeError, UsageError
from brigade.objects import Proof


def outcome(key: str, error: str | None = None) -> Outcome:
    return Outcome(key, ActionKind.COPY, "missing at the target", Proof.ETAG, 7, error)


def test_each_outcome_is_a_line_with_the_promised_keys(tmp_path: Path):
    keys = ["plain", 'quo"te\\', "line\nbreak", "ü😀", "\udcff", "", "a\x00b"]
    with ReportFile(tmp_path / "r.jsonl") as report:
        for key in keys:
            report.outcome(outcome(key))
        report.outcome(outcome("bad", "it\nbroke"))
    lines = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    assert [line["key"] for line in lines] == [*keys, "bad"]
    assert lines[-1] == {
        "key": "bad",
        "action": "copy",
        "reason": "missing at the target",
        "proof": "etag",
        "size_bytes": 7,
        "error": "it\nbroke",
    }
    assert lines[0]["error"] is None


def test_the_report_of_a_run_that_failed_is_whole(tmp_path: Path):
    with pytest.raises(RuntimeError), ReportFile(tmp_path / "r.jsonl") as report:
        report.outcome(outcome("a"))
        raise RuntimeError
    assert len((tmp_path / "r.jsonl").read_text().splitlines()) == 1


def test_a_report_that_cannot_be_opened_is_refused_before_the_run(tmp_path: Path):
    with pytest.raises(UsageError, match=r"--report .*cannot be written: No such file"):
        ReportFile(tmp_path / "missing" / "r.jsonl")


def test_a_full_disk_does_not_stop_the_run_and_makes_it_fail():
    with pytest.raises(BrigadeError, match="not complete: No space left"), ReportFile(Path("/dev/full")) as report:
        for number in range(10_000):
            report.outcome(outcome(f"key-{number}"))


def test_the_error_of_the_run_is_not_hidden_by_that_of_its_report():
    with pytest.raises(RuntimeError, match="the run"), ReportFile(Path("/dev/full")) as report:
        report.outcome(outcome("a"))
        raise RuntimeError("the run")
