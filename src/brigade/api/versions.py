"""ETags of settings: whoever changes something names the version that he has seen."""

from __future__ import annotations

from typing import Annotated

from fastapi import Header, Response

from brigade.api.failing import Refusal
from brigade.control.setting_up import Shown

IfMatch = Annotated[str | None, Header(alias="If-Match", max_length=64, description='The ETag, as in `"3"`')]


def tag(response: Response, shown: Shown) -> None:
    """Send the version along."""
    if shown.version is not None:
        response.headers["ETag"] = f'"{shown.version}"'


def if_match(value: str | None) -> int:
    """The version that an If-Match names. Raises 428 without one, 412 for one that is no version of ours."""
    if value is None:
        raise Refusal(428, "precondition_required", "a change names the version it replaces", 'If-Match: "3"')
    text = value.strip().removeprefix("W/").strip('"')
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        raise Refusal(412, "stale", "that is no version of this", "look at it again: its ETag is what If-Match names")
    return int(text)
