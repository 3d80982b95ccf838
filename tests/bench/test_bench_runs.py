"""`make bench` in miniature: real servers, real peers, every workload, and nothing left behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from bench.run import main, workloads_named
from bench.workloads import WORKLOADS

pytestmark = pytest.mark.server
ROOT = Path(__file__).resolve().parents[2]


# Each part runs within the time of one test.
LIVE = (
    "gateway-get",
    "gateway-put",
    "gateway-large-get",
    "gateway-large-put",
    "gateway-capture",
    "lag",
    "drain",
    "fleet",
    "overview",
)
# Of the pairs so many that each kind of store is read and written, and each form of workload is held.
CLOUDS = (
    "clouds-s3-gcs",
    "clouds-azure-s3",
    "clouds-file-swift",
    "clouds-swift-s3-large",
    "clouds-gcs-azure-large",
    "clouds-unchanged",
    "clouds-start",
)
PARTS = {
    "sync": [name for name in WORKLOADS if name not in LIVE and not name.startswith("clouds-")],
    "live": list(LIVE),
    "clouds": list(CLOUDS),
}


# All of them by `make soak`: the others cost a minute between them.
IN_EVERY_RUN = ["sync"]


@pytest.fixture(scope="module", params=list(PARTS) if os.environ.get("BRIGADE_SOAK") else IN_EVERY_RUN)
def part(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def result(part: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("results")
    # A process of its own, as `make bench` starts it: the servers die with it, whatever happens.
    only = ",".join(PARTS[part])
    ran = subprocess.run(
        [sys.executable, "-m", "bench", "--size", "smoke", "--only", only, "--results", str(directory)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    (path,) = directory.iterdir()
    return path


@pytest.mark.timeout(120)
def test_every_workload_runs_and_every_tool_does_what_it_has_to(result: Path, part: str) -> None:
    workloads = json.loads(result.read_text())["workloads"]

    assert set(workloads) == set(PARTS[part])
    for workload in workloads.values():
        for name, tool in workload["tools"].items():
            assert [run["trouble"] for run in tool["runs"]] == [""]
            assert tool["wall_seconds"] > 0
            # The store reached directly has no program in front of it.
            assert (tool["peak_rss_bytes"] > 0) == (name != "direct")


def test_every_target_is_measured(result: Path, part: str) -> None:
    document = json.loads(result.read_text())

    assert len(document["targets"]) >= {"sync": 15, "live": 9, "clouds": 0}[part]
    assert all(verdict["measured"] is not None for verdict in document["targets"])


def test_a_result_compares_with_itself_as_one(result: Path, part: str) -> None:
    first = PARTS[part][0]
    ran = subprocess.run(
        [sys.executable, "bench/compare.py", str(result), str(result)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )

    assert f"{first:20}brigade                     1.00" in ran.stdout


def test_the_first_word_of_several_workloads_names_them_all() -> None:
    clouds = workloads_named("clouds")

    assert [name for name in clouds if name.startswith("clouds-s3-")] == workloads_named("clouds-s3")
    assert workloads_named("gateway,large") == [name for name in WORKLOADS if name.startswith("gateway-")] + ["large"]


def test_an_unknown_workload_is_refused_before_anything_starts(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--only", "smal"])

    assert "'smal' is no workload" in capsys.readouterr().err
