"""Tokens: one log-in for all who wait, renewed before the end, and no secret in any text."""

from __future__ import annotations

import asyncio

import pytest

from brigade.errors import AccessDenied, ConfigError, Unavailable, UsageError
from brigade.stores.swift import tokens as module
from brigade.stores.swift.caller import account_path_of, origin_of
from brigade.stores.swift.container import identity_of
from brigade.stores.swift.settings import AuthVersion, SwiftSettings
from brigade.stores.swift.tokens import Token, Tokens, token_source
from brigade.testing.clock import ManualClock

URL = "http://swift.example/v1/AUTH_a"


class LogIns:
    """Counts, and gives out numbered tokens."""

    def __init__(self, life_seconds=None, error=None):
        self.count = 0
        self.life_seconds = life_seconds
        self.error = error

    async def __call__(self):
        self.count += 1
        await asyncio.sleep(0)
        if self.error:
            raise self.error
        return Token(f"token-{self.count}", URL, self.life_seconds)


def settings(**changes):
    return SwiftSettings(name="test", container="photos", **changes)


async def test_all_who_wait_share_one_log_in():
    log_in = LogIns()
    source = Tokens("test", log_in, ManualClock())
    async with asyncio.TaskGroup() as group:
        got = [group.create_task(source.get()) for _ in range(10)]
    assert {task.result().value for task in got} == {"token-1"}
    async with asyncio.TaskGroup() as group:
        got = [group.create_task(source.renew(Token("token-1", URL))) for _ in range(10)]
    assert {task.result().value for task in got} == {"token-2"}
    assert log_in.count == 2


@pytest.mark.parametrize(("life_seconds", "renewed_after"), [(100.0, 90.0), (86400.0, 86100.0), (-50.0, 54.0)])
async def test_a_token_is_renewed_before_it_ends(life_seconds, renewed_after):
    clock, log_in = ManualClock(), LogIns(life_seconds)
    source = Tokens("test", log_in, clock)
    await source.get()
    clock.advance(renewed_after - 1)
    assert (await source.get()).value == "token-1"
    clock.advance(1)
    assert (await source.get()).value == "token-2"


async def test_a_log_in_that_fails_is_tried_by_the_next_who_asks():
    log_in = LogIns(error=Unavailable("down"))
    source = Tokens("test", log_in, ManualClock())
    with pytest.raises(Unavailable) as raised:
        await source.get()
    assert raised.value.store == "test"
    log_in.error = None
    assert (await source.get()).value == "token-2"


async def test_a_fixed_token_that_is_refused_is_not_tried_for_ever(server, open_store):
    store = await open_store()
    server.answer = lambda _: server.reply(401)
    with pytest.raises(AccessDenied, match="new token"):
        await store.head("a")
    assert len(server.requests) == 1


async def test_a_new_token_that_is_refused_too_is_denied(server, open_store):
    store = await open_store()
    store.caller.tokens = Tokens("test", LogIns(), ManualClock())
    server.answer = lambda _: server.reply(401)
    with pytest.raises(AccessDenied):
        await store.head("a")
    assert [request.headers["x-auth-token"] for request in server.requests] == ["token-1", "token-2"]


def test_no_secret_shows():
    told = settings(auth_url="http://a/v3", user="me", key="hush", application_credential_secret=None)
    assert "hush" not in f"{told!r}{Token('hush', URL)!r}"
    fixed = settings(storage_url=URL, token="hush")
    assert "hush" not in repr(fixed)


@pytest.mark.parametrize(
    ("url", "version"),
    [
        ("http://a/auth/v1.0", AuthVersion.V1),
        ("http://a/auth/v1.0/", AuthVersion.V1),
        ("http://a/auth", AuthVersion.V1),
        ("http://a:5000/v2.0", AuthVersion.V2),
        ("http://a:5000/v3", AuthVersion.V3),
        ("http://a:5000", AuthVersion.V3),
        ("http://a/identity/v3/", AuthVersion.V3),
    ],
)
def test_the_end_of_the_url_tells_the_version(url, version):
    assert settings(auth_url=url, user="u", key="k").version is version


WRONG = {
    "nothing": {},
    "no-key": {"auth_url": "http://a/v3", "user": "u"},
    "token-alone": {"token": "t"},
    "no-url": {"auth_url": "swift.example", "user": "u", "key": "k"},
    "application-v2": {"auth_url": "http://a/v2.0", "application_credential_secret": "s"},
    "application-unnamed": {"auth_url": "http://a/v3", "application_credential_secret": "s"},
    "segments-inside": {"storage_url": URL, "token": "t", "segments_container": "photos"},
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_settings_that_cannot_work_are_refused(wrong):
    with pytest.raises(ConfigError):
        settings(**wrong)


def test_without_the_extra_one_line_says_what_to_install(monkeypatch, server):
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"pip install 'bucket-brigade\[swift\]'"):
        token_source(settings(auth_url="http://a/v3", user="u", key="k"), ManualClock(), server.connect)
    token_source(settings(auth_url="http://a/auth/v1.0", user="u", key="k"), ManualClock(), server.connect)


@pytest.mark.parametrize(
    ("status", "kind"), [(401, AccessDenied), (403, AccessDenied), (500, Unavailable), (200, AccessDenied)]
)
async def test_a_log_in_that_gives_no_token_is_told(server, status, kind):
    server.answer = lambda _: server.reply(status)
    source = token_source(settings(auth_url="http://a/auth/v1.0", user="u", key="k"), ManualClock(), server.connect)
    with pytest.raises(kind):
        await source.get()


def test_the_account_can_be_another_one():
    assert account_path_of(URL, None) == "/v1/AUTH_a"
    assert account_path_of(f"{URL}/", "AUTH_b c") == "/v1/AUTH_b%20c"
    assert origin_of("https://Swift.Example:8080/v1/AUTH_a") == "https://swift.example:8080"


def test_the_same_place_has_one_identity():
    one = settings(storage_url="https://Swift.example/v1/AUTH_a", token="x")
    two = settings(storage_url="https://swift.example:443/v1/AUTH_a/", token="y")
    assert identity_of(one) == identity_of(two) == "swift://swift.example:443/AUTH_a/photos"
    mine, other = (settings(auth_url="http://a/auth/v1.0", user=f"{name}:u", key="k") for name in ("mine", "other"))
    assert identity_of(mine) != identity_of(other)
