"""Copying one large object part by part: parallel, resumable, and proven before it becomes visible."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Self

from brigade.decide.parts import composite_etag, plan_parts
from brigade.engine.attempts import Attempts
from brigade.engine.groups import first_error
from brigade.engine.job import Job
from brigade.engine.proving import (
    check_same_piece,
    damaged_at_source,
    exactly,
    hash_ranges,
    is_checkable,
    md5_of,
    new_md5,
    part_sizes_of,
    takes_parts,
    unconditionally,
)
from brigade.engine.streams import StreamBody
from brigade.engine.uploads import open_upload
from brigade.engine.wholes import Whole
from brigade.errors import Corrupt, Rejected, StoreError, Truncated
from brigade.objects import (
    Attributes,
    Checksum,
    ChecksumAlgorithm,
    ObjectInfo,
    PartInfo,
    Proof,
    multipart_count,
)
from brigade.stores.base import ByteRange, BytesBody, ObjectReader


class Cut(NamedTuple):
    """How an object is cut. `promised` is the ETag these parts must give, None where nothing is promised.

    `hashed`: the parts are hashed here while they pass, because the promise may turn out to be none. `told`: the source
    says that it was uploaded like this, and that its ETag is a digest. `by_part`: each part is read as the source has it,
    with a digest of its own. `held`: the parts are of our own plan and small enough to be held in memory, so that they can
    be sent again. `whole`: the digest of the whole that the source tells, where held parts can be checked against it.
    """

    sizes: Sequence[int]
    promised: str | None
    hashed: bool
    told: bool = False
    by_part: bool = False
    held: bool = False
    whole: Checksum | None = None


@dataclass(frozen=True, slots=True)
class _Part:
    number: int
    first: int
    size_bytes: int


@dataclass(slots=True)
class _Hashes:
    """What is known of the parts' content, by number: hashed in this run, or told by the target of an earlier run's parts.

    `unsure`: of some part the source told no digest. `resumed`: some parts were read by an earlier run. `whole` is there
    where all parts are read in this run, so that the source's word on all of it can be checked.
    """

    md5s: dict[int, str] = field(default_factory=dict)
    unsure: bool = False
    resumed: bool = False
    whole: Whole | None = None

    @classmethod
    def beside(cls, done: Mapping[int, PartInfo], cut: Cut) -> Self:
        """To begin with, where these parts are there already."""
        told = {number: part.checksum for number, part in done.items() if part.checksum is not None}
        md5s = {number: each.hex for number, each in told.items() if each.algorithm is ChecksumAlgorithm.MD5}
        whole = Whole(cut.whole, cut.sizes) if cut.whole is not None and not done else None
        return cls(md5s, resumed=bool(done), whole=whole)


async def copy_in_parts(
    job: Job, seen: ObjectInfo, attributes: Attributes, write_late: Callable[[str, Attributes], Awaitable[None]]
) -> tuple[ObjectInfo, Proof]:
    """Upload exactly the version seen, in parts. Raises and aborts if the parts do not prove equal.

    `write_late` gives the finished object what an upload cannot carry. The upload stays on record until that is
    done, so that the next run looks again if this one dies in between.
    """
    cut = await _choose_cut(job, seen)
    upload = await open_upload(job, seen, cut.sizes, attributes)
    try:
        hashes = await _upload_missing(job, seen, cut, upload.upload_id, upload.parts)
        parts = [upload.parts[number] for number in sorted(upload.parts)]
        proof = await _prove_parts(job, seen, cut, parts, hashes)
    except Corrupt:
        await upload.abort()
        raise
    target = await job.target.complete_multipart(seen.key, upload.upload_id, parts)
    await write_late(seen.key, attributes)
    await upload.finished()
    return target, await _prove_whole(job, seen, cut, target, parts, proof)


async def _choose_cut(job: Job, seen: ObjectInfo) -> Cut:
    """The source's own cut where it is known or can be guessed and the target takes it, else a plan of ours."""
    if job.cuts_along_source:
        sizes, told = await part_sizes_of(job.source, seen)
        if sizes is not None and takes_parts(job.target, sizes):
            if multipart_count(seen.etag) is None:
                return Cut(sizes, None, hashed=True, by_part=True)
            told = told and not seen.opaque_etag
            hashed = not (told and job.trust.source_multipart_etags and job.trust.target_etags)
            # Where the target's parts tell nothing, each is sent with its digest, for which it must be held.
            held = not job.trust.target_etags and max(sizes) <= job.limits.part_size_bytes
            return Cut(sizes, seen.etag, hashed, told, held=held)
    able = job.target.capabilities
    part_size_bytes = max(job.limits.part_size_bytes, able.min_part_bytes)
    try:
        sizes = plan_parts(
            seen.size_bytes, part_size_bytes, max_parts=able.max_parts, max_part_bytes=able.max_part_bytes
        )
    except ValueError as error:
        raise Rejected(str(error), store=job.target.name, operation="put", key=seen.key) from None
    # The parts of a huge object are larger than was asked for, and only pass through.
    held = sizes[0] <= part_size_bytes
    whole = seen.checksum if held and seen.checksum is not None and is_checkable(seen.checksum) else None
    return Cut(sizes, None, hashed=True, held=held, whole=whole)


