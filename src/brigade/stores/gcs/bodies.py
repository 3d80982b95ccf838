"""What is sent when an object is written: its resource and its content in one body of two parts."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator
from typing import Any

from brigade.errors import Corrupt, Truncated
from brigade.objects import Checksum, ChecksumAlgorithm
from brigade.stores.base import Body
from brigade.stores.digests import new_digest


class Related:
    """A body of `multipart/related`. With `hashed` the CRC32C of the content is taken as it passes."""

    def __init__(self, resource: dict[str, Any], body: Body, *, hashed: bool) -> None:
        boundary = secrets.token_hex(16)
        self.content_type = f"multipart/related; boundary={boundary}"
        kind = resource["contentType"]
        self._head = (
            f"--{boundary}\r\ncontent-type: application/json; charset=UTF-8\r\n\r\n{json.dumps(resource)}\r\n"
            f"--{boundary}\r\ncontent-type: {kind if kind.isprintable() else 'binary/octet-stream'}\r\n\r\n"
        ).encode()
        self._tail = f"\r\n--{boundary}--".encode()
        self._body = body
        self._hashed = hashed
        self.crc32c: Checksum | None = None

    @property
    def size_bytes(self) -> int:
        return len(self._head) + self._body.size_bytes + len(self._tail)

    @property
    def replayable(self) -> bool:
        return self._body.replayable

    def whole(self, data: bytes) -> bytes:
        """All of it, for content that is in memory."""
        return b"".join((self._head, data, self._tail))

    async def chunks(self) -> AsyncIterator[bytes]:
        digest = new_digest(ChecksumAlgorithm.CRC32C) if self._hashed else None
        missing = self._body.size_bytes
        yield self._head
        async for chunk in self._body.chunks():
            missing -= len(chunk)
            if missing < 0:
                raise Corrupt(f"the body has more than the {self._body.size_bytes} bytes it was said to have")
            if digest is not None:
                digest.update(chunk)
            yield chunk
        if missing:
            raise Truncated(f"the body ended after {self._body.size_bytes - missing} of {self._body.size_bytes} bytes")
        if digest is not None:
            self.crc32c = Checksum(ChecksumAlgorithm.CRC32C, digest.hexdigest())
        yield self._tail
