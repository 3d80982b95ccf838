"""Keys, messages and times, made fit to stand in a line on a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

_SECOND_NS = 1_000_000_000
_DAY_SECONDS = 86_400


def quote_key(key: str) -> str:
    """A key as it can stand in a line: quoted where it holds what a terminal would act upon."""
    return key if key.isprintable() and key == key.strip() and key else repr(key)


def one_line(text: str) -> str:
    """The text without line breaks, and with what a terminal would act upon written out."""
    line = " ".join(text.split())
    return line if line.isprintable() else "".join(each if each.isprintable() else repr(each)[1:-1] for each in line)


def aligned(rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines whose columns stand below each other; one that is empty in all of them is left out."""
    cells = [list(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True) if width).rstrip() for row in cells
    ]


def ago(moment: str, now_ns: int) -> str:
    """How long a moment, as the API tells it, is past: `5s ago`, `2h03m ago`, `12d ago`."""
    from brigade.config.units import format_duration

    seconds = max(0.0, now_ns / _SECOND_NS - datetime.fromisoformat(moment).timestamp())
    if seconds >= 2 * _DAY_SECONDS:
        return f"{seconds // _DAY_SECONDS:.0f}d ago"
    return f"{int(seconds)}s ago" if seconds < 60 else f"{format_duration(seconds)} ago"


def utc(time_ns: int) -> str:
    """`2026-11-20T09:20:31Z`, for people and programs alike."""
    return datetime.fromtimestamp(time_ns // _SECOND_NS, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def second(moment: str) -> str:
    """A moment as the API tells it, without fractions of its second: `2026-11-20T09:20:31Z`."""
    return moment[:19] + "Z"