async def _upload_missing(job: Job, seen: ObjectInfo, cut: Cut, upload_id: str, done: dict[int, PartInfo]) -> _Hashes:
    """Upload the parts that `done` lacks and add them to it; returns what is known of the parts' content."""
    hashes = _Hashes.beside(done, cut)
    missing = _missing_parts(cut.sizes, done)
    slot = job.held_slot if cut.held else job.stream_slot
    wake_next = asyncio.Semaphore(job.limits.held_parts if cut.held else job.limits.streams)

    async def upload(part: _Part) -> None:
        try:
            async with slot:
                done[part.number] = await _with_retries(job, seen, part, upload_id, cut, hashes)
        finally:
            wake_next.release()

    with first_error():
        async with asyncio.TaskGroup() as group:
            for part in missing:
                await wake_next.acquire()
                group.create_task(upload(part))
    return hashes


def _missing_parts(sizes: Sequence[int], done: dict[int, PartInfo]) -> list[_Part]:
    parts = []
    first = 0
    for number, size in enumerate(sizes, 1):
        if number not in done:
            parts.append(_Part(number, first, size))
        first += size
    return parts


async def _with_retries(job: Job, seen: ObjectInfo, part: _Part, upload_id: str, cut: Cut, hashes: _Hashes) -> PartInfo:
    attempts = Attempts(job.clock, job.limits.attempts)
    while True:
        try:
            return await _upload_part(job, seen, part, upload_id, cut, hashes)
        except StoreError as error:
            await attempts.failed(error)


async def _upload_part(job: Job, seen: ObjectInfo, part: _Part, upload_id: str, cut: Cut, hashes: _Hashes) -> PartInfo:
    """One part: through memory under a plan of ours (it can be sent again), else streamed."""
    byte_range = ByteRange(part.first, part.size_bytes) if part.size_bytes and not cut.by_part else None
    number = part.number if cut.by_part else None
    async with job.source.get(seen.key, byte_range=byte_range, part=number, condition=exactly(seen)) as reader:
        check_same_piece(seen, reader.info, job.source)
        if cut.held:
            return await _send_held(job, seen, part, upload_id, hashes, await reader.read())
        return await _send_streamed(job, seen, part, upload_id, cut, hashes, reader)


async def _send_held(job: Job, seen: ObjectInfo, part: _Part, upload_id: str, hashes: _Hashes, data: bytes) -> PartInfo:
    if len(data) != part.size_bytes:
        raise Truncated(f"{len(data)} of {part.size_bytes} bytes came", store=job.source.name, key=seen.key)
    digest = md5_of(data)
    if hashes.whole is not None:
        await hashes.whole.take(part.number, data, digest)
    info = await job.target.put_part(seen.key, upload_id, part.number, BytesBody(data), expect=digest)
    job.observer.moved(len(data))
    hashes.md5s[part.number] = digest.hex
    return info


async def _send_streamed(
    job: Job, seen: ObjectInfo, part: _Part, upload_id: str, cut: Cut, hashes: _Hashes, reader: ObjectReader
) -> PartInfo:
    """The body of a part as it comes; under `by_part` it is held to the digest that the source tells of the part."""
    told = reader.info.checksum if cut.by_part else None
    if told is not None and told.algorithm is not ChecksumAlgorithm.MD5:
        told = None
    md5 = new_md5() if cut.hashed and told is None else None
    body = StreamBody(reader, part.size_bytes, job.observer.moved, md5, told)
    info = await job.target.put_part(seen.key, upload_id, part.number, body, expect=told)
    if told is not None:
        hashes.md5s[part.number] = told.hex
    elif md5 is not None:
        hashes.md5s[part.number] = md5.hexdigest()
        hashes.unsure = True
    return info


