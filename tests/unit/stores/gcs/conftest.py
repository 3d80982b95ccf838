from __future__ import annotations

import secrets

import pytest

from brigade.clock import SystemClock
from brigade.stores.gcs.settings import GcsSettings
from brigade.stores.gcs.store import GcsStore
from brigade.testing.gcs_fake import GcsFake


@pytest.fixture
def fake():
    with GcsFake() as running:
        yield running


@pytest.fixture
async def make_store(fake):
    """Makes opened stores of one bucket, each as if it were in a process of its own."""
    made = []
    bucket = f"bucket-{secrets.token_hex(3)}"

    async def make(**settings):
        settings = {"anonymous": True, "project": "test", **settings}
        store = GcsStore(GcsSettings(name="gcs", bucket=bucket, endpoint=fake.url, **settings), SystemClock())
        made.append(store)
        await store.create_bucket()
        await store.open()
        fake.requests.clear()
        return store

    yield make
    for store in made:
        await store.close()


@pytest.fixture
async def store(make_store):
    return await make_store()


@pytest.fixture
def bucket(fake, store):
    """The fake's own view of the bucket."""
    return fake.buckets[store.settings.bucket]
