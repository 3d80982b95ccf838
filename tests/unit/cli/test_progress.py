from __future__ import annotations

import asyncio
import sys

import pytest

from brigade.cli.progress import Meter, describe, shown
from brigade.engine.report import ActionKind, Outcome
from brigade.errors import UsageError
from brigade.objects import Proof
from brigade.testing.clock import ManualClock


def outcome(error: str | None = None) -> Outcome:
    return Outcome("k", ActionKind.COPY, "", Proof.ETAG, 1, error)


def metered() -> Meter:
    meter = Meter()
    meter.planned(4, 4 << 20)
    meter.moved(1 << 20)
    meter.outcome(outcome())
    meter.outcome(outcome("broken"))
    return meter


def test_objects_bytes_rate_time_left_and_failures_are_told():
    assert describe(metered(), 2) == "2 objects, 1.0 MiB of 4.0 MiB, 512.0 KiB/s, 6.0s left, 1 failed"


def test_nothing_to_tell_is_told_without_trouble():
    assert describe(Meter(), 0) == "0 objects, 0 B of 0 B, 0 B/s"


async def test_elsewhere_a_line_comes_every_five_seconds(capsys: pytest.CaptureFixture[str]):
    clock = ManualClock()
    async with shown(metered(), clock, quiet=False):
        await clock.sleep(12)
    assert clock.slept_seconds.count(5.0) == 3
    assert capsys.readouterr().err.splitlines() == [
        "2 objects, 1.0 MiB of 4.0 MiB, 204.8 KiB/s, 15.0s left, 1 failed",
        "2 objects, 1.0 MiB of 4.0 MiB, 102.4 KiB/s, 30.0s left, 1 failed",
    ]


async def test_on_a_terminal_a_bar_is_drawn_ten_times_a_second(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    clock = ManualClock()
    async with shown(metered(), clock, quiet=False):
        await clock.sleep(1.05)
    assert clock.slept_seconds.count(0.1) in (10, 11)
    assert "2 objects, 1.0 MiB of 4.0 MiB" in capsys.readouterr().err


async def test_quiet_is_quiet(capsys: pytest.CaptureFixture[str]):
    clock = ManualClock()
    async with shown(metered(), clock, quiet=True):
        await clock.sleep(60)
    assert capsys.readouterr().err == ""


async def test_an_error_passes_through_as_itself():
    with pytest.raises(UsageError, match=r"^mine$"):
        async with shown(Meter(), ManualClock(), quiet=False):
            raise UsageError("mine")


async def test_being_cancelled_ends_the_display_too():
    async def run() -> None:
        async with shown(Meter(), ManualClock(auto=False), quiet=False):
            await asyncio.Event().wait()

    task = asyncio.create_task(run())
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
