"""Large objects that are made of others by a manifest: it is kept beside a copy, and makes the same object again.

A manifest goes beside its copy after the object, and before the row of the inventory: a run that dies in between leaves
no row, so the next one sees to the key again. A kept manifest promises nothing. It is used only for an object that has
its size and gives its segments' MD5s, and never writes over anything that lies where a segment belongs.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from brigade.decide.parts import composite_etag
from brigade.engine.attempts import Attempts
from brigade.engine.groups import first_error
from brigade.engine.job import Job
from brigade.engine.proving import check_same_piece, exactly, new_md5
from brigade.engine.streams import StreamBody
from brigade.errors import Corrupt, Rejected, SourceChanged, StoreError
from brigade.objects import SEGMENTED, Attributes, Checksum, ChecksumAlgorithm, ObjectInfo, is_md5_etag
from brigade.stores.base import ByteRange, KeepsManifests, KeptManifest, ObjectReader, Store, with_manifests
from brigade.wire.swift import Segment, parse_manifest, whole_etag


class ManifestKeeper:
    """Keeps the manifests of a source at a target that has none."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._target: KeepsManifests | None = None
        if job.source.capabilities.manifests and isinstance(job.target, KeepsManifests):
            self._target = job.target

    async def keep(self, copied: ObjectInfo) -> None:
        """Keep the manifest of the version that was copied. Raises `SourceChanged` where it is another one's."""
        if self._target is None or not is_segmented(copied):
            return
        source = self._job.source
        document = await with_manifests(source).read_manifest(copied.key)
        if document is None or SEGMENTED + whole_etag(parse_manifest(document)) != copied.etag:
            raise SourceChanged("the object changed while its manifest was read", store=source.name, key=copied.key)
        await self._target.keep_manifest(copied.key, KeptManifest(document, _origin_of(source)))

    async def tidy(self, copied: ObjectInfo, known_print: str | None) -> None:
        """Drop the manifest of an object that has been one of segments, as far as is known, and is none any more."""
        if self._target is None or is_segmented(copied):
            return
        if known_print is None or known_print.startswith(SEGMENTED):
            await self._target.drop_manifest(copied.key)


def is_segmented(info: ObjectInfo) -> bool:
    """True for an object that has a manifest."""
    return info.etag is not None and info.etag.startswith(SEGMENTED)


@dataclass(frozen=True, slots=True)
class _Piece:
    """One segment with its place in the whole."""

    first: int
    segment: Segment


