"""`/runs`: what has run, and the report of each run."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from fastapi.responses import StreamingResponse

from brigade.api.pages.rendering import HEADERS
from brigade.api.pages.visit import Looking, PageRoute, address
from brigade.control import history
from brigade.control.history import Lines
from brigade.engine.report import ActionKind, DifferenceStatus
from brigade.objects import Proof
from brigade.state.rows import RunKind

router = APIRouter(route_class=PageRoute)

_PAGE = 50
_LINES = 100
_SHOWN = (
    ActionKind.COPY,
    ActionKind.COPY_METADATA,
    ActionKind.DELETE,
    ActionKind.ARCHIVE,
    ActionKind.SKIP,
    ActionKind.CONFLICT,
)
Number = Annotated[int, Path(ge=1, le=2**62)]
Word = Annotated[str, Query(max_length=400)]


@router.get("/runs")
async def show_runs(
    visit: Looking,
    replication: Word = "",
    kind: Word = "",
    before: Annotated[int | None, Query(ge=1, le=2**62)] = None,
) -> Response:
    """The runs of one replication, or of one kind, or the newest of each."""
    state = visit.desk.state
    rows = await state.replications.all()
    names = {row.id: row.name for row in rows}
    following, only = None, RunKind(kind) if kind in set(RunKind) else None
    if replication or only:
        found = await history.runs(state, replication or None, _PAGE, before=before, kind=only)
        runs = [run for _, run in found]
        if len(runs) == _PAGE:
            following = address("/runs", replication=replication, kind=only, before=runs[-1].id)
    else:
        runs = sorted((await state.runs.newest()).values(), key=lambda run: -run.id)[: 4 * _PAGE]
    return visit.show(
        "runs.html",
        runs=runs,
        names=names,
        known=sorted(set(names.values())),
        replication=replication,
        kind=only,
        following=following,
    )


@router.get("/runs/{run_id}")
async def show_run(
    visit: Looking,
    run_id: Number,
    action: Word = "",
    status: Word = "",
    reason: Word = "",
    proof: Word = "",
    failed: Word = "",
    after: Annotated[int, Query(ge=0, le=2**62)] = 0,
) -> Response:
    """One run, with the lines of its report that are wanted."""
    state = visit.desk.state
    run = await history.run_of(state, run_id)
    names = {row.id: row.name for row in await state.replications.all()}
    asked = {"action": action, "status": status, "reason": reason, "proof": proof, "failed": failed}
    found = [line async for line in history.report(state, run_id, _lines(**asked), first=after, most=_LINES + 1)]
    following = address(f"/runs/{run_id}", **asked, after=after + _LINES) if len(found) > _LINES else None
    return visit.show(
        "run.html",
        run=run,
        parts=(await state.ranges.look(run)).ranges,
        name=names.get(run.replication_id, ""),
        is_verify=run.kind is RunKind.VERIFY,
        asked=asked,
        lines=list(islice(found, _LINES)),
        following=following,
        is_first=after == 0,
        download=address(f"/runs/{run_id}/report.jsonl", **asked),
        choices={"action": _SHOWN, "proof": tuple(Proof), "status": (*DifferenceStatus, "failed")},
    )


@router.get("/runs/{run_id}/report.jsonl")
async def download_report(
    visit: Looking,
    run_id: Number,
    action: Word = "",
    status: Word = "",
    reason: Word = "",
    proof: Word = "",
    failed: Word = "",
) -> Response:
    """The same lines as a file."""
    await history.run_of(visit.desk.state, run_id)
    wanted = _lines(action, status, reason, proof, failed)
    headers = {**HEADERS, "Content-Disposition": f'attachment; filename="run-{run_id}.jsonl"'}
    return StreamingResponse(
        history.report_text(visit.desk.state, run_id, wanted), media_type="application/x-ndjson", headers=headers
    )


def _lines(action: str, status: str, reason: str, proof: str, failed: str) -> Lines:
    is_failed = {"yes": True, "no": False}.get(failed)
    return Lines(action or None, status or None, reason or None, proof or None, is_failed)
