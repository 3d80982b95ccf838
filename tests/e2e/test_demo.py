"""`brigade demo` keeps what it promises and leaves nothing behind."""

from __future__ import annotations

import asyncio
import signal
import urllib.request
from pathlib import Path

import pytest

from brigade.testing.processes import children

pytestmark = pytest.mark.server


@pytest.mark.timeout(150)
async def test_the_demo_tells_the_whole_story(brigade, tmp_path):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    process = await brigade.start("demo", env={"TMPDIR": str(scratch)})
    ran = await brigade.ended(process, seconds=140)
    assert ran.code == 0, ran.words
    for words in (
        "proven by etag",
        "0 copied (0 B)",
        "different  odd/a-b",
        "1 copied",
        "0 differ",
        "has 199 of them",
        "300 keys wait",
        "has 300 of them",
        "nothing is left",
    ):
        assert words in ran.out
    assert not list(scratch.iterdir())
    assert not children(process.pid)


def is_alive(url: str) -> bool:
    with urllib.request.urlopen(f"{url}/livez") as answer:
        return bool(answer.status == 200)


def still_there(pids: list[int]) -> list[int]:
    return [pid for pid in pids if Path(f"/proc/{pid}").exists()]


@pytest.mark.timeout(200)
async def test_a_demo_that_is_kept_goes_on_until_it_is_ended_and_leaves_nothing(brigade, tmp_path):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    process = await brigade.start("demo", "--keep", env={"TMPDIR": str(scratch)})
    line = await brigade.said(process, "The pages are at")
    left = children(process.pid)
    assert len(left) >= 3
    assert await asyncio.to_thread(is_alive, line.split()[4].rstrip(";"))
    process.send_signal(signal.SIGTERM)
    ran = await brigade.ended(process)
    assert ran.code == 128 + signal.SIGTERM, ran.words
    assert not list(scratch.iterdir())
    assert not await asyncio.to_thread(still_there, left)
