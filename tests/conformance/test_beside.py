"""The contract through the layer that keeps manifests, where some are kept: it hides them and breaks no promise."""

from __future__ import annotations

import pytest

from brigade.stores.base import KeptManifest
from brigade.stores.layers.beside import BesideStore
from brigade.stores.memory import MemoryStore
from brigade.testing.clock import ManualClock
from brigade.testing.conformance import *  # noqa: F403


def beside(*, exists):
    clock = ManualClock()
    return BesideStore(MemoryStore("mem", "bucket", clock=clock, exists=exists), clock)


@pytest.fixture
async def store():
    store = beside(exists=True)
    await store.open()
    for number in range(3):
        await store.keep_manifest(str(number), KeptManifest(b"[]", ""))
    yield store
    await store.close()


@pytest.fixture
def missing_store():
    return beside(exists=False)
