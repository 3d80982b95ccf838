"""Reading what an object carries besides its bytes, asking only where there can be something."""

from __future__ import annotations

from dataclasses import replace

from brigade.decide.attributes import expected_attributes
from brigade.engine.job import Job
from brigade.objects import NO_ATTRIBUTES, Attributes, ObjectInfo
from brigade.stores.base import Store


async def read_attributes(job: Job, store: Store, info: ObjectInfo) -> Attributes:
    """The attributes of an object that was opened or headed, with its tags and ACL if this job carries them."""
    attributes = info.attributes or NO_ATTRIBUTES
    if job.carries.tags and job.policy.tags and attributes.tags is None:
        tags = await store.read_tags(info.key) if info.tag_count != 0 else {}
        attributes = replace(attributes, tags=tags)
    if job.carries.acl and job.policy.acl:
        attributes = replace(attributes, acl=await store.read_acl(info.key))
    return attributes


async def attributes_for_target(job: Job, info: ObjectInfo) -> Attributes:
    """What the target's object shall carry, given the source object as it was opened or headed."""
    attributes = await read_attributes(job, job.source, info)
    expected = expected_attributes(info.key, attributes, job.policy, job.carries)
    if job.policy.expire_after_seconds is not None and job.target.capabilities.delete_at:
        now_ns = job.clock.now_ns() + job.target.clock_offset_ns
        delete_at_seconds = now_ns // 1_000_000_000 + int(job.policy.expire_after_seconds)
        return replace(expected, delete_at_seconds=delete_at_seconds)
    return expected
