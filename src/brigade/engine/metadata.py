"""Making headers, metadata, tags and ACL right at the target without moving the bytes."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from brigade.decide.attributes import differing_attributes
from brigade.engine.attributes import attributes_for_target, read_attributes
from brigade.engine.groups import first_error
from brigade.engine.job import Job
from brigade.errors import SourceChanged
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
    expected = await attributes_for_target(job, source_now)
    actual = await read_attributes(job, job.target, target_now)
    return Look(source_now, target_now, expected, differing_attributes(expected, actual))


async def update_attributes(job: Job, look: Look) -> ObjectInfo:
    """Give the target's object the expected attributes, if it is still the one looked at."""
    key = look.target.key
    target = look.target
    if look.differ == ("tags",) and look.expected.tags is not None:
        await job.target.write_tags(key, look.expected.tags)
    elif set(look.differ) - {"acl"}:
        condition = Condition(if_match=target.etag) if target.etag else Condition()
        target = await job.target.copy(key, key, attributes=look.expected, condition=condition)
    if "acl" in look.differ and look.expected.acl is not None:
        await job.target.write_acl(key, look.expected.acl)
    return target
