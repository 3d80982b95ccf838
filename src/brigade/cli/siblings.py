"""`brigade run --processes`: more processes of the same work on this machine, kept alive by the first."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from brigade.clock import Clock
from brigade.control.following import pause
from brigade.engine.groups import first_error

_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 60.0
_STEADY_SECONDS = 60.0
# Longer than the work under way in a sibling may take to end.
_GRACE_SECONDS = 30.0

Process = asyncio.subprocess.Process


class Siblings:
    """Starts `count` processes of this command, numbered from 1 by its last argument, and each anew when it ends.

    A sibling's standard input is ours to close: it ends when that does, so none outlives the first process.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        count: int,
        *,
        clock: Clock,
        trouble: Callable[[str, str], None],
    ) -> None:
        self._arguments = arguments
        self._environment = environment
        self._count = count
        self._clock = clock
        self._trouble = trouble
        self._running: set[Process] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Keep them running until `stop`, then let them end. Cancelled, end them at once."""
        with first_error():
            async with asyncio.TaskGroup() as group:
                for number in range(self._count):
                    group.create_task(self._keep(number + 1, stop))

    def reload(self) -> None:
        """Have each read its configuration again."""
        for process in self._running:
            _send(process, signal.SIGHUP)

    async def _keep(self, number: int, stop: asyncio.Event) -> None:
        pause_seconds = _FIRST_PAUSE_SECONDS
        while not stop.is_set():
            began_seconds = self._clock.monotonic_seconds()
            code = await self._one(number, stop)
            if stop.is_set():
                return
            if self._clock.monotonic_seconds() - began_seconds > _STEADY_SECONDS:
                pause_seconds = _FIRST_PAUSE_SECONDS
            self._trouble(f"process {number + 1}", f"it has ended with code {code}, and is started again")
            await pause(stop, self._clock, pause_seconds)
            pause_seconds = min(_LONGEST_PAUSE_SECONDS, pause_seconds * 2)

    async def _one(self, number: int, stop: asyncio.Event) -> int:
        """One process from its start to its end."""
        # A session of its own: Ctrl-C in a terminal is for the first process, which passes it on once.
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "brigade",
            *self._arguments,
            str(number),
            env=dict(self._environment),
            stdin=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        self._running.add(process)
        try:
            async with asyncio.TaskGroup() as group:
                ender = group.create_task(self._end(process, stop))
                code = await process.wait()
                ender.cancel()
            return code
        finally:
            self._running.discard(process)
            with suppress(ProcessLookupError):
                process.kill()

    async def _end(self, process: Process, stop: asyncio.Event) -> None:
        await stop.wait()
        _send(process, signal.SIGTERM)
        await self._clock.sleep(_GRACE_SECONDS)
        with suppress(ProcessLookupError):
            process.kill()


def _send(process: Process, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        process.send_signal(number)


async def ended_by_parent() -> None:
    """Return when our standard input ends: with the process that started us, however it ended."""
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin.buffer
    )
    try:
        await reader.read()
    finally:
        transport.close()
