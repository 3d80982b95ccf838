"""The contract over the Azure store, on Azurite."""

from __future__ import annotations

import secrets

import pytest

from brigade.clock import SystemClock
from brigade.stores.azure.settings import AzureSettings
from brigade.stores.azure.store import AzureStore
from brigade.testing.azurite import AzuriteServer
from brigade.testing.conformance import *  # noqa: F403

pytestmark = [
    pytest.mark.server,
    pytest.mark.skipif(AzuriteServer.missing() is not None, reason=str(AzuriteServer.missing())),
]


def open_at(server, container, **more):
    at = server.endpoint
    return AzureStore(
        AzureSettings("azurite", container, at.access_key, endpoint=at.url, key=at.secret_key, **more), SystemClock()
    )


@pytest.fixture
def server(running):
    return running("azurite")


@pytest.fixture(params=["azurite", "azurite-encoded-names"])
async def store(server, request):
    container = f"conformance-{secrets.token_hex(4)}"
    store = open_at(server, container, encode_metadata_names=request.param == "azurite-encoded-names")
    await store.create_bucket()
    await store.open()
    yield store
    await store.close()


@pytest.fixture
async def missing_store(server):
    store = open_at(server, f"missing-{secrets.token_hex(4)}")
    yield store
    await store.close()
