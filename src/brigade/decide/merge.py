"""Pairing two sorted listings by key, a page at a time, in memory that does not grow with the bucket.

Feed pages of either side, take the pairs that are certain. The order of keys is checked while merging: a listing
out of order could make an object look missing, so it raises instead.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import NamedTuple

from brigade.errors import ListingOutOfOrder
from brigade.objects import ObjectInfo


class Side(IntEnum):
    """Which of the two listings."""

    SOURCE = 0
    TARGET = 1


class Pair(NamedTuple):
    """One key with what each side has of it; never both None."""

    key: str
    source: ObjectInfo | None
    target: ObjectInfo | None

    @property
    def size_bytes(self) -> int:
        """The size of the source's object, or of the target's where the source has none."""
        info = self.source or self.target
        return info.size_bytes if info else 0


Collation = Callable[[str], str]


def by_bytes(key: str) -> str:
    """S3's order: by UTF-8 bytes, which is also the order of code points and so of Python's text."""
    return key


def by_components(key: str) -> str:
    """The order of a directory walk: all of `a/…` before `a-b`, as if `/` were the smallest character."""
    return key.replace("/", "\0")


class Merge:
    """The merge of two listings in one collation.

    `wants()` names the side whose next page is needed; `pairs()` hands out what is settled so far.
    """

    def __init__(self, collation: Collation = by_bytes) -> None:
        self._collation = collation
        self._identity = collation is by_bytes
        self._entries: list[Sequence[ObjectInfo]] = [(), ()]
        self._ranks: list[Sequence[str]] = [(), ()]
        self._position = [0, 0]
        self._complete = [False, False]
        self._last = ["", ""]
        self._begun = [False, False]

    def feed(self, side: Side, entries: Sequence[ObjectInfo], *, final: bool) -> None:
        """The next page of one side, which must have been used up. Raises `ListingOutOfOrder`."""
        assert self._position[side] >= len(self._entries[side]), "the side still has entries"
        assert not self._complete[side], "the side was complete already"
        ranks = [e.key for e in entries] if self._identity else [self._collation(e.key) for e in entries]
        self._check_order(side, ranks)
        self._entries[side] = entries
        self._ranks[side] = ranks
        self._position[side] = 0
        self._complete[side] = final

    def _check_order(self, side: Side, ranks: Sequence[str]) -> None:
        if not ranks:
            return
        last = self._last[side]
        if self._begun[side] and ranks[0] <= last:
            raise _out_of_order(side, last, ranks[0])
        for before, after in itertools.pairwise(ranks):
            if after <= before:
                raise _out_of_order(side, before, after)
        self._last[side] = ranks[-1]
        self._begun[side] = True

    def wants(self) -> list[Side]:
        """The sides that need another page before the merge can go on."""
        return [s for s in Side if not self._complete[s] and self._position[s] >= len(self._entries[s])]

    @property
    def done(self) -> bool:
        """True when both listings are complete and every pair has been handed out."""
        return all(self._complete[s] and self._position[s] >= len(self._entries[s]) for s in Side)

    def pairs(self) -> list[Pair]:
        """The pairs that are certain with the pages fed so far, in order."""
        sources, targets = self._entries
        source_ranks, target_ranks = self._ranks
        i, j = self._position
        source_end, target_end = len(sources), len(targets)
        pairs: list[Pair] = []
        add = pairs.append
        identity = self._identity
        while i < source_end and j < target_end:
            left, right = source_ranks[i], target_ranks[j]
            if left == right:
                if not identity and sources[i].key != targets[j].key:
                    raise _out_of_order(Side.TARGET, sources[i].key, targets[j].key)
                add(Pair(sources[i].key, sources[i], targets[j]))
                i += 1
                j += 1
            elif left < right:
                add(Pair(sources[i].key, sources[i], None))
                i += 1
            else:
                add(Pair(targets[j].key, None, targets[j]))
                j += 1
        if self._complete[Side.TARGET] and j >= target_end:
            pairs.extend(Pair(info.key, info, None) for info in sources[i:])
            i = source_end
        if self._complete[Side.SOURCE] and i >= source_end:
            pairs.extend(Pair(info.key, None, info) for info in targets[j:])
            j = target_end
        self._position = [i, j]
        return pairs


def _out_of_order(side: Side, before: str, after: str) -> ListingOutOfOrder:
    return ListingOutOfOrder(
        f"the {side.name.lower()} listed {after!r} after {before!r}, which is not the order it declares",
        operation="list",
        hint="set `listing_order: none` for this store; its listing is then sorted here",
    )
