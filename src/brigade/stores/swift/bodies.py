"""A body that is hashed while it is sent."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator

from brigade.stores.base import Body


class HashedBody:
    """Passes a body on and knows its MD5 afterwards; from the start again where it is sent again."""

    def __init__(self, body: Body) -> None:
        self._body = body
        self._digest = hashlib.md5(usedforsecurity=False)

    @property
    def size_bytes(self) -> int:
        return self._body.size_bytes

    @property
    def replayable(self) -> bool:
        return self._body.replayable

    async def chunks(self) -> AsyncIterator[bytes]:
        self._digest = digest = hashlib.md5(usedforsecurity=False)
        async for chunk in self._body.chunks():
            digest.update(chunk)
            yield chunk

    def hexdigest(self) -> str:
        """The MD5 of what was sent."""
        return self._digest.hexdigest()
