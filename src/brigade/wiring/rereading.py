"""Noticing that the configuration is another one: asked by a signal, or because the file has changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from pathlib import Path

from brigade.clock import Clock
from brigade.config.load import Loaded, load_config
from brigade.control.following import pause
from brigade.errors import ConfigError

_LOOK_SECONDS = 1.0

Signature = tuple[int, int, int] | None


async def readings(
    file: Path,
    environment: Mapping[str, str],
    *,
    clock: Clock,
    asked: asyncio.Event,
    refuse: Callable[[ConfigError], None],
) -> AsyncGenerator[Loaded, None]:
    """Each reading of the file that is valid; wrong ones go to `refuse`. Goes on for ever."""
    taken = seen = _signature(file)
    while True:
        await pause(asked, clock, _LOOK_SECONDS)
        before, seen = seen, _signature(file)
        # A file that changes may be half written: it is read when it has rested from one look to the next.
        if not asked.is_set() and (seen == taken or seen != before):
            continue
        asked.clear()
        taken = seen
        try:
            loaded = load_config(file, environment)
        except ConfigError as error:
            refuse(error)
        else:
            yield loaded


def _signature(file: Path) -> Signature:
    """What changes when a file does, also when another takes its place; None while it is not there."""
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size
