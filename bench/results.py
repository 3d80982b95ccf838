"""The result of a benchmark as a JSON document. docs/benchmarks.md describes its schema."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from bench.contest import Contest, Run
from bench.sizes import Sizes
from bench.tools import ROOT, versions

SCHEMA = 1
DIRECTORY = Path(__file__).resolve().parent / "results"
MEASURES = ("wall_seconds", "cpu_seconds", "user_seconds", "peak_rss_bytes", "server_cpu_seconds")
Document = dict[str, Any]


def document(sizes: Sizes, held: Sequence[tuple[Contest, Mapping[str, Sequence[Run]]]]) -> Document:
    """Everything that was measured, and where."""
    return {
        "schema": SCHEMA,
        "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "revision": _git("rev-parse", "--short", "HEAD") or "unknown",
        "changed": bool(_git("status", "--porcelain", "--", "src")),
        "sizes": sizes.name,
        "machine": _machine(),
        "versions": versions(),
        "workloads": {contest.name: _workload(contest, runs) for contest, runs in held},
    }


def write(document: Document, directory: Path) -> Path:
    """Save it as `<date>-<revision>.json`; a result that is not a full one says so in its name."""
    directory.mkdir(parents=True, exist_ok=True)
    moment = document["date"].replace(":", "").replace("-", "")
    kind = "" if document["sizes"] == "full" else f"-{document['sizes']}"
    path = directory / f"{moment}-{document['revision']}{kind}.json"
    path.write_text(json.dumps(document, indent=1) + "\n")
    return path


def failures(document: Document) -> list[str]:
    """Every run that did not do what it had to, with the reason."""
    return [
        f"{workload} {tool}: {run['trouble']}"
        for workload, found in document["workloads"].items()
        for tool, summary in found["tools"].items()
        for run in summary["runs"]
        if run["trouble"]
    ]


def ratio(workload: Document, measure: str, tool: str, peer: str) -> float | None:
    """The median over the rounds of `tool` divided by `peer`, each pair from one round.

    None without a whole pair, or where the peer has nothing to compare with.
    """
    tools = workload["tools"]
    if tool not in tools or peer not in tools:
        return None
    pairs = zip(tools[tool]["runs"], tools[peer]["runs"], strict=True)
    good = [(ours, theirs) for ours, theirs in pairs if not ours["trouble"] and not theirs["trouble"]]
    found = [ours[measure] / theirs[measure] for ours, theirs in good if theirs[measure]]
    return median(found) if found else None


def _workload(contest: Contest, runs: Mapping[str, Sequence[Run]]) -> Document:
    tools = {name: _summary(contest, found) for name, found in runs.items()}
    about = {"title": contest.title, "unit": contest.unit, "units": contest.units}
    return {**about, "tools": tools, "left_out": dict(contest.left_out)}


def _summary(contest: Contest, runs: Sequence[Run]) -> Document:
    rows = [_row(run) for run in runs]
    good = [row for row in rows if not row["trouble"]]
    summary: Document = {"runs": rows}
    for name in (*MEASURES, *(runs[0].figures if runs else ())):
        summary[name] = median([row[name] for row in good]) if good else None
    summary["units_per_second"] = contest.units / summary["wall_seconds"] if good else None
    summary["cpu_seconds_per_unit"] = summary["cpu_seconds"] / contest.units if good else None
    return summary


def _row(run: Run) -> Document:
    cost = run.measured
    return {
        "wall_seconds": round(cost.wall_seconds, 4),
        "cpu_seconds": round(cost.cpu_seconds, 4),
        "user_seconds": round(cost.user_seconds, 4),
        "peak_rss_bytes": cost.peak_rss_bytes,
        "server_cpu_seconds": round(run.server_cpu_seconds, 2),
        **{name: round(value, 4) for name, value in run.figures.items()},
        "exit_code": cost.exit_code,
        "trouble": run.trouble,
    }


def _machine() -> Document:
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_after": os.getloadavg()[0],
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _git(*arguments: str) -> str:
    try:
        asked = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return asked.stdout.strip()
