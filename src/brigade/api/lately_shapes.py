"""The values of `/activity` and of samples."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from brigade.api.shapes import moment
from brigade.state.control_rows import ActivityRow, Sample

_SECOND_NS = 1_000_000_000


class ActivityShape(BaseModel):
    """What was done to one object."""

    id: int
    replication: str
    at: datetime
    outcome: dict[str, Any] = Field(description="A line of a report")

    @classmethod
    def of(cls, replication: str, row: ActivityRow) -> ActivityShape:
        return cls(id=row.id, replication=replication, at=moment(row.at_ns), outcome=dict(row.outcome))


class SampleShape(BaseModel):
    """The sums of one interval, and how far the replication was behind in it."""

    at: datetime = Field(description="When the interval began")
    settled: int = Field(description="Objects that were made right")
    settled_bytes: int
    failed: int
    backlog: int = Field(description="Keys that waited or were in work")
    lag_seconds: int = Field(description="Age of the oldest change that waited")

    @classmethod
    def of(cls, sample: Sample) -> SampleShape:
        return cls(
            at=moment(sample.at_seconds * _SECOND_NS),
            settled=sample.settled,
            settled_bytes=sample.settled_bytes,
            failed=sample.failed,
            backlog=sample.backlog,
            lag_seconds=sample.lag_seconds,
        )
