"""Running digests by the name of their algorithm, for stores that check content themselves."""

from __future__ import annotations

import hashlib
import zlib
from typing import Protocol

from brigade.errors import Unsupported
from brigade.objects import ChecksumAlgorithm


class Digest(Protocol):
    """What hashlib's objects do, as far as it is needed here."""

    def update(self, data: bytes, /) -> None: ...
    def hexdigest(self) -> str: ...


class _Crc32:
    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes, /) -> None:
        self._value = zlib.crc32(data, self._value)

    def hexdigest(self) -> str:
        return f"{self._value:08x}"


def new_digest(algorithm: ChecksumAlgorithm) -> Digest:
    """A running digest. Raises `Unsupported` for those that Python does not bring along."""
    if algorithm is ChecksumAlgorithm.MD5:
        return hashlib.md5(usedforsecurity=False)
    if algorithm is ChecksumAlgorithm.SHA256:
        return hashlib.sha256(usedforsecurity=False)
    if algorithm is ChecksumAlgorithm.SHA1:
        return hashlib.sha1(usedforsecurity=False)
    if algorithm is ChecksumAlgorithm.CRC32:
        return _Crc32()
    raise Unsupported(f"a {algorithm} checksum cannot be computed here", hint="use MD5, SHA-256, SHA-1 or CRC-32")


def md5_hex(data: bytes) -> str:
    """The MD5 of bytes in memory."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def composite_etag(part_etags: list[str]) -> str:
    """The ETag that S3 gives a multipart upload: the MD5 of the parts' MD5s, and how many there were."""
    digests = b"".join([bytes.fromhex(etag) for etag in part_etags])
    return f"{md5_hex(digests)}-{len(part_etags)}"
