"""How a helper process is started, as the engine sees it: something above knows the command."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol


class Pipes(Protocol):
    """A started helper: its standard input and output, and its end. asyncio's subprocess fits."""

    @property
    def stdin(self) -> asyncio.StreamWriter | None: ...
    @property
    def stdout(self) -> asyncio.StreamReader | None: ...
    async def wait(self) -> int: ...
    def kill(self) -> None: ...


Spawn = Callable[[], Awaitable[Pipes]]
