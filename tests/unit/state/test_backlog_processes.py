"""Several processes on one backlog: no key in two hands, and a killed owner's keys return."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

from brigade.clock import SystemClock
from brigade.state.state import State

HOLDER = """
import asyncio, sys
from brigade.clock import SystemClock
from brigade.state.state import State

async def main(url):
    state = await State.open(url, clock=SystemClock())
    claims = await state.backlog.claim([1], "holder", 500, 2)
    print(len(claims), flush=True)
    await asyncio.sleep(60)

asyncio.run(main(sys.argv[1]))
"""

DRAINER = """
import asyncio, sys
from brigade.clock import SystemClock
from brigade.state.state import State

async def main(url):
    state = await State.open(url, clock=SystemClock())
    while claims := await state.backlog.claim([1], "drainer", 37, 60):
        for claim in claims:
            print(claim.key)
        await state.backlog.done(claims)
    await state.close()

asyncio.run(main(sys.argv[1]))
"""


def start(program: str, url: str) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3] / "src")}
    return subprocess.Popen([sys.executable, "-c", program, url], stdout=subprocess.PIPE, text=True, env=environment)


async def test_500_keys_of_a_killed_owner_return(url: str) -> None:
    state = await State.open(url, clock=SystemClock())
    keys = {f"{number:04d}" for number in range(500)}
    await state.backlog.mark(1, keys, live=True)
    holder = start(HOLDER, url)
    assert holder.stdout is not None
    assert await asyncio.to_thread(holder.stdout.readline) == "500\n"
    assert await state.backlog.claim([1], "other", 500, 60) == []
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    holder.stdout.close()
    returned: set[str] = set()
    while len(returned) < 500:
        returned |= {claim.key for claim in await state.backlog.claim([1], "other", 500, 60)}
        await state.backlog.wait(0.1)
    assert returned == keys
    await state.close()


async def test_processes_that_claim_at_once_share_out_the_keys(url: str) -> None:
    state = await State.open(url, clock=SystemClock())
    keys = [f"{number:04d}" for number in range(1000)]
    await state.backlog.mark(1, keys, live=True)
    outputs = await asyncio.gather(
        *(asyncio.to_thread(process.communicate) for process in [start(DRAINER, url) for _ in range(3)])
    )
    assert sorted("".join(output for output, _ in outputs).split()) == keys
    assert (await state.backlog.lag(1)).length == 0
    await state.close()
