from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from brigade.clock import SystemClock
from brigade.wiring.rereading import readings


class Brisk(SystemClock):
    """A clock whose pauses are short."""

    async def sleep(self, seconds):
        await super().sleep(seconds / 50)


def text(root):
    return f"stores: {{d: {{type: file, root: {root}}}}}\n"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "brigade.yaml"
    path.write_text(text("/a"))
    return path


async def read(file, act, *, asked=None):
    """The first reading after `act`, and what was refused before it."""
    refused = []
    asked = asked or asyncio.Event()
    found = readings(file, {}, clock=Brisk(), asked=asked, refuse=refused.append)
    async with aclosing(found), asyncio.TaskGroup() as group:
        waiting = group.create_task(anext(found))
        await asyncio.sleep(0.1)
        assert not waiting.done()
        await act()
        async with asyncio.timeout(80):
            return (await waiting).config.stores["d"].root, [str(error) for error in refused]


async def test_a_changed_file_is_read(file):
    async def change():
        file.write_text(text("/b"))

    assert await read(file, change) == ("/b", [])


async def test_another_file_in_its_place_is_read(file):
    async def change():
        other = file.with_suffix(".new")
        other.write_text(text("/b"))
        other.replace(file)

    assert await read(file, change) == ("/b", [])


async def test_it_is_read_when_asked_although_it_did_not_change(file):
    asked = asyncio.Event()

    async def ask():
        asked.set()

    assert await read(file, ask, asked=asked) == ("/a", [])
    assert not asked.is_set()


async def test_a_wrong_file_is_refused_once_and_the_mended_one_taken(file):
    async def spoil_and_mend():
        file.write_text("stores: {d: {type: nonsense}}\n")
        await asyncio.sleep(0.3)
        file.write_text(text("/c"))

    root, refused = await read(file, spoil_and_mend)
    assert root == "/c"
    assert len(refused) == 1
    assert "nonsense" in refused[0] or "stores.d" in refused[0]


async def test_a_file_that_is_away_for_a_while_does_no_harm(file):
    async def vanish_and_return():
        file.unlink()
        await asyncio.sleep(0.2)
        file.write_text(text("/d"))

    root, refused = await read(file, vanish_and_return)
    assert root == "/d"
    assert len(refused) == 1
