"""What Brigade is to reach, and whether it did: the section on speed of its plan, as a table."""

from __future__ import annotations

from typing import Any, NamedTuple

from bench.results import Document, ratio

_MEBIBYTE = 2**20


class Ratio(NamedTuple):
    """Brigade against a peer in one workload. `rate` counts up (at least), `cpu` counts down (at most)."""

    workload: str
    measure: str
    peer: str
    limit: float


class Ceiling(NamedTuple):
    """One tool's own figure, at most so much."""

    workload: str
    tool: str
    measure: str
    limit: float


RATIOS = (
    Ratio("small", "rate", "rclone", 1.5),
    Ratio("small", "rate", "rclone-unverified", 1.0),
    Ratio("small", "rate", "floor", 0.85),
    Ratio("small", "cpu", "rclone", 0.5),
    Ratio("small", "cpu", "rclone-unverified", 0.8),
    Ratio("large", "rate", "rclone", 1.0),
    Ratio("large", "cpu", "rclone", 0.9),
    Ratio("large-single", "rate", "rclone", 1.0),
    Ratio("large-single", "cpu", "rclone", 0.9),
    Ratio("directory", "rate", "s5cmd", 1.0),
    Ratio("directory", "cpu", "s5cmd", 1.0),
    Ratio("unchanged", "rate", "rclone", 1.0),
    Ratio("unchanged", "cpu", "rclone", 0.8),
    Ratio("gateway-large-get", "rate", "direct", 0.85),
    Ratio("gateway-large-put", "rate", "direct", 0.85),
    Ratio("gateway-capture", "rate", "capture-off", 0.85),
    Ratio("drain", "rate", "rclone", 1.5),
    Ratio("fleet", "rate", "one-worker", 1.6),
)
CEILINGS = (
    Ceiling("start", "help", "wall_seconds", 0.15),
    Ceiling("start", "sync-directories", "cpu_seconds", 0.4),
    Ceiling("start", "sync-buckets", "cpu_seconds", 0.4),
    Ceiling("gateway-get", "brigade", "cpu_seconds_per_unit", 200e-6),
    Ceiling("gateway-put", "brigade", "cpu_seconds_per_unit", 200e-6),
    Ceiling("lag", "brigade", "median_seconds", 0.15),
    Ceiling("lag", "brigade", "p99_seconds", 1.0),
    Ceiling("overview", "brigade", "p99_seconds", 0.3),
)
_CEILING_WORDS = {
    "wall_seconds": "of wall time",
    "cpu_seconds": "of CPU",
    "cpu_seconds_per_unit": "of CPU a request",
    "median_seconds": "each, median",
    "p99_seconds": "each, 99th percentile",
}
MEMORY_LIMIT_MIB = 60.0


def verdicts(workloads: Document) -> list[Document]:
    """Each target whose workload was run: what it says, the figure, and whether it is reached."""
    found = [_ratio_verdict(target, workloads[target.workload]) for target in RATIOS if target.workload in workloads]
    found += [_ceiling_verdict(ceiling, workloads) for ceiling in CEILINGS if ceiling.workload in workloads]
    if "listed-few" in workloads and "listed-many" in workloads:
        found.append(_memory_verdict(workloads))
    return found


def _ratio_verdict(target: Ratio, workload: Document) -> Document:
    if target.measure == "rate":
        # The rate is one through the wall time, so the pair is turned round.
        measured = ratio(workload, "wall_seconds", target.peer, "brigade")
        text = f"{target.workload}: rate at least {target.limit:g} of {target.peer}"
        return _verdict(text, measured, target.limit, reached=measured is not None and measured >= target.limit)
    measured = ratio(workload, "cpu_seconds", "brigade", target.peer)
    text = f"{target.workload}: CPU at most {target.limit:g} of {target.peer}"
    return _verdict(text, measured, target.limit, reached=measured is not None and measured <= target.limit)


def _ceiling_verdict(ceiling: Ceiling, workloads: Document) -> Document:
    measured = workloads[ceiling.workload]["tools"][ceiling.tool].get(ceiling.measure)
    text = f"{ceiling.workload}, {ceiling.tool}: at most {ceiling.limit:g} s {_CEILING_WORDS[ceiling.measure]}"
    return _verdict(text, measured, ceiling.limit, reached=measured is not None and measured <= ceiling.limit)


def _memory_verdict(workloads: Document) -> Document:
    peaks = [workloads[name]["tools"]["brigade"]["peak_rss_bytes"] for name in ("listed-few", "listed-many")]
    measured = (peaks[1] - peaks[0]) / _MEBIBYTE if None not in peaks else None
    many = workloads["listed-many"]["units"]
    text = (
        f"{many:,} objects listed take at most {MEMORY_LIMIT_MIB:g} MiB more than {workloads['listed-few']['units']:,}"
    )
    return _verdict(text, measured, MEMORY_LIMIT_MIB, reached=measured is not None and measured <= MEMORY_LIMIT_MIB)


def _verdict(text: str, measured: Any, limit: float, *, reached: bool) -> Document:
    return {"text": text, "measured": measured, "limit": limit, "reached": reached}
