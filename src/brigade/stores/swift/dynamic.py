"""Dynamic large objects: whatever is listed under a prefix makes them up.

Swift reads the segments by their names and looks neither at their sizes nor at their ETags, so what it hands out may be a
mixture of two states. Here they are listed, and each is read by itself and only as it was listed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple

from brigade.errors import BucketMissing, Corrupt
from brigade.objects import SEGMENTED, ChecksumAlgorithm, ObjectInfo, is_md5_etag
from brigade.stores.base import ObjectReader
from brigade.stores.digests import md5_hex, new_digest
from brigade.stores.swift.container import Container
from brigade.wire.encoding import decode
from brigade.wire.swift import Segment

MOST_SEGMENTS = 100_000
_PAGE = 10_000


class DynamicCalls(Container):
    """Listing what makes up a dynamic large object."""

    async def _listed_segments(self, operation: str, key: str, headers: Mapping[str, str]) -> tuple[Segment, ...]:
        """The segments of the object with these headers, in the order in which they make it up."""
        container, prefix = self._place_of_segments(operation, key, headers)
        path = self.caller.path(container, None, operation)
        segments: list[Segment] = []
        marker = ""
        while entries := await self._listed(operation, key, path, prefix, marker):
            if entries[-1].key <= marker:
                raise self._rejected(operation, key, "the server lists the same segments again and again")
            marker = entries[-1].key
            for entry in entries:
                etag = entry.etag or ""
                if etag.startswith(SEGMENTED):
                    text = f"its segment /{container}/{entry.key} is a static large object, which Swift does not read there"
                    raise self._rejected(operation, key, text)
                segments.append(Segment(f"/{container}/{entry.key}", entry.size_bytes, etag))
            if len(segments) > MOST_SEGMENTS:
                raise self._rejected(operation, key, f"it is made of more than {MOST_SEGMENTS} segments")
        if not segments:
            # Its content would be nothing, and that would take the place of the last good copy.
            raise self._rejected(operation, key, f"none of its segments is there: /{container}/{prefix}")
        return tuple(segments)

    async def _listed(self, operation: str, key: str, path: str, prefix: str, marker: str) -> list[ObjectInfo]:
        try:
            return (await self._page(operation, path, prefix=prefix, marker=marker, limit=_PAGE)).entries
        except BucketMissing as error:
            raise self._segments_lost(operation, key) from error

    def _place_of_segments(self, operation: str, key: str, headers: Mapping[str, str]) -> tuple[str, str]:
        try:
            container, slash, prefix = decode(headers["x-object-manifest"]).partition("/")
        except UnicodeDecodeError:
            container = slash = prefix = ""
        if not (container and slash and prefix):
            raise self._rejected(operation, key, "its X-Object-Manifest names no container and prefix")
        return container, prefix


class Piece(NamedTuple):
    """A stretch of a segment. `md5` is there where it is the whole segment and nobody else looks at its digest."""

    segment: Segment
    first: int
    length_bytes: int
    md5: str | None

    @property
    def is_whole(self) -> bool:
        return self.length_bytes == self.segment.size_bytes


def pieces_of(segments: Sequence[Segment], first: int, length_bytes: int, *, checked: bool) -> list[Piece]:
    """What to read of which segment for a stretch of the whole; `checked` holds whole segments to their MD5."""
    pieces = []
    end = first + length_bytes
    at = 0
    for segment in segments:
        after = at + segment.size_bytes
        if after > first and at < end:
            begin, stop = max(first, at) - at, min(end, after) - at
            is_whole = stop - begin == segment.size_bytes
            md5 = segment.etag if checked and is_whole and is_md5_etag(segment.etag) else None
            pieces.append(Piece(segment, begin, stop - begin, md5))
        at = after
    return pieces


class JoinedReader:
    """A dynamic large object, or a stretch of it, as the pieces of its segments one after the other."""

    __slots__ = ("_open_piece", "_pieces", "_store", "info")

    def __init__(
        self,
        info: ObjectInfo,
        pieces: Sequence[Piece],
        open_piece: Callable[[Piece], Awaitable[ObjectReader]],
        store: str,
    ) -> None:
        self.info = info
        self._pieces = pieces
        self._open_piece = open_piece
        self._store = store

    async def chunks(self) -> AsyncIterator[bytes]:
        """The content, once. The last bytes of a segment are held back until its MD5 has been looked at."""
        for piece in self._pieces:
            md5 = new_digest(ChecksumAlgorithm.MD5) if piece.md5 is not None else None
            held = b""
            async for chunk in (await self._open_piece(piece)).chunks():
                if held:
                    yield held
                held = chunk
                if md5 is not None:
                    md5.update(chunk)
            if md5 is not None:
                self._check(piece, md5.hexdigest())
            if held:
                yield held

    async def read(self) -> bytes:
        """The whole content."""
        read = []
        for piece in self._pieces:
            data = await (await self._open_piece(piece)).read()
            if piece.md5 is not None:
                self._check(piece, md5_hex(data))
            read.append(data)
        return b"".join(read)

    def _check(self, piece: Piece, md5: str) -> None:
        if md5 != piece.md5:
            text = f"the bytes of its segment {piece.segment.path} do not match the ETag {piece.md5}"
            raise Corrupt(text, store=self._store, operation="get", key=self.info.key)
