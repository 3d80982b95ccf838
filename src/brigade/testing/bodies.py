"""Bodies for tests: in pieces, readable once, too short, or broken in the middle."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterable


class StreamBody:
    """The given pieces. `size_bytes` may lie, and `error` comes after the last piece."""

    def __init__(
        self,
        pieces: Iterable[bytes],
        *,
        size_bytes: int | None = None,
        replayable: bool = False,
        error: BaseException | None = None,
    ) -> None:
        self.pieces = list(pieces)
        self.size_bytes = sum(map(len, self.pieces)) if size_bytes is None else size_bytes
        self.replayable = replayable
        self.error = error
        self.times_read = 0

    async def chunks(self) -> AsyncIterator[bytes]:
        self.times_read += 1
        for piece in self.pieces:
            yield piece
        if self.error is not None:
            raise self.error


def pattern(size_bytes: int, seed: int = 0) -> bytes:
    """Content in which no stretch looks like another, the same for the same seed."""
    return hashlib.shake_128(seed.to_bytes(8, "big")).digest(size_bytes)
