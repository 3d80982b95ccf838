"""Use cases: what has run, and the report of a run, line by line."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from brigade.errors import Missing
from brigade.state.rows import Run, RunKind
from brigade.state.state import State


@dataclass(frozen=True, slots=True)
class Lines:
    """Which lines of a report are wanted; None is any. `failed`: those with an error, or those without.

    Those of a sync have an action and a proof, those of a verify a status.
    """

    action: str | None = None
    status: str | None = None
    reason: str | None = None
    proof: str | None = None
    failed: bool | None = None

    def take(self, line: Mapping[str, Any]) -> bool:
        """Whether a line is one of them."""
        return (
            self.action in (None, line.get("action"))
            and self.status in (None, line.get("status"))
            and self.proof in (None, line.get("proof"))
            and (self.reason is None or self.reason in line["reason"])
            and (self.failed is None or self.failed == (line["error"] is not None))
        )


async def runs(
    state: State, replication: str | None, limit: int, *, before: int | None = None, kind: RunKind | None = None
) -> list[tuple[str, Run]]:
    """The newest runs of a replication, of each bucket of a whole store, or of all, newest first. Raises `Missing`."""
    rows = await state.replications.all()
    if replication is None:
        names = {row.id: row.name for row in rows}
        return [(names[run.replication_id], run) for run in await state.runs.latest(limit, before_id=before, kind=kind)]
    chosen = [row for row in rows if row.name == replication or row.name.startswith(f"{replication}/")]
    if not chosen:
        raise Missing(f"the state knows no replication {replication!r}", hint="it is known when it has run once")
    found: list[tuple[str, Run]] = []
    for row in chosen:
        found += [(row.name, run) for run in await state.runs.history(row.id, limit, before_id=before, kind=kind)]
    return sorted(found, key=lambda each: -each[1].id)[:limit]


async def run_of(state: State, run_id: int) -> Run:
    """One run. Raises `Missing`."""
    run = await state.runs.find(run_id)
    if run is None:
        raise Missing(f"there is no run {run_id}")
    return run


async def report(
    state: State, run_id: int, wanted: Lines | None = None, *, first: int = 0, most: int | None = None
) -> AsyncIterator[dict[str, Any]]:
    """The lines of a run's report, in the order they came, without the `first` ones and at most so many.

    What was the same before and after has none.
    """
    wanted, number = wanted or Lines(), 0
    async for block in state.control.outcomes.blocks(run_id):
        for text in gzip.decompress(block).splitlines():
            line = json.loads(text)
            if not wanted.take(line):
                continue
            number += 1
            if number > first:
                yield line
            if most is not None and number >= first + most:
                return


async def report_text(state: State, run_id: int, wanted: Lines) -> AsyncIterator[str]:
    """The same as JSON Lines."""
    async for line in report(state, run_id, wanted):
        yield json.dumps(line) + "\n"
