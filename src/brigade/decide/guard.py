"""The guard before deletions: what must hold before anything is removed from the target."""

from __future__ import annotations

import math

from brigade.replications import MaxDelete


def allowed_deletions(limit: MaxDelete, target_objects: int) -> int:
    """How many deletions the limit allows; a percentage counts the target's objects and rounds up."""
    if not limit.is_percent:
        return int(limit.value)
    # Rounded first: 1.1 % of 3,000 is 33, and not 34 for the last bit of a float.
    return math.ceil(round(target_objects * limit.value / 100, 6))


def refuse_deletions(planned: int, *, source_objects: int, target_objects: int, limit: MaxDelete) -> str | None:
    """None if the planned deletions may go ahead, otherwise the reason in words.

    `source_objects` and `target_objects` count what the two complete listings held within the filters.
    """
    if planned == 0:
        return None
    if source_objects == 0:
        return (
            f"the source is empty, the target holds {target_objects} objects: nothing is deleted. "
            "If the source is truly meant to be empty, empty the target yourself"
        )
    if planned >= target_objects:
        return f"all {target_objects} objects of the target would be deleted: this is never done"
    allowed = allowed_deletions(limit, target_objects)
    if planned > allowed:
        return (
            f"{planned} of {target_objects} objects would be deleted, more than the limit of {limit} "
            f"({allowed} objects): nothing is deleted. Look at them with `brigade diff`, then raise --max-delete"
        )
    return None
