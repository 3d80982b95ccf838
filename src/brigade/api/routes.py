"""`/routes` and `/blocks`: where the gateways send requests, and whose they refuse, while they run."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from brigade.api.office import Operator, Reader
from brigade.api.route_shapes import (
    BlockShape,
    Done,
    ExplainedShape,
    NewBlock,
    NewRoute,
    RouteSet,
    RouteShape,
)
from brigade.control import steering
from brigade.control.routing import whose_of

router = APIRouter(tags=["routes"])

Bucket = Annotated[str, Query(max_length=255, description="A bucket, `*` for every one")]
User = Annotated[str | None, Query(min_length=1, max_length=255, description="This user's requests only")]


@router.get("/routes")
async def list_routes(desk: Reader) -> list[RouteShape]:
    """The routes: first those set at run time, then those of the configuration."""
    return [RouteShape.of(entry) for entry in await steering.entries(desk) if entry.store is not None]


@router.put("/routes")
async def set_route(desk: Operator, wanted: NewRoute) -> RouteSet:
    """Send a bucket to a store from now on. Refused where a replication would undo what clients write there."""
    whose = whose_of(wanted.user, wanted.bucket)
    return RouteSet(unheard=await steering.set_route(desk, whose, wanted.store, force=wanted.force))


@router.delete("/routes")
async def delete_route(desk: Operator, bucket: Bucket, user: User = None) -> Done:
    """Remove the route that was set at run time for just these requests."""
    return Done(done=await steering.delete_route(desk, whose_of(user, bucket)))


@router.get("/routes/explain")
async def explain_request(
    desk: Reader,
    bucket: Bucket,
    user: User = None,
    method: Annotated[str, Query(pattern="^[A-Za-z]{1,20}$")] = "GET",
) -> ExplainedShape:
    """What becomes of a request, and which rule decides it, by the very table that the gateways use."""
    whose = whose_of(user, bucket)
    return ExplainedShape.of(whose, method.upper(), await steering.explain(desk, whose, method))


@router.get("/blocks")
async def list_blocks(desk: Reader) -> list[BlockShape]:
    """The blocks: first those set at run time, then those of the configuration."""
    return [BlockShape.of(entry) for entry in await steering.entries(desk) if entry.store is None]


@router.put("/blocks", status_code=204)
async def set_block(desk: Operator, wanted: NewBlock) -> None:
    """Refuse requests with 503, on which clients try again, until they are unblocked."""
    whose = whose_of(wanted.user, wanted.bucket)
    await steering.block(desk, whose, writes_only=wanted.writes_only, note=wanted.note)


@router.delete("/blocks")
async def delete_block(desk: Operator, bucket: Bucket, user: User = None) -> Done:
    """Let requests through again that were blocked at run time."""
    return Done(done=await steering.unblock(desk, whose_of(user, bucket)))
