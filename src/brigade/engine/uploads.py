"""Multipart uploads that survive a crash: begun on record, resumed at the first missing part, never left astray."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from brigade.decide.decide import source_print
from brigade.engine.job import Job
from brigade.engine.ledger import Ledger
from brigade.engine.proving import md5_of
from brigade.errors import NotFound, StoreError, Unsupported
from brigade.objects import Attributes, ObjectInfo, PartInfo
from brigade.stores.base import Store


@dataclass(slots=True)
class OpenUpload:
    """An upload under way; `parts` holds, by number, what the target has of it already."""

    store: Store
    ledger: Ledger
    key: str
    upload_id: str
    parts: dict[int, PartInfo]

    async def finished(self) -> None:
        """The upload was completed."""
        await self.ledger.forget_upload(self.key)

    async def abort(self) -> None:
        """Give the upload up and remove its parts."""
        await self.store.abort_multipart(self.key, self.upload_id)
        await self.ledger.forget_upload(self.key)


async def open_upload(job: Job, seen: ObjectInfo, sizes: Sequence[int], attributes: Attributes) -> OpenUpload:
    """Resume the upload an earlier run began of exactly this version and cut, or begin one.

    The intent is durable before the store creates the upload, so that it cannot be lost sight of.
    """
    ledger, store = job.ledger, job.target
    version = _version(seen, attributes)
    before = await ledger.upload(seen.key)
    if before is not None and before.upload_id is not None:
        if before.source_print == version and list(before.part_sizes_bytes) == list(sizes):
            parts = await _parts_there(job, seen.key, before.upload_id, sizes)
            if parts is not None:
                return OpenUpload(store, ledger, seen.key, before.upload_id, parts)
        await store.abort_multipart(seen.key, before.upload_id)
        await ledger.forget_upload(seen.key)
    elif before is not None:
        await _abort_unrecorded(store, seen.key, before.created_ns)
    await ledger.intend_upload(seen.key, version, sizes)
    upload_id = await store.create_multipart(seen.key, attributes=attributes)
    await ledger.began_upload(seen.key, upload_id)
    return OpenUpload(store, ledger, seen.key, upload_id, {})


def _version(seen: ObjectInfo, attributes: Attributes) -> str:
    """What an upload was begun for: the source's version and, since they are fixed from the start, its attributes.

    When it is deleted is the source's own word, which changes its version, or counts from when the upload began.
    """
    carried = (
        replace(attributes, metadata={}, tags=None, delete_at_seconds=None),
        sorted(attributes.metadata.items()),
        sorted((attributes.tags or {}).items()),
    )
    return f"{source_print(seen)}#{md5_of(repr(carried).encode()).hex}"


async def _parts_there(job: Job, key: str, upload_id: str, sizes: Sequence[int]) -> dict[int, PartInfo] | None:
    """The parts the target holds that have their planned size, None if it knows the upload no more.

    Whoever sent a part may have died before it heard what had arrived: a part of which the target tells no digest,
    neither by its ETag nor otherwise, is sent again.
    """
    try:
        parts = await job.target.list_parts(key, upload_id)
    except NotFound:
        return None
    told = [part for part in parts if job.trust.target_etags or part.checksum is not None]
    return {p.number: p for p in told if p.number <= len(sizes) and p.size_bytes == sizes[p.number - 1]}


async def _abort_unrecorded(store: Store, key: str, since_ns: int) -> None:
    """Abort what may have been created between the intent and the crash: uploads of this very key since then."""
    margin_ns = 60_000_000_000  # the store's clock and ours may differ
    try:
        uploads = await store.list_multiparts(key)
    except Unsupported:
        return
    for upload in uploads:
        if upload.key == key and upload.initiated_ns >= since_ns - margin_ns:
            await store.abort_multipart(key, upload.upload_id)


async def abort_leftovers(job: Job) -> list[StoreError]:
    """Abort every upload on record that no follower is at work on: at the end of a run nobody will finish the others.

    Returns what could not be aborted; it stays on record for the next run.
    """
    errors: list[StoreError] = []
    for upload in await job.ledger.leftovers():
        try:
            if upload.upload_id is not None:
                await job.target.abort_multipart(upload.key, upload.upload_id)
            else:
                await _abort_unrecorded(job.target, upload.key, upload.created_ns)
        except StoreError as error:
            errors.append(error)
        else:
            await job.ledger.forget_upload(upload.key)
    return errors
