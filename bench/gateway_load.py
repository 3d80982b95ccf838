"""Driver: requests to a store, directly or through a program in front of it that this driver starts and measures.

Task: `place` (where the requests go), `store` (the store itself), `program` (a command, null for none) and the `words`
it says when it is ready, `method`, `bucket`, `requests`, `size_bytes`, `at_once`, `server_pids`.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from typing import Any

import uvloop

from bench.data import key_of
from bench.driving import Stretch, command_of, report, start, task, wait_for_words
from bench.s3_load import Client, Zeros, at_once

# Connections are opened and code is loaded before the stretch that counts.
_WARM_SHARE, _WARM_MOST = 0.1, 500
# A body larger than this is made of zeros as it is sent.
_WHOLE_BYTES = 1024 * 1024


async def _work(asked: Mapping[str, Any], stretch: Stretch) -> str:
    """Run the load; returns what went wrong."""
    client = Client(asked["place"])
    size_bytes, requests = asked["size_bytes"], asked["requests"]
    body = Zeros(size_bytes) if size_bytes > _WHOLE_BYTES else b"\0" * size_bytes
    got: list[int] = []

    async def one(key: str) -> None:
        got.append(
            await client.request(
                asked["method"], f"/{asked['bucket']}/{key}", body if asked["method"] == "PUT" else None
            )
        )

    def jobs(first: int, last: int) -> Iterator[Callable[[], Awaitable[None]]]:
        objects = asked.get("objects") or last
        return (partial(one, key_of(number % objects)) for number in range(first, last))

    warm = min(_WARM_MOST, max(1, int(requests * _WARM_SHARE)))
    try:
        await at_once(asked["at_once"], jobs(0, warm))
        got.clear()
        with stretch:
            await at_once(asked["at_once"], jobs(warm, warm + requests))
    finally:
        await client.close()
    wanted = size_bytes if asked["method"] == "GET" else 0
    wrong = sum(1 for count in got if count != wanted)
    return f"{wrong} answers had not {wanted} bytes" if wrong else ""


def main() -> int:
    """Start the program, work through it, print what it cost."""
    asked = task()
    with ExitStack() as stack:
        programs = []
        if asked["program"] is not None:
            program = start("program", command_of(asked["program"]))
            stack.callback(program.stop)
            wait_for_words(program, asked["words"])
            programs.append(program)
        stretch = Stretch(programs, asked["server_pids"])
        trouble = uvloop.run(_work(asked, stretch))
        report(**stretch.figures(), trouble=trouble)
    return 0


if __name__ == "__main__":
    sys.exit(main())
