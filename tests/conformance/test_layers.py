"""The contract through all layers: none of them may break a promise of the store inside."""

from __future__ import annotations

import pytest

from brigade.objects import NO_ATTRIBUTES
from brigade.stores.base import BytesBody
from brigade.stores.layers.compose import compose
from brigade.stores.layers.fault_script import FaultScript
from brigade.stores.layers.shared_limits import SharedLimits
from brigade.stores.memory import MemoryStore
from brigade.telemetry import Telemetry
from brigade.testing.clock import ManualClock
from brigade.testing.conformance import *  # noqa: F403


def layered(*, exists):
    clock = ManualClock()
    limits = SharedLimits(clock=clock, concurrency=4, requests_per_second=1000.0, bytes_per_second=1e9)
    store = MemoryStore("mem", "bucket", clock=clock, exists=exists)
    return compose(
        store,
        clock=clock,
        telemetry=Telemetry(),
        limits=limits,
        moved=lambda size_bytes: None,
        faults=FaultScript(),
        prefix="deep/down/",
    )


@pytest.fixture
async def store():
    store = layered(exists=True)
    await store.open()
    yield store
    await store.close()


@pytest.fixture
def missing_store():
    return layered(exists=False)


async def test_an_empty_key_is_refused_before_anything_is_written(store):
    """Not so under a prefix: the empty key is the marker of the directory itself, an object like any other."""
    await store.put("", BytesBody(b"marker"), attributes=NO_ATTRIBUTES)
    assert [info.key for info in (await store.list_page()).entries] == [""]
    assert await store.delete([""]) == {"": None}
