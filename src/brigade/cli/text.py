"""Keys, messages and times, made fit to stand in a line on a terminal."""

from __future__ import annotations

from datetime import UTC, datetime

_SECOND_NS = 1_000_000_000


def quote_key(key: str) -> str:
    """A key as it can stand in a line: quoted where it holds what a terminal would act upon."""
    return key if key.isprintable() and key == key.strip() and key else repr(key)


def one_line(text: str) -> str:
    """The text without line breaks, and with what a terminal would act upon written out."""
    line = " ".join(text.split())
    return line if line.isprintable() else "".join(each if each.isprintable() else repr(each)[1:-1] for each in line)


def utc(time_ns: int) -> str:
    """`2026-11-20T09:20:31Z`, for people and programs alike."""
    return datetime.fromtimestamp(time_ns // _SECOND_NS, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def second(moment: str) -> str:
    """A moment as the API tells it, without fractions of its second: `2026-11-20T09:20:31Z`."""
    return moment[:19] + "Z"
