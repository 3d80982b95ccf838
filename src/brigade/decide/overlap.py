"""Which places overlap: the rule that keeps a replication from feeding on itself and two from writing one key.

A place is a store's identity, prefix included: `s3://host:9000/photos/2024/`, `file:///srv/data`. Keys below a place
start with it and a slash, so one comparison serves buckets, prefixes and directories alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Route(NamedTuple):
    """The identities of what one replication reads and writes."""

    name: str
    source: str
    target: str


def _below(place: str) -> str:
    """What every key of a place starts with: `foo` never covers `foobar`."""
    return place if place.endswith("/") else place + "/"


def overlaps(one: str, other: str) -> bool:
    """True if some key could lie in both places."""
    first, second = _below(one), _below(other)
    return first.startswith(second) or second.startswith(first)


def refuse_pair(source: str, target: str) -> str | None:
    """Why this source and target must not be used together, None if they may."""
    inner, outer = _below(source), _below(target)
    if inner == outer:
        return "source and target are the same place"
    if outer.startswith(inner):
        return "the target lies inside the source: each run would copy its own copies"
    if inner.startswith(outer):
        return "the source lies inside the target: the run would write around its own source, or delete it"
    return None


def refuse_routes(routes: Sequence[Route]) -> list[str]:
    """Every reason why these replications must not stand in one configuration."""
    reasons = []
    for index, route in enumerate(routes):
        if reason := refuse_pair(route.source, route.target):
            reasons.append(f"{route.name}: {reason}")
        reasons += [
            f"{other.name} and {route.name} could write the same key: their targets overlap"
            for other in routes[:index]
            if overlaps(route.target, other.target)
        ]
        # Each would undo, and with deletions destroy, what clients do at the other's source.
        reasons += [
            f"{other.name} and {route.name} copy in a circle: each writes where the other reads"
            for other in routes[:index]
            if overlaps(route.target, other.source) and overlaps(route.source, other.target)
        ]
    return reasons