async def _prove_parts(job: Job, seen: ObjectInfo, cut: Cut, parts: Sequence[PartInfo], hashes: _Hashes) -> Proof:
    """Before anything is visible: do the target's parts give the promised ETag, or the hashes taken here?

    Raises `Corrupt` if they do not. Parts of an earlier run carry no hash of ours: they are proven by the promised
    ETag or by reading the source again.
    """
    if [part.size_bytes for part in parts] != list(cut.sizes):
        raise Corrupt("the target reports parts of other sizes", store=job.target.name, key=seen.key)
    if hashes.whole is not None:
        hashes.whole.check()
    composite = composite_etag([part.etag for part in parts])
    if cut.promised is not None and composite == cut.promised:
        job.trust.source_multipart_proven = True
        return Proof.ETAG
    if not cut.hashed:
        job.trust.source_multipart_etags = False
        raise Corrupt(
            "the parts do not give the source's ETag", store=job.target.name, operation="put_part", key=seen.key
        )
    if composite is None or not job.trust.target_etags:
        if len(hashes.md5s) < len(parts):
            # Of parts of an earlier run nobody can tell what they hold: the whole is read back.
            return Proof.NONE
        await _check_source_leg(job, seen, cut, hashes)
        return _proof_of_writes(job, cut)
    return await _prove_by_hashes(job, seen, cut, parts, hashes)


def _proof_of_writes(job: Job, cut: Cut) -> Proof:
    """What a target whose ETags are no digests has proven of the parts by taking them."""
    able = job.target.capabilities
    if able.proves_writes:
        return Proof.CHECKSUM
    return Proof.MD5 if cut.held and able.verifies_md5 else Proof.NONE


async def _prove_by_hashes(job: Job, seen: ObjectInfo, cut: Cut, parts: Sequence[PartInfo], hashes: _Hashes) -> Proof:
    """The source promises no ETag for this cut: hold the target's parts to the bytes as they were read.

    Where the source has an ETag that did not come out, or that this cut cannot give, or where parts are left from an
    earlier run, the source is read once more: damage between the source and here must not pass for another way of cutting.
    """
    ours = [hashes.md5s.get(part.number) for part in parts]
    told_each = cut.by_part and not hashes.unsure
    if (_has_word(job, seen) and not told_each) or None in ours:
        ours = list(await hash_ranges(job.source, seen, cut.sizes))
    if cut.told and job.trust.source_multipart_proven and ours == [part.etag for part in parts]:
        raise damaged_at_source(job.source, seen.key)
    if ours != [part.etag for part in parts]:
        raise Corrupt("the parts differ from the source's bytes", store=job.target.name, key=seen.key)
    return Proof.MD5


async def _check_source_leg(job: Job, seen: ObjectInfo, cut: Cut, hashes: _Hashes) -> None:
    """For a target whose parts tell nothing: what was read must be the source's bytes before it becomes visible."""
    ours = [hashes.md5s[number] for number in range(1, len(cut.sizes) + 1)]
    told_each = cut.by_part and not hashes.unsure
    if told_each or not (_has_word(job, seen) or hashes.resumed) or composite_etag(ours) == cut.promised:
        return
    if ours != await hash_ranges(job.source, seen, cut.sizes):
        raise Corrupt("two reads gave different bytes", store=job.source.name, operation="get", key=seen.key)


def _has_word(job: Job, seen: ObjectInfo) -> bool:
    """True where the source's ETag promises something of the bytes. A file of somebody else's has none to come out."""
    return job.cuts_along_source and seen.etag is not None


async def _prove_whole(
    job: Job, seen: ObjectInfo, cut: Cut, target: ObjectInfo, parts: Sequence[PartInfo], proof: Proof
) -> Proof:
    """After completion: the whole must carry the ETag of its parts, or else it is read back."""
    able = job.target.capabilities
    by_writes = able.proves_writes or (not job.trust.target_etags and _proof_of_writes(job, cut) is not Proof.NONE)
    proven = by_writes or target.etag == composite_etag([part.etag for part in parts])
    if proof is not Proof.NONE and proven:
        return proof
    ours = await hash_ranges(job.source, seen, cut.sizes)
    theirs = await hash_ranges(job.target, unconditionally(seen), cut.sizes)
    if ours != theirs:
        raise Corrupt(
            "the target holds other bytes than it was sent", store=job.target.name, operation="complete", key=seen.key
        )
    job.trust.target_etags = False
    return Proof.READ_BACK
