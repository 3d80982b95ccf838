"""`/activity` and `/replications/{name}/samples`: what was done lately, and sums over time."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from brigade.api.lately_shapes import ActivityShape, SampleShape
from brigade.api.office import Reader
from brigade.api.shapes import Name
from brigade.control import lately

router = APIRouter(tags=["live"])

_DAY_SECONDS = 86_400
_SECOND_NS = 1_000_000_000


@router.get("/activity")
async def read_activity(
    desk: Reader,
    replication: Annotated[str | None, Query(min_length=1, max_length=400)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    after: Annotated[int | None, Query(ge=0, le=2**62, description="The id of the newest that is known")] = None,
) -> list[ActivityShape]:
    """The newest outcomes, oldest first. Only the latest of each replication are kept."""
    found = await lately.activity(desk, limit, replication=replication, after=after)
    return [ActivityShape.of(name, row) for name, row in found]


@router.get("/replications/{name}/samples")
async def read_samples(
    desk: Reader,
    name: Name,
    since: Annotated[int | None, Query(ge=0, le=2**40, description="Seconds since 1970; by default a day ago")] = None,
) -> list[SampleShape]:
    """Throughput and lag over time, oldest first. Intervals in which nothing happened are left out."""
    first = desk.clock.now_ns() // _SECOND_NS - _DAY_SECONDS if since is None else since
    return [SampleShape.of(sample) for sample in await lately.samples(desk, name, first)]
