"""What a finished run means: its exit code and its one JSON object."""

from __future__ import annotations

from brigade.engine.report import RunResult

IN_STEP = 0
NOT_IN_STEP = 1
REFUSED = 3


def exit_code(result: RunResult) -> int:
    """0 in step (or a plan that could be made), 1 something failed or was left out, 3 a guard refused."""
    if result.refusal:
        return REFUSED
    counts = result.counts
    return NOT_IN_STEP if result.incomplete or counts.failed or counts.conflicts else IN_STEP


def summary(result: RunResult) -> dict[str, object]:
    """The object that `sync --json` prints."""
    counts = result.counts
    return {
        "copied": counts.copied,
        "copied_bytes": counts.copied_bytes,
        "metadata_updated": counts.metadata_updated,
        "deleted": counts.deleted,
        "skipped": counts.skipped,
        "failed": counts.failed,
        "conflicts": counts.conflicts,
        "unprovable": counts.unprovable,
        "duration_seconds": round(result.duration_seconds, 3),
        "in_step": result.in_step,
        "refused": result.refusal,
        "incomplete": result.incomplete,
        "dry_run": result.dry_run,
        "archived": counts.archived,
    }
