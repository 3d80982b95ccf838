"""The contract over the S3 store, on each real server that can run here."""

from __future__ import annotations

import secrets

import pytest

from brigade.clock import SystemClock
from brigade.stores.s3.settings import S3Settings
from brigade.stores.s3.store import S3Store
from brigade.testing.available import available
from brigade.testing.conformance import *  # noqa: F403

pytestmark = pytest.mark.server


def open_at(server, bucket):
    at = server.endpoint
    settings = S3Settings(
        name=at.name,
        bucket=bucket,
        endpoint=at.url,
        region=at.region,
        access_key=at.access_key,
        secret_key=at.secret_key,
    )
    return S3Store(settings, SystemClock())


@pytest.fixture(scope="module")
def buckets():
    """One bucket of each server serves all tests, because SeaweedFS keeps volumes back for each bucket."""
    return {}


@pytest.fixture(params=available())
def server(request, running):
    return running(request.param)


@pytest.fixture
async def store(server, buckets):
    bucket = buckets.get(server) or f"conformance-{secrets.token_hex(4)}"
    store = open_at(server, bucket)
    if server not in buckets:
        await store.create_bucket()
        buckets[server] = bucket
    await store.open()
    yield store
    await store.close()
    if not await emptied(server, bucket):
        del buckets[server]


async def emptied(server, bucket):
    """Whether nothing is left; a test that breaks may leave what cannot be deleted."""
    store = open_at(server, bucket)
    try:
        await store.open()
        for upload in await store.list_multiparts():
            await store.abort_multipart(upload.key, upload.upload_id)
        page = await store.list_page()
        if page.entries:
            await store.delete([info.key for info in page.entries])
            page = await store.list_page()
        return not page.entries
    finally:
        await store.close()


@pytest.fixture
async def missing_store(server):
    store = open_at(server, f"missing-{secrets.token_hex(4)}")
    yield store
    await store.close()
