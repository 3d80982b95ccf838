"""The two ways S3 writes a moment, read into nanoseconds since the epoch without a date library."""

from __future__ import annotations

from datetime import date

SECOND_NS = 1_000_000_000
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH_NUMBERS = {name: number for number, name in enumerate(_MONTHS, start=1)}


def _seconds(year: int, month: int, day: int, clock: str) -> int:
    """`clock` is `HH:MM:SS`."""
    if clock[2] != ":" or clock[5] != ":":
        raise ValueError(f"not a time of day: {clock!r}")
    days = date(year, month, day).toordinal() - _EPOCH_DAY
    return days * 86_400 + int(clock[:2]) * 3600 + int(clock[3:5]) * 60 + int(clock[6:8])


def iso_ns(text: str) -> int:
    """`2013-05-24T01:02:03.456Z` in whole seconds, as HEAD tells them too. Raises ValueError for anything else."""
    if len(text) < 20 or text[-1] != "Z" or text[10] != "T":
        raise ValueError(f"not a UTC time: {text!r}")
    return _seconds(int(text[:4]), int(text[5:7]), int(text[8:10]), text[11:19]) * SECOND_NS


def http_date_ns(text: str) -> int:
    """`Fri, 24 May 2013 00:00:00 GMT`; 0 for anything else, as a header may be missing or odd."""
    try:
        return _seconds(int(text[12:16]), _MONTH_NUMBERS[text[8:11]], int(text[5:7]), text[17:25]) * SECOND_NS
    except (ValueError, KeyError, IndexError):
        return 0
