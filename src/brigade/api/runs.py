"""`/runs`: what has run, and the report of a run."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from fastapi.responses import StreamingResponse

from brigade.api.office import Reader
from brigade.api.shapes import LineShape, Page, RangeShape, RunShape
from brigade.control import history
from brigade.control.history import Lines
from brigade.state.rows import RunKind

router = APIRouter(prefix="/runs", tags=["runs"])

RunId = Annotated[int, Path(ge=1, le=2**62)]
Word = Annotated[str | None, Query(max_length=400)]


def _wanted(
    action: Word = None, status: Word = None, reason: Word = None, proof: Word = None, failed: bool | None = None
) -> Lines:
    return Lines(action, status, reason, proof, failed)


Wanted = Annotated[Lines, Depends(_wanted)]


@router.get("")
async def list_runs(
    desk: Reader,
    replication: Annotated[str | None, Query(min_length=1, max_length=400)] = None,
    kind: RunKind | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    before: Annotated[int | None, Query(ge=1, le=2**62, description="`next` of the page before")] = None,
) -> Page[RunShape]:
    """The runs of a replication, or of all, the newest first."""
    found = await history.runs(desk.state, replication, limit, before=before, kind=kind)
    following = str(found[-1][1].id) if len(found) == limit else None
    return Page[RunShape](items=[RunShape.of(name, run) for name, run in found], next=following)


@router.get("/{run_id}")
async def show_run(desk: Reader, run_id: RunId) -> RunShape:
    """One run."""
    run = await history.run_of(desk.state, run_id)
    names = {row.id: row.name for row in await desk.state.replications.all()}
    return RunShape.of(names[run.replication_id], run)


@router.get("/{run_id}/ranges")
async def list_ranges(desk: Reader, run_id: RunId) -> list[RangeShape]:
    """The ranges of keys that workers share, in key order; none where one worker does the run alone."""
    run = await history.run_of(desk.state, run_id)
    return [RangeShape.of(part) for part in (await desk.state.ranges.look(run)).ranges]


@router.get("/{run_id}/report")
async def read_report(
    desk: Reader,
    run_id: RunId,
    wanted: Wanted,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    after: Annotated[int, Query(ge=0, le=2**62, description="`next` of the page before")] = 0,
) -> Page[LineShape]:
    """The lines of a report that are wanted, in the order they came. What was the same has none."""
    await history.run_of(desk.state, run_id)
    found = [line async for line in history.report(desk.state, run_id, wanted, first=after, most=limit + 1)]
    following = str(after + limit) if len(found) > limit else None
    return Page[LineShape](items=[LineShape(**line) for line in islice(found, limit)], next=following)


@router.get("/{run_id}/report.jsonl", response_class=StreamingResponse)
async def download_report(
    desk: Reader,
    run_id: RunId,
    wanted: Wanted,
) -> StreamingResponse:
    """All the lines that are wanted, as JSON Lines."""
    await history.run_of(desk.state, run_id)
    lines = history.report_text(desk.state, run_id, wanted)
    headers = {"Content-Disposition": f'attachment; filename="run-{run_id}.jsonl"'}
    return StreamingResponse(lines, media_type="application/x-ndjson", headers=headers)
