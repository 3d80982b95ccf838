from __future__ import annotations

import asyncio
import json

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth.exceptions import RefreshError

from brigade.clock import SystemClock
from brigade.errors import AccessDenied, ConfigError, Unavailable, UsageError
from brigade.stores.gcs import credentials as module
from brigade.stores.gcs.credentials import EARLY_SECONDS, token_source
from brigade.stores.gcs.settings import GcsSettings
from brigade.stores.gcs.store import GcsStore
from brigade.testing.conformance.support import put, read


@pytest.fixture(scope="module")
def key():
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(*form).decode()


@pytest.fixture
def account(fake, key):
    """The text of a service account whose tokens come from the fake."""
    fake.token = "good"
    described = {"type": "service_account", "project_id": "from-the-account", "private_key_id": "1"}
    described |= {"private_key": key, "client_email": "a@b.example", "token_uri": f"{fake.url}/token"}
    return json.dumps(described)


class SteeredClock(SystemClock):
    ahead_seconds = 0.0

    def now_ns(self):
        return super().now_ns() + int(self.ahead_seconds * 1e9)

    def monotonic_seconds(self):
        return super().monotonic_seconds() + self.ahead_seconds


def settings(fake=None, **more):
    return GcsSettings("gcs", "bucket", **({"endpoint": fake.url} if fake else {}), **more)


async def test_a_token_of_the_settings_is_sent_as_it_is():
    assert await token_source(settings(access_token="t0ken"), SystemClock()).get() == "Bearer t0ken"


async def test_anonymous_sends_none():
    assert await token_source(settings(anonymous=True), SystemClock()).get() is None


@pytest.mark.parametrize("as_file", [False, True], ids=["text", "file"])
async def test_a_service_account_opens_a_store(fake, account, tmp_path, as_file):
    file = tmp_path / "account.json"
    file.write_text(account)
    how = {"credentials_file": str(file)} if as_file else {"credentials": account}
    store = GcsStore(settings(fake, **how), SystemClock())
    try:
        await store.create_bucket()
        assert fake.requests[-1][2]["project"] == "from-the-account"
        await store.open()
        await put(store, "object", b"content")
        assert await read(store, "object") == b"content"
    finally:
        await store.close()
    assert fake.tokens_given == 1


async def test_a_token_is_renewed_before_it_ends_and_once_for_all_who_wait(fake, account):
    clock = SteeredClock()
    source = token_source(settings(fake, credentials=account), clock)
    await asyncio.wait([asyncio.ensure_future(source.get()) for _ in range(5)])
    assert fake.tokens_given == 1
    clock.ahead_seconds = 3600 - EARLY_SECONDS - 60
    await source.get()
    assert fake.tokens_given == 1
    clock.ahead_seconds += 120
    await asyncio.wait([asyncio.ensure_future(source.get()) for _ in range(5)])
    assert fake.tokens_given == 2


async def test_a_token_that_is_still_good_serves_on_when_nobody_can_be_asked(fake, account, monkeypatch):
    clock = SteeredClock()
    source = token_source(settings(fake, credentials=account), clock)
    assert await source.get() == "Bearer good"

    def fail(self):
        raise Unavailable("away")

    monkeypatch.setattr(module.GoogleToken, "_ask", fail)
    clock.ahead_seconds = 3600 - EARLY_SECONDS + 1
    assert await source.get() == "Bearer good"
    clock.ahead_seconds = 3700
    with pytest.raises(Unavailable):
        await source.get()


def account_with(**fields):
    whole = {"type": "service_account", "private_key": "s3cret", "client_email": "a@b.example", "token_uri": "http://x"}
    return json.dumps(whole | fields)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("no json s3cret", "it is no JSON (line 1, column 1)"),
        ('{"type": "service_account", "private_key": "s3cret"}', "missing fields"),
        ('{"type": "odd"}', "credentials of type 'odd' are not taken here"),
        ('["s3cret"]', "a field is missing or cannot be read"),
        (account_with(), "such as the private key"),
        (account_with(private_key=["s3cret"]), "such as the private key"),
    ],
    ids=["no json", "half", "odd", "a list", "no key", "a list as key"],
)
@pytest.mark.parametrize("as_file", [False, True], ids=["text", "file"])
async def test_credentials_that_are_none_are_refused_without_being_told(fake, tmp_path, text, words, as_file):
    file = tmp_path / "account.json"
    file.write_text(text)
    how = {"credentials_file": str(file)} if as_file else {"credentials": text}
    with pytest.raises(AccessDenied) as caught:
        await token_source(settings(fake, **how), SystemClock()).get()
    told = str(caught.value)
    assert words in told
    assert (str(file) if as_file else "the text of `credentials`") in told
    assert "s3cret" not in told
    assert "set credentials_file" not in told, "it is set"


async def test_a_refusal_by_google_is_told_without_the_whole_answer(fake, account, monkeypatch):
    class Refused:
        def refresh(self, request):
            raise RefreshError("invalid_grant: Invalid JWT Signature.", {"error": "invalid_grant"})

    monkeypatch.setattr(module, "_load", lambda settings: (Refused(), None))
    with pytest.raises(AccessDenied, match=r"`credentials`: invalid_grant: Invalid JWT Signature. \(give"):
        await token_source(settings(fake, credentials=account), SystemClock()).get()


async def test_a_file_that_is_not_there_is_told_at_once(tmp_path):
    with pytest.raises(ConfigError, match="no file"):
        token_source(settings(credentials_file=str(tmp_path / "none")), SystemClock())


async def test_without_google_auth_one_line_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"pip install 'bucket-brigade\[gcs\]'"):
        token_source(settings(), SystemClock())
    token_source(settings(anonymous=True), SystemClock())


def test_no_secret_is_in_what_settings_print():
    assert "s3cret" not in repr(settings(credentials="s3cret"))
    assert "s3cret" not in repr(settings(access_token="s3cret"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"bucket": "a/b"},
        {"anonymous": True, "access_token": "t"},
        {"endpoint": "http://gcs.example"},
        {"endpoint": "ftp://gcs.example"},
        {"endpoint": "https://user:word@gcs.example"},
    ],
    ids=["bucket", "two-ways", "in-the-clear", "scheme", "user"],
)
def test_settings_that_cannot_be_right_are_refused(wrong):
    with pytest.raises(ConfigError):
        GcsSettings(**{"name": "gcs", "bucket": "b", **wrong})
