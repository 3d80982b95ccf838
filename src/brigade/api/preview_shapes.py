"""What a replication would do, as the API tells it."""

from __future__ import annotations

from pydantic import BaseModel, Field

from brigade.api.shapes import LineShape
from brigade.control.previewing import Preview
from brigade.engine.report import Outcome


class PreviewShape(BaseModel):
    """The plan of a dry run, bounded in time and number."""

    counts: dict[str, int] = Field(description="Objects by action")
    copied_bytes: int = Field(description="What would be copied")
    failed: int = Field(description="Objects that could not even be planned")
    lines: list[LineShape] = Field(description="The first that would be touched")
    notes: list[str]
    trouble: str | None = Field(description="What speaks against it")
    whole: bool = Field(description="False: there is more, and the time was up or enough was seen")

    @classmethod
    def of(cls, preview: Preview) -> PreviewShape:
        return cls(
            counts={action.value: count for action, count in preview.counts.items()},
            copied_bytes=preview.copied_bytes,
            failed=preview.failed,
            lines=[_line(outcome) for outcome in preview.lines],
            notes=preview.notes,
            trouble=preview.trouble,
            whole=preview.is_whole,
        )


def _line(outcome: Outcome) -> LineShape:
    return LineShape(
        key=outcome.key,
        action=outcome.action.value,
        reason=outcome.reason,
        size_bytes=outcome.size_bytes,
        error=None if outcome.error is None else str(outcome.error),
    )
