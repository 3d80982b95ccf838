"""`make bench` in miniature: real servers, real peers, every workload, and nothing left behind."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from bench.run import main
from bench.workloads import WORKLOADS

pytestmark = pytest.mark.server
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("results")
    # A process of its own, as `make bench` starts it: the servers die with it, whatever happens.
    ran = subprocess.run(
        [sys.executable, "-m", "bench", "--size", "smoke", "--results", str(directory)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=55,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    (path,) = directory.iterdir()
    return path


def test_every_workload_runs_and_every_tool_does_what_it_has_to(result: Path) -> None:
    workloads = json.loads(result.read_text())["workloads"]

    assert set(workloads) == set(WORKLOADS)
    for workload in workloads.values():
        for tool in workload["tools"].values():
            assert [run["trouble"] for run in tool["runs"]] == [""]
            assert tool["wall_seconds"] > 0
            assert tool["peak_rss_bytes"] > 0


def test_every_target_is_measured(result: Path) -> None:
    document = json.loads(result.read_text())

    assert len(document["targets"]) >= 15
    assert all(verdict["measured"] is not None for verdict in document["targets"])


def test_a_result_compares_with_itself_as_one(result: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "bench/compare.py", str(result), str(result)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )

    assert "small         brigade                     1.00        1.00        1.00" in ran.stdout


def test_an_unknown_workload_is_refused_before_anything_starts(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--only", "smal"])

    assert "'smal' is no workload" in capsys.readouterr().err
