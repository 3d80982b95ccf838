"""Which places overlap: the rule that keeps a replication from feeding on itself and two from writing one key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import unquote

_FILE = "file://"


class KeyRange(NamedTuple):
    """All keys under `prefix` in the place that `identity` names; the prefix is empty or ends with `/`."""

    identity: str
    prefix: str


class Route(NamedTuple):
    """What one replication reads and writes."""

    name: str
    source: KeyRange
    target: KeyRange


def key_range(identity: str, prefix: str) -> KeyRange:
    """The range of a location. Directories nest, so a directory's path becomes part of the prefix."""
    if not identity.startswith(_FILE):
        return KeyRange(identity, prefix)
    path = unquote(identity[len(_FILE) :]).rstrip("/") + "/"
    return KeyRange(_FILE, path + prefix)


def overlaps(one: KeyRange, other: KeyRange) -> bool:
    """True if some key could lie in both."""
    if one.identity != other.identity:
        return False
    return one.prefix.startswith(other.prefix) or other.prefix.startswith(one.prefix)


def refuse_pair(source: KeyRange, target: KeyRange) -> str | None:
    """Why this source and target must not be used together, None if they may."""
    if source == target:
        return "source and target are the same place"
    if not overlaps(source, target):
        return None
    if target.prefix.startswith(source.prefix):
        return "the target lies inside the source: each run would copy its own copies"
    return "the source lies inside the target: the run would write around and over its own source"


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
    return reasons
