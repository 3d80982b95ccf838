"""Recording an outcome to its end, whatever becomes of the caller."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def shielded(work: Coroutine[Any, Any, T]) -> T:
    """Await `work` to its end even if the caller is cancelled, and only then let the cancellation go on.

    For what has happened at a store and must be written down. Not for anything that may take long. An error
    of `work` goes before the cancellation: the caller must learn that nothing was recorded.
    """
    task = asyncio.get_running_loop().create_task(work)
    cancelled = False
    while not task.done():
        try:
            await asyncio.wait((task,))
        except asyncio.CancelledError:
            cancelled = True
    result = task.result()
    if cancelled:
        raise asyncio.CancelledError
    return result
