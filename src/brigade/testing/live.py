"""`brigade run` as its users see it: a process that serves a gateway and follows, and places behind that gateway."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from brigade.testing.buckets import Bucket
from brigade.testing.command import Command, Ran
from brigade.testing.servers import Endpoint

CLIENT = {"access_key": "client", "secret_key": "client-secret"}
"""The one key of the gateway's one user."""

Process = asyncio.subprocess.Process


def one_user(store: str) -> dict[str, Any]:
    """The section of a gateway before a store, with one user who has the key `CLIENT`."""
    return {"listen": "127.0.0.1:0", "store": store, "users": {"ann": {"keys": [CLIENT]}}}


async def until(condition: Callable[[], object], seconds: float = 80.0) -> None:
    """Wait for what must become true soon. `condition` runs in a thread, so that it may ask a real server."""
    async with asyncio.timeout(seconds):
        while not await asyncio.to_thread(condition):  # noqa: ASYNC110  real servers tell nobody
            await asyncio.sleep(0.05)


def behind(url: str, place: Bucket) -> Bucket:
    """The same place as the gateway at `url` shows it to its user."""
    endpoint = Endpoint("gateway", url, place.endpoint.region, CLIENT["access_key"], CLIENT["secret_key"])
    return Bucket(endpoint, place.name, place.prefix)


@asynccontextmanager
async def running_gateway(brigade: Command, source: Bucket, *roles: str) -> AsyncIterator[tuple[Process, Bucket]]:
    """The process, and the source's place as clients see it through the gateway."""
    process = await brigade.start("run", *roles)
    through = behind((await brigade.said(process, "gateway: listens on")).split()[-1], source)
    try:
        yield process, through
    finally:
        through.close()


async def stop(brigade: Command, process: Process) -> Ran:
    """Ask it to end, and see that it did in good order."""
    process.send_signal(signal.SIGTERM)
    ran = await brigade.ended(process, seconds=30)
    assert ran.code == 0, ran.words
    assert "stopped" in ran.out
    return ran
