"""Where a range of keys may be cut: keys that lie between others, found without knowing any that exist.

Keys are taken as texts over printable ASCII, which most keys are made of; others are above all of these. Any text
will do as a border between two ranges, so nothing here need be a key of anything.
"""

from __future__ import annotations

_LOWEST = 0x20
_ABOVE_ASCII = 0x7F
_ABOVE_ALL = 0x10FFFF
_SURROGATES = range(0xD800, 0xE000)


def between(low: str, high: str | None) -> str | None:
    """A text about halfway above `low` and below `high` (None: no end), None where there is hardly room."""
    assert high is None or low < high
    place = 0 if high is None else _shared(low, high)
    above: int | None = None if high is None else ord(high[place])
    while place <= len(low):
        below = ord(low[place]) if place < len(low) else _LOWEST - 1
        if above is None:
            above = _ABOVE_ASCII if below < _ABOVE_ASCII - 1 else _ABOVE_ALL
        middle = (below + above) // 2
        if middle in _SURROGATES:
            middle = _SURROGATES.stop if above > _SURROGATES.stop else _SURROGATES.start - 1
        if below < middle < above:
            return low[:place] + chr(middle)
        # No room at this place: all that begins like `low` is below `high`, so go on behind it, without an end.
        place, above = place + 1, None
    return None


def behind_prefix(one: str, other: str) -> str | None:
    """A text above all that begins as these two begin, None if they have no beginning in common."""
    prefix = one[: _shared(one, other)]
    if not prefix or ord(prefix[-1]) >= _SURROGATES.start - 1:
        return None
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)


def _shared(one: str, other: str) -> int:
    """How many characters the beginnings of two texts have in common."""
    pairs = zip(one, other, strict=False)
    return next((place for place, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
