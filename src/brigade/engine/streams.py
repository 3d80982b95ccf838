"""Bodies that pass from a reader into the target without being held."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from brigade.engine.proving import Hash, new_md5
from brigade.errors import Corrupt
from brigade.stores.base import ObjectReader


class StreamBody:
    """A reader's content on its way into the target; it can be read once.

    `moved` hears of each chunk's size once the target has taken it; `md5`, if given, is fed with the content.
    With `promised_md5` the last chunk is held back until the content is known to match, for targets that would make
    damaged bytes visible. Raises `Corrupt` if it does not match.
    """

    replayable = False

    def __init__(
        self,
        reader: ObjectReader,
        size_bytes: int,
        moved: Callable[[int], None],
        md5: Hash | None = None,
        promised_md5: str | None = None,
    ) -> None:
        self._reader = reader
        self.size_bytes = size_bytes
        self._moved = moved
        self._md5 = md5
        self._promised_md5 = promised_md5

    async def chunks(self) -> AsyncIterator[bytes]:
        moved, md5 = self._moved, self._md5
        promised_md5 = self._promised_md5
        async for chunk in self._reader.chunks() if promised_md5 is None else self._checked(promised_md5):
            if md5 is not None:
                md5.update(chunk)
            yield chunk
            moved(len(chunk))

    async def _checked(self, promised_md5: str) -> AsyncIterator[bytes]:
        md5 = new_md5()
        held = b""
        async for chunk in self._reader.chunks():
            md5.update(chunk)
            if held:
                yield held
            held = chunk
        if md5.hexdigest() != promised_md5:
            raise Corrupt("the bytes do not match the ETag", operation="get", key=self._reader.info.key)
        if held:
            yield held
