"""Sizes, times and keys as people read them on a page."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from urllib.parse import quote, urlencode

from brigade.errors import UsageError
from brigade.state.rows import is_given

_SECOND_NS = 1_000_000_000
_WHERE = ("endpoint", "root", "storage_url", "auth_url", "account", "project", "region")
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_SPANS = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def size(size_bytes: float) -> str:
    """`4.0 KiB`."""
    for unit in _UNITS[:-1]:
        if size_bytes < 1024:
            return f"{size_bytes:.0f} {unit}" if unit == "B" else f"{size_bytes:.1f} {unit}"
        size_bytes /= 1024
    return f"{size_bytes:.1f} {_UNITS[-1]}"


def count(number: float) -> str:
    """`12 345`, with thin spaces that do not break."""
    return f"{number:,.0f}".replace(",", "\u202f")


def rate(per_second: float) -> str:
    """`0.3`, `12`: how many in a second."""
    return f"{per_second:.1f}" if 0 < per_second < 10 else count(per_second)


def span(seconds: float | None) -> str:
    """`1 h 5 min`: the two largest units."""
    if seconds is None:
        return "unknown"
    return " ".join(_parts(round(seconds))[:2]) or "0 s"


def _parts(seconds: int) -> list[str]:
    parts: list[str] = []
    for length, unit in _SPANS:
        number, seconds = divmod(seconds, length)
        if number or parts:
            parts.append(f"{number} {unit}")
    return [part for part in parts if not part.startswith("0 ")]


def moment(ns: int | None) -> str:
    """`2026-11-20 10:24:12 UTC`."""
    return "" if ns is None else datetime.fromtimestamp(ns // _SECOND_NS, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def iso(ns: int) -> str:
    """The same for programs."""
    return datetime.fromtimestamp(ns // _SECOND_NS, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def key(text: str) -> str:
    """A key with what cannot be seen written out; lone surrogates too, which no page can be encoded with."""
    return text if text.isprintable() else "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)


def sent(text: str) -> str:
    """A key as a form or an address carries it: no browser may change it, whatever it holds."""
    return json.dumps(text)


def unsent(text: str) -> str:
    """The key that was sent. Raises `UsageError`."""
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, str):
        raise UsageError("that is no key", hint="load the page again")
    return found


def plain(value: object) -> str:
    """A setting as people would write it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(plain(each) for each in value) or "none"
    if isinstance(value, dict):
        return ", ".join(_pairs(value)) or "none"
    return "none" if value is None else key(str(value))


def _pairs(values: dict[str, object]) -> Iterator[str]:
    for name, value in values.items():
        yield f"{key(str(name))}: {plain(value)}"


def whereabouts(settings: Mapping[str, object]) -> str:
    """Where a store is: what comes first of this is what tells them apart."""
    return next((plain(settings[name]) for name in _WHERE if settings.get(name)), "")


def place_of(replication: str) -> str:
    """Where a replication is looked at: one that has no name of its own has no page, only runs."""
    if is_given(replication):
        return f"/replications/{quote(replication)}"
    return f"/runs?{urlencode({'replication': replication})}"
