"""Running digests by the name of their algorithm, for stores that check content themselves."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Sequence
from typing import Protocol

from brigade.objects import Checksum, ChecksumAlgorithm


class Digest(Protocol):
    """What hashlib's objects do, as far as it is needed here."""

    def update(self, data: bytes, /) -> None: ...
    def hexdigest(self) -> str: ...


class _Crc:
    """A running checksum of so many hex digits."""

    def __init__(self, function: Callable[[bytes, int], int], digits: int) -> None:
        self._function = function
        self._digits = digits
        self._value = 0

    def update(self, data: bytes, /) -> None:
        self._value = self._function(data, self._value)

    def hexdigest(self) -> str:
        return f"{self._value:0{self._digits}x}"


def _crt(name: str, digits: int) -> Digest:
    from awscrt import checksums

    return _Crc(getattr(checksums, name), digits)


def new_digest(algorithm: ChecksumAlgorithm) -> Digest:
    """A running digest of this kind."""
    if algorithm is ChecksumAlgorithm.MD5:
        return hashlib.md5(usedforsecurity=False)
    if algorithm is ChecksumAlgorithm.SHA256:
        return hashlib.sha256(usedforsecurity=False)
    if algorithm is ChecksumAlgorithm.SHA1:
        return hashlib.sha1(usedforsecurity=False)
    if algorithm is ChecksumAlgorithm.CRC32:
        return _Crc(zlib.crc32, 8)
    return _crt("crc32c", 8) if algorithm is ChecksumAlgorithm.CRC32C else _crt("crc64nvme", 16)


def combined(pieces: Sequence[tuple[Checksum, int]]) -> Checksum:
    """The checksum of a whole, from those of its pieces in order and their sizes in bytes; CRCs of one kind only."""
    from awscrt import checksums

    (first, _), *others = pieces
    combine = getattr(checksums, f"combine_{first.algorithm}")
    value = int(first.hex, 16)
    for piece, size_bytes in others:
        value = combine(value, int(piece.hex, 16), size_bytes)
    return Checksum(first.algorithm, f"{value:0{len(first.hex)}x}")


def md5_hex(data: bytes) -> str:
    """The MD5 of bytes in memory."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def composite_etag(part_etags: list[str]) -> str:
    """The ETag that S3 gives a multipart upload: the MD5 of the parts' MD5s, and how many there were."""
    digests = b"".join([bytes.fromhex(etag) for etag in part_etags])
    return f"{md5_hex(digests)}-{len(part_etags)}"
