"""The end of a run in words: what was done, what was not, and why."""

from __future__ import annotations

from brigade.cli.text import one_line, quote_key
from brigade.config.units import format_duration, format_size
from brigade.control.watching import Failures
from brigade.engine.report import RunResult


def summary_lines(result: RunResult, failures: Failures) -> list[str]:
    """Failures first, then the sums, then the verdict."""
    lines = [f"failed  {quote_key(failure.key)}  {one_line(failure.error or '')}" for failure in failures.first]
    if failures.more:
        lines.append(f"… and {failures.more} more failed (--report FILE lists all)")
    if result.resumed_after is not None:
        lines.append(f"went on behind {quote_key(result.resumed_after)}, where an earlier run was cut off")
    lines.append(_sums(result))
    if result.here is not None:
        here = result.here
        lines.append(
            f"together with other processes; of it here {here.copied} copied ({format_size(here.copied_bytes)})"
        )
    return [*lines, *_verdict(result)]


def _sums(result: RunResult) -> str:
    counts = result.counts
    verb = "would be " if result.dry_run else ""
    parts = [f"{counts.copied} {verb}copied ({format_size(counts.copied_bytes)})"]
    for count, words in (
        (counts.metadata_updated, f"metadata {verb}updated"),
        (counts.deleted, f"{verb}deleted"),
        (counts.archived, "deleted at the source"),
        (counts.skipped, "skipped"),
        (counts.conflicts, "in conflict"),
        (counts.failed, "failed"),
    ):
        if count or words == "skipped":
            parts.append(f"{count} {words}")
    return f"{', '.join(parts)} in {format_duration(result.duration_seconds)}"


def _verdict(result: RunResult) -> list[str]:
    counts = result.counts
    lines = []
    if counts.unprovable:
        lines.append(f"{counts.unprovable} compared by size only: no proof (--compare checksum reads the bytes)")
    if result.refusal:
        lines.append(f"refused: {one_line(result.refusal)}")
    if result.incomplete:
        lines.append(f"not complete: {one_line(result.incomplete)}")
    if result.dry_run:
        lines.append("dry run: nothing was changed")
    else:
        lines.append("in step" if result.in_step else "NOT in step")
    return lines
