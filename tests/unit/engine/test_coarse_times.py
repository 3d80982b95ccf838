"""Stores that tell times in whole seconds: a change in the second of the write must not stay unseen."""

from __future__ import annotations

from dataclasses import replace

import pytest

from brigade.objects import Attributes
from brigade.stores.memory import MEMORY_CAPABILITIES
from brigade.testing.workbench import held, put

COARSE = replace(MEMORY_CAPABILITIES, modified_resolution_ns=1_000_000_000)


@pytest.mark.parametrize("earlier_seconds", [0, 10])
async def test_metadata_changed_in_the_second_of_the_write_arrives(build, earlier_seconds):
    bench = await build(source=COARSE)
    await put(bench.source, "a", b"bytes", Attributes(metadata={"v": "1"}))
    bench.clock.advance(0.2)
    await bench.sync()
    bench.clock.advance(0.2)
    await put(bench.source, "a", b"bytes", Attributes(metadata={"v": "2"}))
    bench.clock.advance(earlier_seconds)
    ran = await bench.sync()
    assert (ran.result.counts.metadata_updated, ran.result.counts.copied) == (1, 0)
    assert (await held(bench.target))["a"].attributes.metadata == {"v": "2"}


async def test_the_second_look_is_the_last(build):
    bench = await build(source=COARSE)
    await put(bench.source, "a", b"bytes")
    await bench.sync()
    bench.clock.advance(10)
    assert (await bench.sync()).requests("source", "head") == 1
    assert (await bench.sync()).requests("source", "head") == 0


async def test_an_object_that_has_rested_is_not_looked_at(build):
    bench = await build(source=COARSE)
    await put(bench.source, "a", b"bytes")
    bench.clock.advance(1)
    await bench.sync()
    assert (await bench.sync()).requests("source", "head") == 0
