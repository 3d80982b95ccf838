"""The contract over the memory store, as itself and as several poor servers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from brigade.clock import SystemClock
from brigade.stores.base import Capabilities, ListingOrder
from brigade.stores.memory import MEMORY_CAPABILITIES, MemoryStore
from brigade.testing.conformance import *  # noqa: F403

KINDS = {
    "full": MEMORY_CAPABILITIES,
    "components": replace(MEMORY_CAPABILITIES, listing_order=ListingOrder.COMPONENTS),
    "unordered": replace(MEMORY_CAPABILITIES, listing_order=ListingOrder.NONE, start_after=False),
    "opaque-etags": replace(MEMORY_CAPABILITIES, content_etags=False),
    "poor": Capabilities(
        conditional_reads=False,
        multipart=False,
        server_copy=False,
        content_headers=False,
        metadata=False,
        empty_metadata_values=False,
    ),
}


@pytest.fixture(params=KINDS.values(), ids=KINDS)
async def store(request):
    store = MemoryStore("mem", "bucket", clock=SystemClock(), capabilities=request.param)
    await store.open()
    yield store
    await store.close()


@pytest.fixture
def missing_store():
    return MemoryStore("mem", "missing", clock=SystemClock(), exists=False)
