"""Use case: all replications at a glance, with what they do at the moment; searched, sorted, and a page of it taken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from brigade.control.desk import Desk
from brigade.control.status import Standing, Status, status
from brigade.state.control_rows import Sums

PAGE_ROWS = 50
URGENCY = (Standing.FAILING, Standing.BEHIND, Standing.RUNNING, Standing.PAUSED, Standing.NEW, Standing.IN_STEP)
"""Standings by how much they need somebody."""
_RANKS = {standing: rank for rank, standing in enumerate(URGENCY)}

_SECOND_NS = 1_000_000_000
# Long enough to be steady, short enough to be of now.
_WINDOW_SECONDS = 120
_LEAST_SECONDS = 5


class Glance(NamedTuple):
    """One replication. `eta_seconds`: when what waits will be done at this rate; None where nobody can know."""

    status: Status
    objects_per_second: float
    bytes_per_second: float
    eta_seconds: float | None


class Sort(StrEnum):
    """What comes first: what needs somebody most, the name, the largest lag, backlog, or rate."""

    URGENCY = "urgency"
    NAME = "name"
    LAG = "lag"
    BACKLOG = "backlog"
    RATE = "rate"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which of them, in which order, from which page on (counted from 1)."""

    text: str = ""
    standing: Standing | None = None
    sort: Sort = Sort.URGENCY
    page: int = 1


class Chosen(NamedTuple):
    """A page of those wanted, how many pages there are, and how many stand how among those that hold the text."""

    glances: list[Glance]
    page: int
    pages: int
    found: int
    total: int
    standings: Mapping[Standing, int]


async def look(desk: Desk) -> list[Glance]:
    """Every replication of the configuration, those of a whole store by bucket."""
    known = desk.plans.known(await desk.state.control.documents.all())
    found = await status(desk.state, desk.clock, configured=known)
    now_seconds = desk.clock.now_ns() // _SECOND_NS
    sums = await desk.state.control.activity.totals(now_seconds - _WINDOW_SECONDS)
    return [
        _glance(each, sums.get(each.replication_id) if each.replication_id else None, now_seconds) for each in found
    ]


def choose(glances: Iterable[Glance], wanted: Wanted) -> Chosen:
    """A page of what is wanted; the last one where there are not so many."""
    everything = list(glances)
    text = wanted.text.casefold()
    named = [each for each in everything if text in each.status.name.casefold()] if text else everything
    standings = Counter(each.status.standing for each in named)
    found = [each for each in named if wanted.standing in (None, each.status.standing)]
    found.sort(key=_KEYS[wanted.sort])
    pages = max(1, -(-len(found) // PAGE_ROWS))
    page = min(max(1, wanted.page), pages)
    rows = found[(page - 1) * PAGE_ROWS : page * PAGE_ROWS]
    return Chosen(rows, page, pages, len(found), len(everything), standings)


def _glance(found: Status, sums: Sums | None, now_seconds: int) -> Glance:
    if sums is None:
        return Glance(found, 0.0, 0.0, None)
    seconds = max(_LEAST_SECONDS, now_seconds - sums.first_seconds)
    rate = sums.settled / seconds
    eta_seconds = found.backlog / rate if rate and found.backlog else None
    return Glance(found, rate, sums.settled_bytes / seconds, eta_seconds)


_KEYS: Mapping[Sort, Callable[[Glance], Any]] = {
    Sort.URGENCY: lambda each: (_RANKS[each.status.standing], -each.status.lag_seconds, each.status.name),
    Sort.NAME: lambda each: each.status.name,
    Sort.LAG: lambda each: (-each.status.lag_seconds, each.status.name),
    Sort.BACKLOG: lambda each: (-each.status.backlog, each.status.name),
    Sort.RATE: lambda each: (-each.objects_per_second, each.status.name),
}
