"""A span of keys under comparison, whose end may move closer while the comparison goes on; and where to cut it."""

from __future__ import annotations

from brigade.decide.ranges import behind_prefix, between
from brigade.stores.base import Store

# One for each level of the tree of keys, and seven for each character of ASCII that is halved.
_MOST_PROBES = 40


class Span:
    """The keys behind `after` up to and including `upto` (None: to the end). `position` is the last one handed out."""

    __slots__ = ("after", "position", "upto")

    def __init__(self, after: str = "", upto: str | None = None) -> None:
        self.after = after
        self.upto = upto
        self.position = after

    def cut(self, at: str) -> bool:
        """End at `at` from now on; False, and nothing changes, if keys behind it were handed out already."""
        if self.position > at:
            return False
        self.upto = at
        return True


async def find_cut(store: Store, span: Span, least: int) -> str | None:
    """A text that leaves at least `least` of the store's keys on both sides, None where there are too few.

    The store lists in byte order and starts after any text. First it goes up the tree that the keys make, behind all
    that begins like those at hand, then it halves what is left: of evenly spread keys between a quarter and a half
    lie behind the cut. Of others fewer may; then the next cut comes all the sooner.
    """
    ahead = await _some(store, span.position, span.upto, least)
    if len(ahead) < least:
        return None
    low, high, best = ahead[-1], span.upto, None
    base, at = low, behind_prefix(ahead[0], low)
    for _ in range(_MOST_PROBES):
        climbs = at is not None and base < at and (high is None or at < high)
        if not climbs:
            at = between(base, high) if high is None or base < high else None
        if at is None:
            return best
        behind = await _some(store, at, span.upto, least)
        if len(behind) < least:
            high, at = at, None
        elif climbs:
            best, base, at = at, at, behind_prefix(low, behind[-1])
        else:
            return at
    return best


async def _some(store: Store, after: str, upto: str | None, limit: int) -> list[str]:
    page = await store.list_page(start_after=after, limit=limit)
    return [info.key for info in page.entries if upto is None or info.key <= upto]
