from __future__ import annotations

import pytest

from brigade.config.units import (
    format_duration,
    format_size,
    parse_bandwidth,
    parse_duration,
    parse_max_delete,
    parse_size,
)
from brigade.errors import UsageError
from brigade.replications import MaxDelete


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        (4096, 4096),
        ("64MiB", 64 << 20),
        ("64 MiB", 64 << 20),
        ("10kB", 10_000),
        ("5G", 5 << 30),
        ("1.5KiB", 1536),
    ],
)
def test_sizes(text: str | int, size: int):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "x", "-1", "5 parsecs", "1e3", "64MiB/s", True, "0x10", "1_000"])
def test_what_is_no_size_is_refused(text: str):
    with pytest.raises(UsageError, match="no size"):
        parse_size(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("15m", 900), ("6h", 21600), ("2d", 172800), ("1w", 604800), ("250ms", 0.25), (7, 7)],
)
def test_durations(text: str | int, seconds: float):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "6 hours", "h", "-1s", "6H"])
def test_what_is_no_duration_is_refused(text: str):
    with pytest.raises(UsageError, match="no duration"):
        parse_duration(text)


def test_bandwidth_may_say_per_second():
    assert parse_bandwidth("50MiB/s") == parse_bandwidth("50MiB") == 50 << 20


@pytest.mark.parametrize("text", ["0", "fast", "5MiB/m"])
def test_a_bandwidth_that_makes_no_sense_is_refused(text: str):
    with pytest.raises(UsageError, match="bandwidth"):
        parse_bandwidth(text)


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("500", MaxDelete(500, is_percent=False)),
        (0, MaxDelete(0, is_percent=False)),
        ("10%", MaxDelete(10, is_percent=True)),
        ("0.5 %", MaxDelete(0.5, is_percent=True)),
    ],
)
def test_limits_for_deletions(text: str | int, limit: MaxDelete):
    assert parse_max_delete(text) == limit


@pytest.mark.parametrize("text", ["", "all", "-1", "101%", "1.5", "nan", "inf", "-5%", "10 percent"])
def test_what_is_no_limit_is_refused(text: str):
    with pytest.raises(UsageError, match="no limit for deletions"):
        parse_max_delete(text)


def test_sizes_and_times_are_written_for_people():
    assert [format_size(n) for n in (0, 1023, 1536, 5 << 30, 3 << 40)] == [
        "0 B",
        "1023 B",
        "1.5 KiB",
        "5.0 GiB",
        "3.0 TiB",
    ]
    assert [format_duration(s) for s in (0.04, 59.9, 61, 3720)] == ["0.0s", "59.9s", "1m01s", "1h02m"]
