"""Where credentials come from, and when they are asked for again."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from brigade.errors import AccessDenied
from brigade.stores.s3 import credentials as module
from brigade.stores.s3.credentials import RECHECK_SECONDS, ChainCredentials, credential_source
from brigade.stores.s3.settings import S3Settings
from brigade.wire.sigv4 import Credentials


@pytest.fixture
def bare_machine(monkeypatch: Any, tmp_path: Any) -> Any:
    """A machine without any AWS configuration or role."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    return tmp_path


async def test_the_settings_come_first(clock: Any) -> None:
    source = credential_source(S3Settings("s", "b", access_key="A", secret_key="S", session_token="T"), clock)
    assert await source.get() == Credentials("A", "S", "T")
    assert await source.get() is await source.get()


async def test_anonymous_is_nobody(clock: Any) -> None:
    assert await credential_source(S3Settings("s", "b", anonymous=True), clock).get() is None


async def test_the_environment_is_asked(clock: Any, bare_machine: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "A")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "S")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "T")
    assert await credential_source(S3Settings("s", "b"), clock).get() == Credentials("A", "S", "T")


async def test_a_profile_is_read(clock: Any, bare_machine: Any) -> None:
    (bare_machine / "credentials").write_text("[work]\naws_access_key_id = A\naws_secret_access_key = S\n")
    assert await credential_source(S3Settings("s", "b", profile="work"), clock).get() == Credentials("A", "S")


async def test_no_credentials_anywhere_is_said_with_a_mend(clock: Any, bare_machine: Any) -> None:
    with pytest.raises(AccessDenied, match=r"no credentials were found.*anonymous: true"):
        await credential_source(S3Settings("s", "b"), clock).get()


async def test_an_unknown_profile_is_said(clock: Any, bare_machine: Any) -> None:
    with pytest.raises(AccessDenied, match="nowhere"):
        await credential_source(S3Settings("s", "b", profile="nowhere"), clock).get()


class Chain:
    """botocore's credentials, counted."""

    def __init__(self) -> None:
        self.asked = 0
        self.key = "A"

    def get_credentials(self) -> Any:
        return self

    def get_frozen_credentials(self) -> Any:
        self.asked += 1
        return SimpleNamespace(access_key=self.key, secret_key="S", token=None)


async def test_the_chain_is_asked_again_only_now_and_then_and_renewal_is_seen(clock: Any, monkeypatch: Any) -> None:
    chain = Chain()
    monkeypatch.setattr(module, "botocore_session", lambda _: chain)
    source = ChainCredentials("s", None, clock)
    first = await asyncio.gather(source.get(), source.get(), source.get())
    assert chain.asked == 1
    assert first[0] is first[1] is first[2]
    clock.advance(RECHECK_SECONDS + 1)
    assert await source.get() is first[0], "the same keys stay the same object, so the signer keeps its own"
    chain.key = "B"
    clock.advance(RECHECK_SECONDS + 1)
    assert await source.get() == Credentials("B", "S")
    assert chain.asked == 3
