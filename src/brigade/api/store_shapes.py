"""The values of `/stores`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from brigade.api.shapes import SettingsShape, moment
from brigade.control.check import Verdict
from brigade.control.checking import Checked
from brigade.control.fidelity import Fate
from brigade.control.setting_up import Shown


class StepShape(BaseModel):
    """One thing that was tried."""

    name: str
    verdict: Verdict
    detail: str


class FidelityShape(BaseModel):
    """What becomes of one aspect of an object."""

    what: str
    fate: Fate
    why: str


class CheckShape(BaseModel):
    """What a check found. Without a bucket only reaching, signing and the list of buckets are tried."""

    at: datetime
    location: str
    well: bool
    steps: list[StepShape]
    capabilities: dict[str, Any] | None = Field(description="What it can do")
    fidelity: list[FidelityShape] = Field(description="What of an object survives in it, or on the way to the target")
    buckets: list[str] | None = Field(description="Its buckets, where none was named")

    @classmethod
    def of(cls, checked: Checked) -> CheckShape:
        return cls(
            at=moment(checked.at_ns),
            location=checked.location,
            well=checked.is_well,
            steps=[StepShape(**step._asdict()) for step in checked.steps],
            capabilities=None if checked.capabilities is None else dict(checked.capabilities),
            fidelity=[FidelityShape(**row._asdict()) for row in checked.fidelity],
            buckets=None if checked.buckets is None else list(checked.buckets),
        )


class StoreShape(SettingsShape):
    """A store: its settings without secrets, and what its latest check found."""

    checked: CheckShape | None = Field(description="Null: this process has not tried it out with these settings")

    @classmethod
    def made(cls, shown: Shown, checked: Checked | None) -> StoreShape:
        found = None if checked is None else CheckShape.of(checked)
        return cls(**SettingsShape.of(shown).model_dump(), checked=found)


class NewCheck(BaseModel):
    """What to try out."""

    bucket: str = Field("", max_length=1000, description="A bucket, or a directory: `bucket/prefix`")
    target: str | None = Field(
        None, min_length=1, max_length=1000, description="`store:bucket`: tell what a copy from here to there carries"
    )
    read_only: bool = Field(False, description="Write nothing")
