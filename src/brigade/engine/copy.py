"""Copying one object, proven: small ones through memory, larger ones streamed, the largest part by part.

How the bytes are proven, cheapest first:

- The source's ETag is an MD5, or it tells one beside it: that is sent as Content-MD5, the target verifies the source's
  bytes, and its ETag, if that is an MD5, must come out equal. Nothing is hashed here.
- The source's ETag is that of a multipart upload: parts are cut alike, and the ETag over the target's parts is
  compared *before* the upload is completed, so that wrong bytes never become visible.
- Otherwise the bytes are hashed once while they pass, and the target is held to that hash; where the source tells a
  checksum of another kind, the bytes are held to that, too.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from brigade.engine.attempts import Attempts
from brigade.engine.attributes import attributes_for_target
from brigade.engine.heap import keep_freed_memory
from brigade.engine.job import Job
from brigade.engine.manifests import ManifestKeeper, Restorer, is_segmented
from brigade.engine.multipart import copy_in_parts
from brigade.engine.proving import (
    check_same_version,
    check_told,
    damaged_at_source,
    exactly,
    hash_ranges,
    may_have_parts,
    md5_of,
    unconditionally,
)
from brigade.engine.streams import StreamBody
from brigade.errors import (
    AccessDenied,
    Corrupt,
    InvalidKey,
    PreconditionFailed,
    Rejected,
    SourceChanged,
    StoreError,
    Truncated,
    Unsupported,
)
from brigade.objects import Attributes, Checksum, ChecksumAlgorithm, ObjectInfo, Proof, has_parts, is_md5_etag
from brigade.stores.base import ALWAYS, BytesBody, Condition, KeptManifest


class Copied(NamedTuple):
    """A finished copy: the version that was read, what the target answered, the proof, and what else is to be said."""

    source: ObjectInfo
    target: ObjectInfo
    proof: Proof
    tagged: bool
    note: str = ""


class Copier:
    """Copies objects of one job. A copy that fails leaves the target's old object as it was."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._refused_md5: dict[str, str] = {}
        self._restorer = Restorer(job)
        self._manifests = ManifestKeeper(job)

    async def copy(self, seen: ObjectInfo) -> Copied:
        """Copy the version that was seen, or, if it changes meanwhile, the one that is there then.

        Raises the last attempt's error; `NotFound` if the source object is gone.
        """
        attempts = Attempts(self._job.clock, self._job.limits.attempts)
        while True:
            try:
                return await self._copy_once(seen)
            except (SourceChanged, PreconditionFailed) as error:
                await attempts.failed(SourceChanged(error.message, store=error.store, key=seen.key))
                seen = await self._job.source.head(seen.key)
            except StoreError as error:
                await attempts.failed(error)

    def may_create(self, info: ObjectInfo) -> bool:
        """True for an object that goes over as it is read, with nothing to be looked at besides."""
        job = self._job
        is_plain = not (self._restorer.is_needed or may_have_parts(job.source, info))
        return is_plain and info.size_bytes <= job.limits.buffer_bytes

    async def create(self, info: ObjectInfo, data: bytes) -> Copied:
        """Write what was read of an object that `may_create`. Raises `PreconditionFailed` where the target has the key."""
        return await self._write_whole(info, info, data, Condition(if_none_match="*"))

    async def _copy_once(self, seen: ObjectInfo) -> Copied:
        note = ""
        if self._restorer.is_needed and (kept := await self._restorer.kept(seen.key)) is not None:
            try:
                return await self._restore(seen, kept)
            except (Rejected, AccessDenied, InvalidKey, Unsupported) as error:
                note = f"not made of its former segments: {error.message}"
        copied = await self._copy_content(seen)
        if is_segmented(copied.source):
            await self._manifests.keep(copied.source)
        return copied._replace(note=note) if note else copied

    async def _restore(self, seen: ObjectInfo, kept: KeptManifest) -> Copied:
        """Make the large object again that the source's manifest tells of."""
        job = self._job
        keep_freed_memory()
        async with job.large_slot:
            info = await job.source.head(seen.key)
            check_same_version(seen, info, job.source)
            attributes = await self._attributes(seen, info)
            target = await self._restorer.restore(seen, kept, attributes)
            return Copied(seen, target, Proof.MD5, bool(attributes.tags), "made of the segments of its manifest")

    async def _copy_content(self, seen: ObjectInfo) -> Copied:
        job = self._job
        in_parts = self._in_parts(seen)
        if not in_parts and seen.size_bytes <= job.limits.buffer_bytes:
            return await self._copy_whole(seen)
        keep_freed_memory()
        async with job.large_slot:
            if in_parts:
                info = await job.source.head(seen.key)
                check_same_version(seen, info, job.source)
                attributes = await self._attributes(seen, info)
                seen = seen._replace(opaque_etag=info.opaque_etag, checksum=info.checksum)
                target, proof = await copy_in_parts(job, seen, attributes, self._write_late)
                return Copied(seen, target, proof, bool(attributes.tags))
            if self._md5_known(seen) or seen.size_bytes > job.limits.part_size_bytes:
                return await self._copy_stream(seen, self._told_md5(seen))
            async with job.held_slot:
                return await self._copy_whole(seen)

    def _md5_known(self, seen: ObjectInfo) -> bool:
        return self._job.trust.source_etags and is_md5_etag(seen.etag)

    def _told_md5(self, seen: ObjectInfo) -> str | None:
        """The MD5 of the content in the source's own words: its ETag, or a digest that it tells beside one."""
        if self._md5_known(seen):
            return seen.etag
        told = seen.checksum
        return told.hex if told is not None and told.algorithm is ChecksumAlgorithm.MD5 else None

    def _in_parts(self, seen: ObjectInfo) -> bool:
        """True where the upload is to be cut: along the source's parts, or for want of a usable ETag."""
        job = self._job
        able = job.target.capabilities
        if not able.multipart:
            return False
        if job.cuts_along_source and may_have_parts(job.source, seen):
            return True
        if seen.size_bytes > able.max_put_bytes:
            return True
        if self._md5_known(seen) or seen.size_bytes <= job.limits.part_size_bytes:
            return False
        # The target itself holds one put to the MD5 that the source tells: then nothing is hashed here.
        return self._told_md5(seen) is None or seen.size_bytes > job.limits.single_put_bytes

    async def _copy_whole(self, seen: ObjectInfo) -> Copied:
        job = self._job
        async with job.source.get(seen.key, condition=exactly(seen)) as reader:
            info = reader.info
            data = await reader.read()
        check_same_version(seen, info, job.source)
        return await self._write_whole(seen, info, data)

    async def _write_whole(
        self, seen: ObjectInfo, info: ObjectInfo, data: bytes, condition: Condition = ALWAYS
    ) -> Copied:
        job = self._job
        if len(data) != seen.size_bytes:
            raise Truncated(
                f"{len(data)} of {seen.size_bytes} bytes came", store=job.source.name, operation="get", key=seen.key
            )
        if not self._md5_known(info) or info.opaque_etag:
            check_told(info, data, job.source)
        digest = self._digest(info, data)
        if job.cuts_along_source and has_parts(info.etag):
            await self._check_again(seen, digest)
        attributes = await self._attributes(seen, info)
        try:
            target = await job.target.put(
                seen.key, BytesBody(data), attributes=attributes, condition=condition, expect=digest
            )
        except Corrupt:
            self._suspect_etag(seen.key, md5_of(data).hex, digest.hex)
            raise
        job.observer.moved(len(data))
        proof = await self._prove(seen, target, digest)
        await self._write_acl(seen.key, attributes)
        return Copied(seen, target, proof, bool(attributes.tags))

    def _digest(self, info: ObjectInfo, data: bytes) -> Checksum:
        """The MD5 the target shall hold these bytes to: the source's own where it has one."""
        job = self._job
        if info.etag is not None and self._md5_known(info) and not info.opaque_etag:
            if not job.target.capabilities.verifies_md5 and md5_of(data).hex != info.etag:
                self._suspect_etag(info.key, md5_of(data).hex, info.etag)
                raise Corrupt("the bytes do not match the ETag", store=job.source.name, operation="get", key=info.key)
            return Checksum(ChecksumAlgorithm.MD5, info.etag)
        if info.checksum is not None and info.checksum.algorithm is ChecksumAlgorithm.MD5:
            return info.checksum
        return md5_of(data)

    async def _check_again(self, seen: ObjectInfo, digest: Checksum) -> None:
        """The source's ETag is that of parts, which the target cannot take: two reads must give the same bytes."""
        if (await hash_ranges(self._job.source, seen, [seen.size_bytes]))[0] != digest.hex:
            raise Corrupt("two reads gave different bytes", store=self._job.source.name, operation="get", key=seen.key)

    def _suspect_etag(self, key: str, actual_md5: str, promised_md5: str) -> None:
        """Note bytes that do not match their ETag: the same bytes twice mean that the ETag is no MD5."""
        if actual_md5 == promised_md5:
            return
        if self._refused_md5.pop(key, None) != actual_md5:
            self._refused_md5[key] = actual_md5
        elif self._job.trust.source_proven:
            raise damaged_at_source(self._job.source, key)
        else:
            self._job.distrust_source_etags()

    async def _copy_stream(self, seen: ObjectInfo, told: str | None) -> Copied:
        """One put of a body that is never held whole. Without an MD5 that the source tells, it is read once to get it."""
        job = self._job
        by_etag = told is not None and self._md5_known(seen)
        md5 = told or (await hash_ranges(job.source, seen, [seen.size_bytes]))[0]
        digest = Checksum(ChecksumAlgorithm.MD5, md5)
        async with job.stream_slot, job.source.get(seen.key, condition=exactly(seen)) as reader:
            check_same_version(seen, reader.info, job.source)
            if by_etag and reader.info.opaque_etag:
                job.distrust_source_etags()
                raise Corrupt("the ETag is no digest of the content", store=job.source.name, key=seen.key)
            attributes = await self._attributes(seen, reader.info)
            promised = None if job.target.capabilities.verifies_md5 else digest
            body = StreamBody(reader, seen.size_bytes, job.observer.moved, promised=promised)
            try:
                target = await job.target.put(seen.key, body, attributes=attributes, expect=digest)
            except Corrupt:
                if told is not None:
                    await self._look_for_false_word(seen, told, by_etag=by_etag)
                raise
        proof = await self._prove(seen, target, digest)
        await self._write_acl(seen.key, attributes)
        return Copied(seen, target, proof, bool(attributes.tags))

    async def _look_for_false_word(self, seen: ObjectInfo, told: str, *, by_etag: bool) -> None:
        """A refused stream: read the source twice to tell damage on the way from an ETag that is no MD5."""
        first, second = [(await hash_ranges(self._job.source, seen, [seen.size_bytes]))[0] for _ in range(2)]
        if first == second != told:
            if self._job.trust.source_proven or not by_etag:
                raise damaged_at_source(self._job.source, seen.key)
            self._job.distrust_source_etags()

    async def _prove(self, seen: ObjectInfo, target: ObjectInfo, digest: Checksum) -> Proof:
        """Hold what the target answered to what it was sent. Raises `Corrupt` where it holds other bytes."""
        job = self._job
        if target.etag == digest.hex:
            if seen.etag != target.etag:
                return Proof.MD5
            job.trust.source_proven = job.trust.source_proven or is_md5_etag(seen.etag)
            return Proof.ETAG
        if not job.trust.target_etags and job.target.capabilities.verifies_md5:
            return Proof.MD5
        if job.target.capabilities.proves_writes:
            return Proof.CHECKSUM
        if not job.trust.target_etags and not job.policy.require_proof:
            return Proof.SIZE
        if (await hash_ranges(job.target, unconditionally(seen), [seen.size_bytes]))[0] != digest.hex:
            raise Corrupt(
                "the target holds other bytes than it was sent",
                store=job.target.name,
                operation="put",
                key=seen.key,
                hint="the target or the network damages data: look at it before you go on",
            )
        job.trust.target_etags = False
        return Proof.READ_BACK

    async def _attributes(self, seen: ObjectInfo, info: ObjectInfo) -> Attributes:
        """What the target's object shall carry. A store may tell the class in its listings and not with the content."""
        known = info.attributes
        if seen.storage_class is not None and known is not None and known.storage_class is None:
            info = info._replace(attributes=replace(known, storage_class=seen.storage_class))
        return await attributes_for_target(self._job, info)

    async def _write_late(self, key: str, attributes: Attributes) -> None:
        """What cannot be given to an upload in parts: the ACL, and at some targets the tags."""
        if attributes.tags and not self._job.target.capabilities.multipart_tags:
            await self._job.target.write_tags(key, attributes.tags)
        await self._write_acl(key, attributes)

    async def _write_acl(self, key: str, attributes: Attributes) -> None:
        if attributes.acl is not None:
            await self._job.target.write_acl(key, attributes.acl)