class Restorer:
    """Makes large objects again from manifests that the source keeps. `is_needed`: the pair of stores is such a one."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._source: KeepsManifests | None = None
        if job.target.capabilities.manifests and isinstance(job.source, KeepsManifests):
            self._source = job.source
        # Segments that this run has written; what else lies in the place of one may belong to somebody.
        self._written: set[str] = set()

    @property
    def is_needed(self) -> bool:
        return self._source is not None

    async def kept(self, key: str) -> KeptManifest | None:
        """The manifest that the source keeps for a key."""
        return await self._source.kept_manifest(key) if self._source is not None else None

    async def restore(self, seen: ObjectInfo, kept: KeptManifest, attributes: Attributes) -> ObjectInfo:
        """Write segments and manifest. Raises `Rejected` where the manifest is not one for this object or this place."""
        target = with_manifests(self._job.target)
        pieces = _pieces_of(seen, kept, self._job.source)
        missing, there = await self._look(seen, kept, pieces)
        if composite_etag([piece.segment.etag for piece in pieces]) != seen.etag:
            await self._each(there, lambda piece: self._check(seen, piece))
        await self._each(missing, lambda piece: self._send(seen, piece))
        return await target.write_manifest(seen.key, kept.document, attributes=attributes)

    async def _look(
        self, seen: ObjectInfo, kept: KeptManifest, pieces: list[_Piece]
    ) -> tuple[list[_Piece], list[_Piece]]:
        """The segments that are to be written, and those that are there already."""
        found: dict[str, str | None] = {}

        async def look(piece: _Piece) -> None:
            found[piece.segment.path] = await with_manifests(self._job.target).segment_etag(piece.segment.path)

        paths = {piece.segment.path: piece for piece in pieces if piece.segment.path}
        await self._each(paths.values(), look)
        at_home = kept.origin == _origin_of(self._job.target)
        for path, etag in found.items():
            if etag is None:
                continue
            if etag != paths[path].segment.etag:
                raise self._misfit(seen, f"something else lies at {path}")
            if not at_home and path not in self._written:
                raise self._misfit(seen, f"{path} is there and belongs to an object of another place")
        missing = {path: piece for path, piece in paths.items() if found[path] is None}
        rest = [piece for piece in pieces if missing.get(piece.segment.path) is not piece]
        return list(missing.values()), rest

    async def _each(self, pieces: Iterable[_Piece], act: Callable[[_Piece], Awaitable[None]]) -> None:
        """Do it for each, as many at once as bodies are streamed."""
        wake_next = asyncio.Semaphore(self._job.limits.streams)

        async def one(piece: _Piece) -> None:
            try:
                await self._with_retries(act, piece)
            finally:
                wake_next.release()

        with first_error():
            async with asyncio.TaskGroup() as group:
                for piece in pieces:
                    await wake_next.acquire()
                    group.create_task(one(piece))

    async def _with_retries(self, act: Callable[[_Piece], Awaitable[None]], piece: _Piece) -> None:
        attempts = Attempts(self._job.clock, self._job.limits.attempts)
        while True:
            try:
                return await act(piece)
            except StoreError as error:
                await attempts.failed(error)

    async def _check(self, seen: ObjectInfo, piece: _Piece) -> None:
        """Read one piece of the source, which must be what the segment holds."""
        job = self._job
        async with (
            job.stream_slot,
            job.source.get(seen.key, byte_range=_range(piece), condition=exactly(seen)) as reader,
        ):
            check_same_piece(seen, reader.info, job.source)
            if await _md5_of(reader) != piece.segment.etag:
                raise self._misfit(seen, "the object was written anew since")

    async def _send(self, seen: ObjectInfo, piece: _Piece) -> None:
        """Stream one piece into its segment; Swift holds it to the MD5 that the manifest tells."""
        job, segment = self._job, piece.segment
        expect = Checksum(ChecksumAlgorithm.MD5, segment.etag)
        try:
            async with (
                job.stream_slot,
                job.source.get(seen.key, byte_range=_range(piece), condition=exactly(seen)) as reader,
            ):
                check_same_piece(seen, reader.info, job.source)
                body = StreamBody(reader, segment.size_bytes, job.observer.moved)
                await with_manifests(job.target).put_segment(segment.path, body, expect=expect)
        except Corrupt:
            # Other bytes than the manifest tells of, or damage on the way: reading once more tells which.
            await self._check(seen, piece)
            raise
        self._written.add(segment.path)

    def _misfit(self, seen: ObjectInfo, reason: str) -> Rejected:
        return Rejected(reason, store=self._job.source.name, operation="restore", key=seen.key)


def _pieces_of(seen: ObjectInfo, kept: KeptManifest, source: Store) -> list[_Piece]:
    """The segments with their places. Raises `Rejected` where they cannot be those of the object."""
    reason, pieces, first = "", [], 0
    try:
        segments = parse_manifest(kept.document)
    except ValueError as error:
        segments, reason = [], str(error)
    for segment in segments:
        if segment.md5 is None or not is_md5_etag(segment.md5) or segment.size_bytes <= 0:
            reason = "a segment of it is a range or a large object itself"
        pieces.append(_Piece(first, segment))
        first += segment.size_bytes
    if not reason and first != seen.size_bytes:
        reason = "the object has another size by now"
    if reason or not pieces:
        raise Rejected(reason or "it is empty", store=source.name, operation="restore", key=seen.key)
    return pieces


def _range(piece: _Piece) -> ByteRange:
    return ByteRange(piece.first, piece.segment.size_bytes)


async def _md5_of(reader: ObjectReader) -> str:
    md5 = new_md5()
    async for chunk in reader.chunks():
        md5.update(chunk)
    return md5.hexdigest()


def _origin_of(store: Store) -> str:
    """A place as the metadata of a kept manifest can hold it, whatever is in its name."""
    return hashlib.sha256(store.identity.encode()).hexdigest()
