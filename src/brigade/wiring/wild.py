"""A wildcard of the configuration as its use cases see it, and the unit that follows it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from brigade.config.replications import ReplicationSection
from brigade.control.units import Unit
from brigade.control.wild import WildFollower
from brigade.control.work import Work
from brigade.decide.overlap import overlaps
from brigade.decide.wildcards import SAMPLE, Form, is_bucket
from brigade.wiring.routes import bucket_work, is_wild, sections, work_of
from brigade.wiring.scene import Scene
from brigade.wiring.wiring import Wiring


class StoreWildcard:
    """See `brigade.control.wildcards.Wildcard`. Buckets that another replication writes to are left to that one."""

    def __init__(self, wiring: Wiring, name: str, section: ReplicationSection) -> None:
        self._wiring = wiring
        self._name = name
        self._section = section
        self.own = work_of(wiring, name, section)
        sample = self.work(SAMPLE)
        self._identity = Form.of_sample(sample.identity)
        self._target_place = Form.of_sample(sample.target_place)
        self.taken = tuple(_taken(wiring))

    def work(self, bucket: str) -> Work:
        return bucket_work(self._wiring, self._name, self._section, bucket)

    def identity_of(self, bucket: str) -> str | None:
        return self._identity.filled(bucket) if is_bucket(bucket) and not self._is_taken(bucket) else None

    def bucket_of(self, identity: str) -> str | None:
        bucket = self._identity.bucket_in(identity)
        return None if bucket is None or self._is_taken(bucket) else bucket

    def _is_taken(self, bucket: str) -> bool:
        place = self._target_place.filled(bucket)
        return any(overlaps(place, other) for other in self.taken)


def _taken(wiring: Wiring) -> Sequence[str]:
    """Where the other replications of the configuration write."""
    return [
        work_of(wiring, name, section).target_place
        for name, section in sections(wiring)
        if not is_wild(wiring, section)
    ]


class WildUnit(Unit):
    """Follows every bucket of a store."""

    def __init__(self, scene: Scene, wildcard: StoreWildcard, section: ReplicationSection, number: int) -> None:
        super().__init__(f"follow {wildcard.own.name}", (scene.spec_of(section), wildcard.taken))
        self._scene = scene
        self._wildcard = wildcard
        self._number = number

    async def run(self, stop: asyncio.Event) -> None:
        scene = self._scene
        following = WildFollower(
            self._wildcard,
            self._number,
            state=scene.state,
            clock=scene.clock,
            meters=scene.meters,
            observe=scene.followed_by,
            tell=scene.voice.trouble,
        )
        await following.run(stop)
