"""Bodies that pass from a reader into the target without being held."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from brigade.engine.proving import Hash
from brigade.errors import Corrupt
from brigade.objects import Checksum
from brigade.stores.base import ObjectReader
from brigade.stores.digests import new_digest


class StreamBody:
    """A reader's content on its way into the target; it can be read once.

    `moved` hears of each chunk's size once the target has taken it; `md5`, if given, is fed with the content.
    With `promised`, the source's own digest of it, the last chunk is held back until the content is known to match, for
    targets that would make damaged bytes visible. Raises `Corrupt` if it does not match.
    """

    replayable = False

    def __init__(
        self,
        reader: ObjectReader,
        size_bytes: int,
        moved: Callable[[int], None],
        md5: Hash | None = None,
        promised: Checksum | None = None,
    ) -> None:
        self._reader = reader
        self.size_bytes = size_bytes
        self._moved = moved
        self._md5 = md5
        self._promised = promised

    async def chunks(self) -> AsyncIterator[bytes]:
        moved, md5 = self._moved, self._md5
        promised = self._promised
        async for chunk in self._reader.chunks() if promised is None else self._checked(promised):
            if md5 is not None:
                md5.update(chunk)
            yield chunk
            moved(len(chunk))

    async def _checked(self, promised: Checksum) -> AsyncIterator[bytes]:
        digest = new_digest(promised.algorithm)
        held = b""
        async for chunk in self._reader.chunks():
            digest.update(chunk)
            if held:
                yield held
            held = chunk
        if digest.hexdigest() != promised.hex:
            text = f"the bytes do not match the {promised.algorithm} that the source tells"
            raise Corrupt(text, operation="get", key=self._reader.info.key)
        if held:
            yield held
