"""A target that finds its own object damaged: that is a difference, and a copy mends it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from brigade.errors import Corrupt
from brigade.replications import CompareMode, Policy
from brigade.stores.layers.forward import ForwardingStore
from brigade.stores.memory import MEMORY_CAPABILITIES
from brigade.testing.workbench import contents, held, put

LOCAL = replace(MEMORY_CAPABILITIES, local_reads=True, content_etags=False)
CHECKSUM = Policy(compare=CompareMode.CHECKSUM)


class Rotten(ForwardingStore):
    """Reads fail, as those of a store that keeps digests do, until the object is written anew."""

    damaged = True

    def get(self, key, **options):
        if self.damaged:
            raise Corrupt("the content is not what was written", store="other name", operation="get", key=key)
        return self.inner.get(key, **options)

    async def put(self, key, body, **options):
        self.damaged = False
        return await self.inner.put(key, body, **options)


@pytest.mark.parametrize(("able", "policy"), [(MEMORY_CAPABILITIES, CHECKSUM), (LOCAL, Policy())])
async def test_a_damaged_target_differs_and_is_mended(build, able, policy):
    bench = await build(target=able)
    await put(bench.source, "a", b"bytes")
    await put(bench.target, "a", b"bytes")
    rotten = Rotten(bench.target)
    plan = await bench.sync(policy, target=rotten, dry_run=True)
    assert (plan.result.counts.copied, plan.result.counts.failed) == (1, 0)
    ran = await bench.sync(policy, target=rotten)
    assert (ran.result.counts.copied, ran.result.in_step) == (1, True)
    assert contents(await held(bench.target)) == {"a": b"bytes"}


async def test_a_damaged_source_is_a_failure_and_no_difference(bench):
    await put(bench.source, "a", b"bytes")
    await put(bench.target, "a", b"bytes")
    ran = await bench.sync(CHECKSUM, source=Rotten(bench.source))
    assert (ran.result.counts.failed, ran.result.counts.copied) == (1, 0)
