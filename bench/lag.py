"""Driver: how long after the client's acknowledgement an object is readable at the target.

Objects are written through the gateway of a `brigade run` at a steady rate, whether or not the last one is answered
yet. The target is listed each few milliseconds from the oldest object on that was not seen; when an answer has come,
all that is in it counts as readable. So each figure is too large by up to one look.

Task: `program`, `gateway` and `target` (places), `buckets` of both, `rate`, `seconds`, `size_bytes`, `server_pids`.
"""

from __future__ import annotations

import asyncio
import random
import re
import sys
import time
from collections.abc import Mapping
from typing import Any

import uvloop

from bench.driving import Stretch, command_of, quantile, report, start, task, wait_for_words
from bench.s3_load import Client
from brigade.testing.processes import Helper

_LOOK_SECONDS = 0.02
_LAST_LOOK_SECONDS = 30.0
_READ_AFTERWARDS = 50
_KEY = re.compile(rb"<Key>(\d+)</Key>")


class Trial:
    """The writes of one run and when each was seen."""

    def __init__(self, asked: Mapping[str, Any]) -> None:
        self._asked = asked
        self._writes = int(asked["rate"] * asked["seconds"])
        self._gateway = Client(asked["gateway"])
        self._target = Client(asked["target"])
        self._acknowledged: dict[int, float] = {}
        self._seen: dict[int, float] = {}

    async def run(self) -> str:
        """Write and look; returns what went wrong."""
        try:
            async with asyncio.TaskGroup() as group:
                looking = group.create_task(self._look())
                await self._write()
                await self._wait_for_last()
                looking.cancel()
            return await self._trouble()
        finally:
            await self._gateway.close()
            await self._target.close()

    def lags(self) -> list[float]:
        """Seconds from the acknowledgement to the sight of each object."""
        return [max(0.0, seen - self._acknowledged[number]) for number, seen in self._seen.items()]

    def _content(self, number: int) -> bytes:
        return random.Random(number).randbytes(self._asked["size_bytes"])

    async def _write(self) -> None:
        began = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for number in range(self._writes):
                delay = began + number / self._asked["rate"] - time.perf_counter()
                if delay > 0:
                    await asyncio.sleep(delay)
                group.create_task(self._put(number))

    async def _put(self, number: int) -> None:
        await self._gateway.request("PUT", f"/{self._asked['buckets'][0]}/{number:08}", self._content(number))
        self._acknowledged[number] = time.perf_counter()

    async def _look(self) -> None:
        path = f"/{self._asked['buckets'][1]}"
        oldest = 0
        while True:
            page = await self._target.read(path, f"list-type=2&max-keys=1000&start-after={oldest - 1:08}")
            now = time.perf_counter()
            for key in _KEY.findall(page):
                self._seen.setdefault(int(key), now)
            while oldest in self._seen:
                oldest += 1
            await asyncio.sleep(_LOOK_SECONDS)

    async def _wait_for_last(self) -> None:
        until = time.monotonic() + _LAST_LOOK_SECONDS
        while len(self._seen) < self._writes and time.monotonic() < until:
            await asyncio.sleep(_LOOK_SECONDS)

    async def _trouble(self) -> str:
        if len(self._seen) < self._writes:
            return f"{self._writes - len(self._seen)} of {self._writes} objects never came"
        for number in random.Random(0).sample(range(self._writes), min(_READ_AFTERWARDS, self._writes)):
            if await self._target.read(f"/{self._asked['buckets'][1]}/{number:08}") != self._content(number):
                return f"object {number} has other bytes at the target"
        return ""


async def _trial(asked: Mapping[str, Any]) -> tuple[list[float], str]:
    trial = Trial(asked)
    trouble = await trial.run()
    return trial.lags(), trouble


def _measure(asked: Mapping[str, Any], program: Helper) -> None:
    wait_for_words(program, "gateway: listens")
    wait_for_words(program, "in step")
    with Stretch([program], asked["server_pids"]) as stretch:
        lags, trouble = uvloop.run(_trial(asked))
    figures = {name: quantile(lags, share) for name, share in (("median_seconds", 0.5), ("p99_seconds", 0.99))}
    report(**stretch.figures(), **figures, longest_seconds=max(lags, default=0.0), trouble=trouble)


def main() -> int:
    """Start the program, write through it, print how late the objects were."""
    asked = task()
    program = start("program", command_of(asked["program"]))
    try:
        _measure(asked, program)
    finally:
        program.stop(grace_seconds=3)
    return 0


if __name__ == "__main__":
    sys.exit(main())
