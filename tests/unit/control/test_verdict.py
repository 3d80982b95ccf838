from __future__ import annotations

import pytest

from brigade.control.verdict import exit_code, summary
from brigade.engine.report import Counts, RunResult


@pytest.mark.parametrize(
    ("result", "code"),
    [
        (RunResult(), 0),
        (RunResult(Counts(copied=5, skipped=3, unprovable=1)), 0),
        (RunResult(dry_run=True), 0),
        (RunResult(Counts(failed=1)), 1),
        (RunResult(Counts(conflicts=1)), 1),
        (RunResult(incomplete="page 3 could not be read"), 1),
        (RunResult(refusal="too many deletions"), 3),
        (RunResult(Counts(failed=1), refusal="too many deletions"), 3),
    ],
)
def test_the_exit_code_tells_the_truth(result: RunResult, code: int):
    assert exit_code(result) == code


def test_the_summary_has_the_promised_keys():
    counts = Counts(
        copied=2,
        copied_bytes=10,
        metadata_updated=1,
        deleted=3,
        skipped=4,
        failed=5,
        conflicts=6,
        unprovable=7,
        archived=8,
    )
    assert summary(RunResult(counts, duration_seconds=1.23456)) == {
        "copied": 2,
        "copied_bytes": 10,
        "metadata_updated": 1,
        "deleted": 3,
        "skipped": 4,
        "failed": 5,
        "conflicts": 6,
        "unprovable": 7,
        "duration_seconds": 1.235,
        "in_step": False,
        "refused": None,
        "incomplete": None,
        "dry_run": False,
        "archived": 8,
    }


def test_in_step_means_that_everything_was_looked_at_and_nothing_failed():
    assert summary(RunResult())["in_step"] is True
    for result in (
        RunResult(dry_run=True),
        RunResult(incomplete="x"),
        RunResult(refusal="x"),
        RunResult(Counts(failed=1)),
    ):
        assert summary(result)["in_step"] is False
