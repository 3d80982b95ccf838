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


async def test_what_was_written_just_now_is_read_when_its_second_is_over_and_not_looked_at_again(build):
    bench = await build(source=COARSE)
    await put(bench.source, "a", b"bytes")
    written = bench.clock.monotonic_seconds()
    await bench.sync()
    assert bench.clock.monotonic_seconds() - written >= 1
    ran = await bench.sync()
    assert ran.result.counts.skipped == 1
    assert ran.requests("source", "head", "get") == 0


async def test_an_object_that_has_rested_is_not_looked_at(build):
    bench = await build(source=COARSE)
    await put(bench.source, "a", b"bytes")
    bench.clock.advance(2)
    await bench.sync()
    assert (await bench.sync()).requests("source", "head") == 0
