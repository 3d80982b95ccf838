"""Making headers, metadata, tags and ACL right at the target without moving the bytes."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import NamedTuple

from brigade.decide.attributes import differing_attributes, with_headers_of
from brigade.engine.attributes import attributes_for_target, read_attributes
from brigade.engine.groups import first_error
from brigade.engine.job import Job
from brigade.errors import SourceChanged, Unsupported
from brigade.objects import Attributes, ObjectInfo
from brigade.stores.base import Condition


class Look(NamedTuple):
    """Both sides as a request each has shown them, what the target should carry, and where it differs."""

    source: ObjectInfo
    target: ObjectInfo
    expected: Attributes
    differ: tuple[str, ...]


async def look_at_attributes(job: Job, source: ObjectInfo, target: ObjectInfo) -> Look:
    """Ask both stores for an object's attributes. Raises `SourceChanged` if either is another version by now."""
    with first_error():
        async with asyncio.TaskGroup() as group:
            ours = group.create_task(job.source.head(source.key))
            theirs = group.create_task(job.target.head(target.key))
    source_now, target_now = ours.result(), theirs.result()
    for seen, now, store in ((source, source_now, job.source), (target, target_now, job.target)):
        if seen.etag != now.etag or seen.size_bytes != now.size_bytes:
            raise SourceChanged("the object changed since it was listed", store=store.name, key=seen.key)
    return await compare_attributes(job, source_now, target_now)


async def compare_attributes(job: Job, source_now: ObjectInfo, target_now: ObjectInfo) -> Look:
    """The same for two objects that a request each has just shown with their attributes."""
    expected = await attributes_for_target(job, source_now)
    actual = await read_attributes(job, job.target, target_now)
    if job.policy.expire_after_seconds is not None:
        # It counts from when the content was written: another header does not make the object live longer.
        expected = replace(expected, delete_at_seconds=actual.delete_at_seconds)
    if not job.target.capabilities.content_headers:
        # What the target cannot hold is in the fidelity table; it is not a difference of this object.
        actual = with_headers_of(expected, actual)
    return Look(source_now, target_now, expected, differing_attributes(expected, actual))


async def update_attributes(job: Job, look: Look) -> ObjectInfo:
    """Give the target's object the expected attributes, if it is still the one looked at.

    Raises `Unsupported` where only a new put can do it.
    """
    key = look.target.key
    target = look.target
    copied = False
    if look.differ == ("tags",) and look.expected.tags is not None:
        await job.target.write_tags(key, look.expected.tags)
    elif set(look.differ) - {"acl"}:
        if target.size_bytes > job.target.capabilities.max_copy_bytes:
            raise Unsupported("too large for one server-side copy", store=job.target.name, operation="copy", key=key)
        condition = Condition(if_match=target.etag) if target.etag else Condition()
        target = await job.target.copy(key, key, attributes=look.expected, condition=condition)
        copied = True
    # A copy onto itself gives the object the bucket's default ACL again.
    if look.expected.acl is not None and (copied or "acl" in look.differ):
        await job.target.write_acl(key, look.expected.acl)
    return target
