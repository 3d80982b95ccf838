"""Reading bytes to prove or disprove that two objects are the same."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Protocol

from brigade.decide.decide import source_print
from brigade.decide.parts import composite_etag, fits_limits, guess_part_size, uniform_sizes
from brigade.errors import Corrupt, SourceChanged
from brigade.objects import DYNAMIC, Checksum, ChecksumAlgorithm, ObjectInfo, has_parts, is_md5_etag, multipart_count
from brigade.stores.base import ByteRange, Condition, Store
from brigade.stores.digests import new_digest

# Those that cost next to nothing.
_CHECKED_HERE = (ChecksumAlgorithm.CRC32C, ChecksumAlgorithm.CRC64NVME)


class Hash(Protocol):
    """The part of hashlib's objects that is used here."""

    def update(self, data: bytes, /) -> None: ...
    def hexdigest(self) -> str: ...


def new_md5() -> Hash:
    """An MD5, used as the checksum that S3 defines, never for security."""
    return hashlib.md5(usedforsecurity=False)


def md5_of(data: bytes) -> Checksum:
    """The MD5 of bytes in memory."""
    return Checksum(ChecksumAlgorithm.MD5, hashlib.md5(data, usedforsecurity=False).hexdigest())


def exactly(info: ObjectInfo) -> Condition:
    """The condition that only the very version seen is read."""
    return Condition(if_match=info.etag) if info.etag else Condition(if_unmodified_ns=info.modified_ns or None)


def damaged_at_source(store: Store, key: str) -> Corrupt:
    """The error for bytes that come the same each time and do not match what the source tells of them."""
    error = Corrupt(
        "the bytes do not match the object's own digest, each time they are read",
        store=store.name,
        operation="get",
        key=key,
        hint="the object is damaged at the source: nothing was copied",
    )
    error.exhausted = True
    return error


def is_checkable(told: Checksum) -> bool:
    """True for a digest of a whole that can be checked while its pieces are read at once."""
    return told.algorithm in _CHECKED_HERE or told.algorithm is ChecksumAlgorithm.MD5


def checksum_of(algorithm: ChecksumAlgorithm, data: bytes) -> Checksum:
    """The checksum of bytes in memory."""
    digest = new_digest(algorithm)
    digest.update(data)
    return Checksum(algorithm, digest.hexdigest())


def check_told(info: ObjectInfo, data: bytes, store: Store) -> None:
    """Raise `Corrupt` where the bytes are not those that the store tells a checksum of; MD5s are the target's to check."""
    told = info.checksum
    if told is None or told.algorithm not in _CHECKED_HERE:
        return
    if checksum_of(told.algorithm, data) != told:
        text = f"the bytes do not match the {told.algorithm} that the store tells"
        raise Corrupt(text, store=store.name, operation="get", key=info.key)


def unconditionally(info: ObjectInfo) -> ObjectInfo:
    """The same key and size, for reading whatever version is there now."""
    return ObjectInfo(info.key, info.size_bytes, None, 0)


def check_same_version(seen: ObjectInfo, now: ObjectInfo, store: Store) -> None:
    """Raise `SourceChanged` if `now` is not the version that was seen."""
    if seen.etag != now.etag or (not seen.etag and source_print(seen) != source_print(now)):
        raise SourceChanged("the object changed while it was copied", store=store.name, operation="get", key=seen.key)


def check_same_piece(seen: ObjectInfo, now: ObjectInfo, store: Store) -> None:
    """The same for a range or part, whose size is its own: a store may ignore the condition of a read."""
    if seen.etag != now.etag or (not seen.etag and seen.modified_ns != now.modified_ns):
        raise SourceChanged("the object changed while it was copied", store=store.name, operation="get", key=seen.key)


async def hash_ranges(store: Store, info: ObjectInfo, sizes: Sequence[int]) -> list[str]:
    """The MD5s (hex) of consecutive ranges of exactly this version of an object."""
    digests = []
    first = 0
    whole = len(sizes) == 1
    for size in sizes:
        byte_range = None if whole else ByteRange(first, size)
        async with store.get(info.key, byte_range=byte_range, condition=exactly(info)) as reader:
            md5 = new_md5()
            async for chunk in reader.chunks():
                md5.update(chunk)
        digests.append(md5.hexdigest())
        first += size
    return digests


def may_have_parts(store: Store, info: ObjectInfo) -> bool:
    """True for an object that is made of several parts, as far as its ETag tells, and has them to show."""
    return has_parts(info.etag) or (store.capabilities.dynamic_parts and (info.etag or "").startswith(DYNAMIC))


async def part_sizes_of(store: Store, info: ObjectInfo) -> tuple[list[int] | None, bool]:
    """How an object with a multipart ETag was cut, and whether the store said so (True) or it is a guess."""
    if info.etag is None or not may_have_parts(store, info):
        return None, False
    if store.capabilities.part_reads:
        told = await store.part_sizes(info.key, etag=info.etag)
        if told is not None and sum(told) == info.size_bytes:
            return told, True
    count = multipart_count(info.etag)
    part_size_bytes = guess_part_size(info.size_bytes, count) if count is not None else None
    return (list(uniform_sizes(info.size_bytes, part_size_bytes)) if part_size_bytes else None), False


async def matches_etag_of(reading: Store, info: ObjectInfo, other_store: Store, other: ObjectInfo) -> bool | None:
    """Hash `info` at `reading` and hold it against the content ETag of `other`; None where that has none to hold to."""
    if is_md5_etag(other.etag):
        return (await hash_ranges(reading, info, [info.size_bytes]))[0] == other.etag
    sizes, _ = await part_sizes_of(other_store, other)
    if sizes is None:
        return None
    equal = composite_etag(await hash_ranges(reading, info, sizes)) == other.etag
    # A guess at the cut that does not match proves nothing; a match always does.
    return equal or (None if not other_store.capabilities.part_reads else False)


async def same_bytes(source: Store, source_info: ObjectInfo, target: Store, target_info: ObjectInfo) -> bool:
    """Read both objects whole and compare their digests. A target that finds its own object damaged differs."""
    ours = await hash_ranges(source, source_info, [source_info.size_bytes])
    try:
        theirs = await hash_ranges(target, target_info, [target_info.size_bytes])
    except Corrupt:
        return False
    return ours == theirs


def takes_parts(store: Store, sizes: Sequence[int]) -> bool:
    """True if the store takes an upload cut like this."""
    able = store.capabilities
    return able.multipart and fits_limits(
        sizes, min_part_bytes=able.min_part_bytes, max_part_bytes=able.max_part_bytes, max_parts=able.max_parts
    )
