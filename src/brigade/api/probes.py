"""`/livez`, `/readyz` and `/metrics` of the process that serves the API."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from brigade.api.failing import Refusal
from brigade.api.office import Reader, office_of
from brigade.control.health import CHECKS, Answer, Health

router = APIRouter(include_in_schema=False)


@router.get("/livez")
async def is_alive(request: Request) -> Response:
    """Whether the process lives. Needs no token."""
    return _response(_health(request).live())


@router.get("/readyz")
async def is_ready(request: Request, exclude: Annotated[list[str] | None, Query()] = None) -> Response:
    """Whether the process does its work, with the reasons where it does not. Needs no token."""
    without = exclude or []
    if unknown := [check for check in without if check not in CHECKS]:
        raise Refusal(400, "invalid", f"no check {unknown[0]!r}", f"there are: {', '.join(CHECKS)}")
    return _response(_health(request).ready(without))


@router.get("/metrics")
async def read_metrics(_: Reader, request: Request) -> Response:
    """The metrics of the process, for Prometheus."""
    exposition = office_of(request).exposition
    assert exposition is not None
    return _response(await exposition.answer())


def _health(request: Request) -> Health:
    health = office_of(request).health
    assert health is not None
    return health


def _response(answer: Answer) -> Response:
    headers = {"Content-Type": answer.content_type, "Cache-Control": "no-store"}
    return Response(answer.body, answer.status, headers=headers)
