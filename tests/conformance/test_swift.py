"""The contract over Swift's own API, on OpenStack Swift itself."""

from __future__ import annotations

import secrets

import pytest

from brigade.clock import SystemClock
from brigade.stores.swift.settings import SwiftSettings
from brigade.stores.swift.store import SwiftStore
from brigade.testing.conformance import *  # noqa: F403
from brigade.testing.swift import SwiftServer

pytestmark = [
    pytest.mark.server,
    pytest.mark.skipif(SwiftServer.missing() is not None, reason="OpenStack Swift is not installed"),
]


def open_at(server, container):
    settings = SwiftSettings(
        name="swift", container=container, auth_url=server.auth_url, user=server.user, key=server.key
    )
    return SwiftStore(settings, SystemClock())


@pytest.fixture(scope="module", params=["swift"], ids=["swift-api"])
def swift(running, request):
    return running(request.param)


@pytest.fixture
async def store(swift):
    store = open_at(swift, f"conformance-{secrets.token_hex(4)}")
    await store.create_bucket()
    await store.open()
    yield store
    await store.close()


@pytest.fixture
async def missing_store(swift):
    store = open_at(swift, f"missing-{secrets.token_hex(4)}")
    yield store
    await store.close()
