"""Whether a condition holds for what is there: for stores that check it themselves."""

from __future__ import annotations

from brigade.stores.base import Condition


def holds(condition: Condition, *, present: bool, etag: str | None, modified_ns: int) -> bool:
    """True if the call may go ahead. `*` stands for any ETag of an object that is there."""
    match, none_match, unmodified_ns = condition
    if not present:
        return match is None and unmodified_ns is None
    if match is not None and match not in ("*", etag):
        return False
    if none_match is not None and none_match in ("*", etag):
        return False
    return unmodified_ns is None or unmodified_ns == modified_ns
