"""Driver: how long workers take to drain a backlog that comes at once while they are idle.

The workers are started and have compared both sides, while the source was empty; then the source is filled, if there
is something to fill it with, and all keys are marked in one commit. What counts is the time from then to an empty backlog.

Task: `programs` (commands), `fill` (a command or null), `state` (URL), `keys`, `server_pids`.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from bench.data import key_of
from bench.driving import Stretch, command_of, report, start, task, wait_for_words
from brigade.clock import SystemClock
from brigade.state.state import State
from brigade.testing.processes import Helper

# The state is fresh and knows one replication.
_NUMBER = 1
_LOOK_SECONDS = 0.05
_LONGEST_SECONDS = 300.0


async def _drain(asked: Mapping[str, Any], workers: list[Helper]) -> tuple[Stretch, str]:
    state = await State.open(asked["state"], clock=SystemClock())
    try:
        await state.backlog.mark(_NUMBER, [key_of(each) for each in range(asked["keys"])], live=True)
        with Stretch(workers, asked["server_pids"]) as stretch:
            until = time.monotonic() + _LONGEST_SECONDS
            while (lag := await state.backlog.lag(_NUMBER)).length and time.monotonic() < until:
                await asyncio.sleep(_LOOK_SECONDS)
        left = lag.length + lag.parked
        return stretch, f"{left} of {asked['keys']} keys were not drained" if left else ""
    finally:
        await state.close()


def main() -> int:
    """Start the workers, give them keys, print what it cost to make them right."""
    asked = task()
    with ExitStack() as stack:
        workers = []
        for number, program in enumerate(asked["programs"]):
            worker = start(f"worker-{number}", command_of(program))
            stack.callback(worker.stop)
            workers.append(worker)
        for worker in workers:
            wait_for_words(worker, "in step")
        if asked["fill"] is not None:
            fill = command_of(asked["fill"])
            subprocess.run(fill.arguments, env={**os.environ, **fill.env}, check=True, stdout=subprocess.DEVNULL)
        stretch, trouble = asyncio.run(_drain(asked, workers))
        report(**stretch.figures(), trouble=trouble)
    return 0


if __name__ == "__main__":
    sys.exit(main())
