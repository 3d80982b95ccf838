"""Cutting objects into parts: our own plans, and guesses at how somebody else cut.

Limits are those of S3 ("Amazon S3 multipart upload limits": 10,000 parts of 5 MiB to 5 GiB, 5 TiB in all).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

from brigade.objects import MEBIBYTE, is_md5_etag

# What clients commonly use, most frequent first: aws-cli and boto3 8, rclone and mc 5 and 16, console 16 or 17 …
_COMMON_PART_MEBIBYTES = (8, 5, 16, 15, 10, 64, 32, 128, 100, 25, 50, 20, 256, 512, 6, 7, 12, 24)


def plan_parts(size_bytes: int, part_size_bytes: int, *, max_parts: int, max_part_bytes: int) -> list[int]:
    """The sizes of the parts for a new upload, grown by doubling where the count would pass `max_parts`.

    Raises ValueError where no allowed part size can hold the object.
    """
    part = part_size_bytes
    while part * max_parts < size_bytes:
        part *= 2
    part = min(part, max_part_bytes)
    if part * max_parts < size_bytes:
        raise ValueError(f"{size_bytes} bytes need more than {max_parts} parts of {max_part_bytes} bytes")
    return list(uniform_sizes(size_bytes, part))


def uniform_sizes(size_bytes: int, part_size_bytes: int) -> Iterator[int]:
    """All parts of one size, the last one whatever is left; one empty part for an empty object."""
    if size_bytes == 0:
        yield 0
        return
    whole, rest = divmod(size_bytes, part_size_bytes)
    for _ in range(whole):
        yield part_size_bytes
    if rest:
        yield rest


def guess_part_size(size_bytes: int, count: int) -> int | None:
    """The likeliest part size of an upload of `count` uniform parts, None where no usual size fits.

    A guess is safe: the multipart ETag over the guessed parts is compared before the upload is completed.
    """
    if count == 1:
        return size_bytes
    if size_bytes < count:
        return None
    for mebibytes in _COMMON_PART_MEBIBYTES:
        if _fits(size_bytes, count, mebibytes * MEBIBYTE):
            return mebibytes * MEBIBYTE
    smallest = -(-size_bytes // count)
    rounded = -(-smallest // MEBIBYTE) * MEBIBYTE
    return rounded if _fits(size_bytes, count, rounded) else None


def _fits(size_bytes: int, count: int, part_size_bytes: int) -> bool:
    return -(-size_bytes // part_size_bytes) == count


def fits_limits(sizes: Sequence[int], *, min_part_bytes: int, max_part_bytes: int, max_parts: int) -> bool:
    """True if a store with these limits takes parts of these sizes (the last one may be small)."""
    return (
        0 < len(sizes) <= max_parts
        and all(size >= min_part_bytes for size in sizes[:-1])
        and max(sizes) <= max_part_bytes
    )


def composite_etag(part_etags: Sequence[str]) -> str | None:
    """The ETag S3 gives to an upload of these parts, None if a part's ETag is no MD5."""
    if not all(is_md5_etag(etag) for etag in part_etags):
        return None
    digests = b"".join(map(bytes.fromhex, part_etags))
    return f"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{len(part_etags)}"
