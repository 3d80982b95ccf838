"""What a run and its helper processes say to each other: length-prefixed frames of plain values over pipes.

Both ends are this program, started by this program, so pickle is safe here; nothing else ever reads these pipes.
"""

from __future__ import annotations

import asyncio
import pickle
import struct
from typing import Any, NamedTuple

from brigade.engine.report import Outcome
from brigade.engine.settle import Task
from brigade.state.rows import InventoryRow

_LENGTH = struct.Struct("<I")
_FRAME_LIMIT_BYTES = 256 * 1024 * 1024


class Order(NamedTuple):
    """To a helper: settle this task. `number` comes back with the answer."""

    number: int
    task: Task


class Answer(NamedTuple):
    """From a helper: how it went, what to remember, and whether the target has run out of room."""

    number: int
    outcome: Outcome
    row: InventoryRow | None
    full: str | None


class Report(NamedTuple):
    """A batch of answers and the bytes moved since the last batch."""

    answers: list[Answer]
    moved_bytes: int


def encode(value: object) -> bytes:
    """One frame."""
    data = pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)
    return _LENGTH.pack(len(data)) + data


async def read_frame(reader: asyncio.StreamReader) -> Any:
    """The next frame's value, None at the end of the stream."""
    try:
        (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        if length > _FRAME_LIMIT_BYTES:
            return None
        return pickle.loads(await reader.readexactly(length))  # noqa: S301 - our own process at the other end
    except asyncio.IncompleteReadError:
        return None
