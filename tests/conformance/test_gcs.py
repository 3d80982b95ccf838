"""The contract over the store of Google Cloud Storage, on each server that can run here."""

from __future__ import annotations

import secrets

import pytest

from brigade.clock import SystemClock
from brigade.stores.gcs.settings import GcsSettings
from brigade.stores.gcs.store import GcsStore
from brigade.testing.conformance import *  # noqa: F403
from brigade.testing.gcs import GCS_SERVERS, available

pytestmark = pytest.mark.server


def open_at(server, bucket):
    settings = GcsSettings(name="gcs", bucket=bucket, endpoint=server.url, anonymous=True, project="test")
    return GcsStore(settings, SystemClock())


@pytest.fixture(scope="module", params=available())
def server(request):
    with GCS_SERVERS[request.param]() as running:
        yield running


@pytest.fixture
async def store(server):
    store = open_at(server, f"conformance-{secrets.token_hex(4)}")
    await store.create_bucket()
    await store.open()
    yield store
    await store.close()


@pytest.fixture
async def missing_store(server):
    store = open_at(server, f"missing-{secrets.token_hex(4)}")
    yield store
    await store.close()
