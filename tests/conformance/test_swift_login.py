"""Logging in, on OpenStack Swift itself: its own log-in, and a Keystone in front of it that gives out its tokens."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import replace

import pytest

from brigade.clock import SystemClock
from brigade.errors import AccessDenied, StoreError, Unavailable
from brigade.objects import NO_ATTRIBUTES
from brigade.stores.base import BytesBody
from brigade.stores.swift.settings import AuthVersion, SwiftSettings
from brigade.stores.swift.store import SwiftStore
from brigade.stores.swift.tokens import client_factory, token_source
from brigade.testing import keystone as known
from brigade.testing.bodies import StreamBody
from brigade.testing.conformance.support import keys, put, read
from brigade.testing.keystone import FakeKeystone
from brigade.testing.swift import SwiftServer

pytestmark = [
    pytest.mark.server,
    pytest.mark.skipif(SwiftServer.missing() is not None, reason="OpenStack Swift is not installed"),
]

WAYS = {
    "v3": {"user": known.USER, "key": known.PASSWORD, "project_name": known.PROJECT},
    "v3-domains": {
        "user": known.USER,
        "key": known.PASSWORD,
        "project_name": known.PROJECT,
        "user_domain_name": known.DOMAIN,
        "project_domain_name": known.DOMAIN,
    },
    "application-id": {
        "application_credential_id": known.APPLICATION_ID,
        "application_credential_secret": known.APPLICATION_SECRET,
    },
    "application-name": {
        "user": known.USER,
        "application_credential_name": known.APPLICATION_NAME,
        "application_credential_secret": known.APPLICATION_SECRET,
    },
    "v2": {
        "user": known.USER,
        "key": known.PASSWORD,
        "project_name": known.PROJECT,
        "auth_version": AuthVersion.V2,
    },
}


@pytest.fixture(scope="module")
def swift(running):
    return running("swift")


@pytest.fixture
async def token(swift):
    """A token of the real Swift, with the URL of its account."""
    settings = SwiftSettings(name="swift", container="c", auth_url=swift.auth_url, user=swift.user, key=swift.key)
    return await token_source(settings, SystemClock(), client_factory(settings)).get()


def behind(keystone, way="v3", **more):
    settings = {"auth_url": keystone.url, "region": "north", **WAYS[way], **more}
    return SwiftStore(SwiftSettings(name="swift", container=f"login-{secrets.token_hex(4)}", **settings), SystemClock())


@pytest.mark.parametrize("way", WAYS)
async def test_keystone_is_asked_in_each_of_its_ways(token, way):
    with FakeKeystone(token.storage_url, token.value) as keystone:
        store = behind(keystone, way)
        await store.create_bucket()
        await store.open()
        await put(store, "a", b"1")
        assert await read(store, "a") == b"1"
        await store.close()
        assert len(keystone.log_ins) == 1


async def test_region_and_interface_choose_the_endpoint(token):
    with FakeKeystone(token.storage_url, token.value) as keystone:
        for elsewhere in ({"region": "south"}, {"interface": "internal"}):
            store = behind(keystone, **elsewhere)
            with pytest.raises(Unavailable):
                await store.open()
            await store.close()
        nowhere = behind(keystone, region="west")
        with pytest.raises(AccessDenied, match="region"):
            await nowhere.open()
        told = behind(keystone, region="west", storage_url=token.storage_url)
        await told.create_bucket()
        await told.close()


async def test_a_wrong_password_is_told_without_the_password(token):
    with FakeKeystone(token.storage_url, token.value) as keystone:
        store = behind(keystone, key="wrong-secret")
        with pytest.raises(AccessDenied) as refused:
            await store.open()
        assert "wrong-secret" not in f"{refused.value!r} {refused.value} {store.settings!r}"


async def test_a_keystone_that_fails_may_do_better_next_time(token):
    with FakeKeystone(token.storage_url, token.value) as keystone:
        keystone.failing_status = 503
        store = behind(keystone)
        with pytest.raises(Unavailable):
            await store.open()
        keystone.failing_status = 0
        await store.create_bucket()
        await store.close()
    with pytest.raises(Unavailable):
        await behind(keystone).open()


async def test_a_token_refused_in_flight_is_renewed_once_for_all_requests(token):
    with FakeKeystone(token.storage_url, token.value) as keystone:
        store = behind(keystone)
        await store.create_bucket()
        await store.open()
        store._tokens._current = token._replace(value="ended")
        async with asyncio.TaskGroup() as group:
            for number in range(12):
                body = StreamBody([b"1" * 50_000], replayable=True)
                group.create_task(store.put(f"{number}", body, attributes=NO_ATTRIBUTES))
        assert len(keystone.log_ins) == 2
        assert len(await keys(store)) == 12
        await store.close()


async def test_a_body_that_cannot_be_sent_again_is_left_to_the_next_attempt_under_the_new_token(token):
    with FakeKeystone(token.storage_url, token.value) as keystone:
        store = behind(keystone)
        await store.create_bucket()
        await store.open()
        store._tokens._current = token._replace(value="ended")
        with pytest.raises(Unavailable, match="sent again"):
            await store.put("a", StreamBody([b"1" * 50_000]), attributes=NO_ATTRIBUTES)
        await store.put("a", StreamBody([b"1" * 50_000]), attributes=NO_ATTRIBUTES)
        assert len(keystone.log_ins) == 2
        await store.close()


async def test_a_fixed_token_and_another_account_are_used_as_given(token):
    at = SwiftSettings(
        name="swift", container=f"login-{secrets.token_hex(4)}", storage_url=token.storage_url, token=token.value
    )
    store = SwiftStore(at, SystemClock())
    await store.create_bucket()
    await store.open()
    await store.put("a", BytesBody(b"1"), attributes=NO_ATTRIBUTES)
    await store.close()
    for wrong, hint in (({"token": "ended"}, "token"), ({"account": "AUTH_other"}, "denied")):
        other = SwiftStore(replace(at, **wrong), SystemClock())
        with pytest.raises(AccessDenied, match=hint):
            await other.open()
        await other.close()


async def test_a_wrong_key_of_swifts_own_log_in_is_denied(swift):
    settings = SwiftSettings(name="swift", container="c", auth_url=swift.auth_url, user=swift.user, key="wrong-secret")
    with pytest.raises(StoreError) as refused:
        await SwiftStore(settings, SystemClock()).open()
    assert isinstance(refused.value, AccessDenied)
    assert "wrong-secret" not in str(refused.value)
