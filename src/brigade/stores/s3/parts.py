"""The parts that an object was uploaded in, found out with as few requests as possible."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import NamedTuple

from brigade.errors import Unsupported
from brigade.objects import multipart_count
from brigade.stores.s3.bucket import Bucket, match_value
from brigade.stores.s3.headers import customer_key
from brigade.stores.together import for_each

PART_HEADS_AT_ONCE = 16
_TOTAL = re.compile(r"bytes \d+-\d+/(\d+)").fullmatch


class _PartHead(NamedTuple):
    """What HEAD says of one part (or of the whole, where it ignores part numbers)."""

    is_whole: bool
    size_bytes: int
    parts_count: int | None
    total_bytes: int | None


class PartCalls(Bucket):
    """`part_sizes` by HEAD with a part number."""

    async def part_sizes(self, key: str, *, etag: str) -> list[int] | None:
        """The sizes of the object's parts, None where this server does not tell.

        Nearly all objects are cut evenly, and then the first and the last part and the size of the whole say
        everything. Others cost a HEAD for each part. (Parts in the middle that differ and yet have the mean of the
        first are told wrong; a copy along them gets another ETag, which whoever proves copies notices.)
        """
        count = multipart_count(etag)
        if count in (None, 1):
            return [(await self._head_for_parts(key, etag, "")).size_bytes]
        if not self._capabilities.part_reads:
            return None
        first = await self._part_head(key, 1, etag)
        if first.parts_count != count:
            if first.parts_count is None and first.is_whole:
                self._capabilities = replace(self._capabilities, part_reads=False)
            return None
        return await self._sizes(key, etag, first, count)

    async def _sizes(self, key: str, etag: str, first: _PartHead, count: int) -> list[int] | None:
        total = first.total_bytes
        if total is None:
            total = (await self._head_for_parts(key, etag, "")).size_bytes
        rest = total - first.size_bytes * (count - 1)
        even = 0 < rest <= first.size_bytes
        if even and (count == 2 or (await self._part_head(key, count, etag)).size_bytes == rest):
            return [first.size_bytes] * (count - 1) + [rest]

        async def size_of(number: int) -> int:
            return (await self._part_head(key, number, etag)).size_bytes

        sizes = [first.size_bytes, *await for_each(range(2, count + 1), size_of, at_once=PART_HEADS_AT_ONCE)]
        return sizes if sum(sizes) == total else None

    async def _part_head(self, key: str, number: int, etag: str) -> _PartHead:
        return await self._head_for_parts(key, etag, f"partNumber={number}")

    async def _head_for_parts(self, key: str, etag: str, query: str) -> _PartHead:
        headers = [("if-match", match_value(etag)), *customer_key(self.settings)]
        answer = await self.caller.call("part_sizes", "HEAD", key, query, headers)
        found = answer.headers.get("etag", "").strip('"')
        if found != etag:
            raise self._changed("part_sizes", key, f"the object has the ETag {found} and not {etag}")
        if "content-length" not in answer.headers:
            raise Unsupported("the answer does not say how long the part is", store=self.name, key=key)
        parts = answer.headers.get("x-amz-mp-parts-count")
        total = _TOTAL(answer.headers.get("content-range", ""))
        return _PartHead(
            answer.status == 200,
            int(answer.headers["content-length"]),
            int(parts) if parts else None,
            int(total[1]) if total else None,
        )
