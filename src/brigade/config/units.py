"""Sizes, durations, rates and limits as people write them: `64MiB`, `6h`, `50MiB/s`, `10%`."""

from __future__ import annotations

import re

from brigade.errors import UsageError
from brigade.replications import MaxDelete

ONCE = "once"
_NUMBER = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)")

_TOO_LARGE = 2.0**63

_SIZES = {
    "": 1,
    "b": 1,
    "k": 1024,
    "kib": 1024,
    "kb": 1000,
    "m": 1024**2,
    "mib": 1024**2,
    "mb": 1000**2,
    "g": 1024**3,
    "gib": 1024**3,
    "gb": 1000**3,
    "t": 1024**4,
    "tib": 1024**4,
    "tb": 1000**4,
}
_DURATIONS = {"ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def parse_size(text: str | int) -> int:
    """Bytes from `64MiB`, `10kB`, `5G` (binary) or a plain number."""
    number, unit = _split(text, "size", "64MiB, 10kB or 4096")
    factor = _SIZES.get(unit.lower())
    if factor is None:
        raise UsageError(f"{text!r} is no size", hint="units are B, KiB, MiB, GiB, TiB, kB, MB, GB and TB")
    return int(number * factor)


def parse_duration(text: str | float) -> float:
    """Seconds from `30s`, `15m`, `6h`, `2d`, `1w`; a plain number is seconds."""
    number, unit = _split(text, "duration", "30s, 15m, 6h or 2d")
    factor = _DURATIONS.get(unit or "s")
    if factor is None:
        raise UsageError(f"{text!r} is no duration", hint="units are ms, s, m, h, d and w")
    return number * factor


def parse_schedule(text: str | float) -> float | str:
    """`once`, or the seconds of a duration of at least one."""
    if text == ONCE:
        return ONCE
    seconds = parse_duration(text)
    if seconds < 1:
        raise UsageError(f"a run every {text!r} is too often", hint="write `once`, or a duration like 6h")
    return seconds


def parse_address(text: str | float) -> tuple[str, int]:
    """Host and port from `127.0.0.1:9000` or `[::1]:9000`; port 0 takes a free one."""
    host, colon, port = str(text).rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise UsageError(f"{text!r} is no address to listen on", hint="write 127.0.0.1:9000 or [::1]:9000")
    return host, int(port)


def parse_bandwidth(text: str | int) -> int:
    """Bytes a second from `50MiB/s`, `50MiB` or a plain number."""
    plain = text.strip().removesuffix("/s") if isinstance(text, str) else text
    try:
        rate = parse_size(plain)
    except UsageError as error:
        raise UsageError(f"{text!r} is no bandwidth", hint=error.hint or "write 50MiB/s") from None
    if rate <= 0:
        raise UsageError(f"a bandwidth of {text!r} would never end", hint="leave it out for no limit")
    return rate


def parse_max_delete(text: str | int) -> MaxDelete:
    """A count (`500`) or a percentage of the target's objects (`10%`)."""
    plain = str(text).strip()
    is_percent = plain.endswith("%")
    try:
        value = float(plain.removesuffix("%").strip())
    except ValueError:
        value = -1
    if not 0 <= value < float("inf") or (is_percent and value > 100) or (not is_percent and value != int(value)):
        raise UsageError(f"{text!r} is no limit for deletions", hint="write a count like 500 or a share like 10%")
    return MaxDelete(value, is_percent=is_percent)


def format_size(size_bytes: float) -> str:
    """`1.5 MiB`: for people."""
    value = float(size_bytes)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(value) < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"


def format_duration(seconds: float) -> str:
    """`1h02m`, `3m04s`, `5.2s`: for people."""
    if seconds < 60:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes}m{rest:02d}s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02d}m"


def _split(text: str | float, what: str, example: str) -> tuple[float, str]:
    if isinstance(text, bool):
        raise UsageError(f"{text!r} is no {what}", hint=f"write {example}")
    match = _NUMBER.fullmatch(str(text).strip())
    if match is None:
        raise UsageError(f"{text!r} is no {what}", hint=f"write {example}")
    number = float(match[1])
    if number >= _TOO_LARGE:
        raise UsageError(f"a {what} of so many digits is none", hint=f"write {example}")
    return number, match[2]
