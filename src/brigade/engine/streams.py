"""Bodies that pass from a reader into the target without being held."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from brigade.engine.proving import Hash
from brigade.stores.base import ObjectReader


class StreamBody:
    """A reader's content on its way into the target; it can be read once.

    `moved` hears of each chunk's size once the target has taken it; `md5`, if given, is fed with the content.
    """

    replayable = False

    def __init__(
        self, reader: ObjectReader, size_bytes: int, moved: Callable[[int], None], md5: Hash | None = None
    ) -> None:
        self._reader = reader
        self.size_bytes = size_bytes
        self._moved = moved
        self._md5 = md5

    async def chunks(self) -> AsyncIterator[bytes]:
        moved, md5 = self._moved, self._md5
        async for chunk in self._reader.chunks():
            if md5 is not None:
                md5.update(chunk)
            yield chunk
            moved(len(chunk))
