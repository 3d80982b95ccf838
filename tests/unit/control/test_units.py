from __future__ import annotations

import asyncio

import pytest

from brigade.control.units import Unit, Units
from brigade.errors import ConfigError


class Part(Unit):
    def __init__(self, log, key, spec=None, *, fails=False):
        super().__init__(key, spec)
        self.log = log
        self.fails = fails

    async def run(self, stop):
        self.log.append(f"+{self.key}{self.spec}")
        if self.fails:
            raise ConfigError("no")
        await stop.wait()
        await asyncio.sleep(0)
        self.log.append(f"-{self.key}{self.spec}")

    async def refresh(self, newer):
        self.log.append(f"={self.key}")


@pytest.fixture
def log():
    return []


async def settle():
    for _ in range(5):
        await asyncio.sleep(0)


async def test_only_what_changed_is_exchanged_and_the_old_has_ended_before_the_new_begins(log):
    async with asyncio.TaskGroup() as group:
        units = Units(group, lambda *_: None)
        await units.apply([Part(log, "a", 1), Part(log, "b", 1), Part(log, "c", 1)])
        await settle()
        assert log == ["+a1", "+b1", "+c1"]
        log.clear()
        await units.apply([Part(log, "a", 1), Part(log, "b", 2), Part(log, "d", 1)])
        await settle()
        assert log == ["-b1", "-c1", "=a", "+b2", "+d1"]
        assert units.keys == {"a", "b", "d"}
        units.stop()
    assert sorted(log[-3:]) == ["-a1", "-b2", "-d1"]


async def test_nothing_begins_after_the_stop(log):
    async with asyncio.TaskGroup() as group:
        units = Units(group, lambda *_: None)
        units.stop()
        await units.apply([Part(log, "a")])
    assert log == []


async def test_what_fails_from_the_start_fails_the_whole(log):
    with pytest.raises(ExceptionGroup) as caught:
        async with asyncio.TaskGroup() as group:
            await Units(group, lambda *_: None).apply([Part(log, "a", fails=True), Part(log, "b")])
    assert caught.group_contains(ConfigError)


async def test_what_fails_later_is_told_and_begun_anew_when_it_is_wanted_again(log):
    told = []
    async with asyncio.TaskGroup() as group:
        units = Units(group, lambda key, error: told.append((key, str(error))))
        await units.apply([Part(log, "a")])
        await units.apply([Part(log, "a"), Part(log, "b", 1, fails=True)])
        await settle()
        assert told == [("b", "no")]
        assert units.keys == {"a"}
        await units.apply([Part(log, "a"), Part(log, "b", 1)])
        await settle()
        assert log[-1] == "+b1"
        units.stop()
