"""Several requests at once, a bounded number of them, with one plain error if one fails."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


async def for_each(items: Iterable[Item], call: Callable[[Item], Awaitable[Result]], *, at_once: int) -> list[Result]:
    """The results in the order of the items. The first failure stops the rest and is raised as it is."""
    waiting = list(enumerate(items))
    waiting.reverse()
    results: dict[int, Result] = {}

    async def work() -> None:
        while waiting:
            position, item = waiting.pop()
            results[position] = await call(item)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(at_once, len(waiting))):
                group.create_task(work())
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return [results[position] for position in sorted(results)]
