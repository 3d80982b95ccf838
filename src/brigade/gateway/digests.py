"""The checksums of S3 by the name of their header: the standard library's, and the CPU's own for the other CRCs."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Mapping
from functools import cache

from brigade.wire.awschunked import DigestFactory

# How long a checksum is in base64, so that a trailer's length is known before its value.
TEXT_BYTES = {
    "x-amz-checksum-crc32": 8,
    "x-amz-checksum-crc32c": 8,
    "x-amz-checksum-crc64nvme": 12,
    "x-amz-checksum-sha1": 28,
    "x-amz-checksum-sha256": 44,
}


class Crc:
    """A CRC that grows; `step` continues one from its former value."""

    __slots__ = ("_size_bytes", "_step", "_value")

    def __init__(self, step: Callable[[bytes, int], int], size_bytes: int) -> None:
        self._step = step
        self._size_bytes = size_bytes
        self._value = 0

    def update(self, data: bytes, /) -> None:
        self._value = self._step(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(self._size_bytes, "big")


@cache
def digest_factories() -> Mapping[str, DigestFactory]:
    """Makers of checksums. Imports AWS's own library, which takes a while to load."""
    from awscrt import checksums

    return {
        "x-amz-checksum-crc32": lambda: Crc(zlib.crc32, 4),
        "x-amz-checksum-crc32c": lambda: Crc(checksums.crc32c, 4),
        "x-amz-checksum-crc64nvme": lambda: Crc(checksums.crc64nvme, 8),
        "x-amz-checksum-sha1": hashlib.sha1,
        "x-amz-checksum-sha256": hashlib.sha256,
    }
