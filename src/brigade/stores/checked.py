"""A body whose digest is checked here, for servers that would take any bytes."""

from __future__ import annotations

from collections.abc import AsyncIterator

from brigade.errors import Corrupt
from brigade.objects import Checksum
from brigade.stores.base import Body
from brigade.stores.digests import Digest, new_digest


class CheckedBody:
    """Passes a body on and keeps its last piece back until the digest is right.

    A wrong digest therefore ends the request early, and the server drops what it has.
    """

    def __init__(self, body: Body, expect: Checksum) -> None:
        self._body = body
        self._expect = expect

    @property
    def size_bytes(self) -> int:
        return self._body.size_bytes

    @property
    def replayable(self) -> bool:
        return self._body.replayable

    async def chunks(self) -> AsyncIterator[bytes]:
        digest = new_digest(self._expect.algorithm)
        held = b""
        async for chunk in self._body.chunks():
            if held:
                yield held
            digest.update(chunk)
            held = chunk
        self._check(digest)
        if held:
            yield held

    def _check(self, digest: Digest) -> None:
        found = digest.hexdigest()
        if found != self._expect.hex:
            algorithm = self._expect.algorithm
            raise Corrupt(f"the content has the {algorithm} {found} and should have {self._expect.hex}")
