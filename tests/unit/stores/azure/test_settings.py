"""Settings, connection strings, names of blocks, and tokens."""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import NamedTuple

import pytest
from azure.core.exceptions import ClientAuthenticationError
from hypothesis import given
from hypothesis import strategies as st

from brigade.clock import SystemClock
from brigade.errors import AccessDenied, ConfigError, UsageError
from brigade.objects import Attributes
from brigade.stores.azure.blockids import (
    BlockKind,
    aborted_name,
    initiated_ns,
    manifest_names,
    new_upload_id,
    parse_name,
    part_name,
    read_manifest,
)
from brigade.stores.azure.credentials import Request, TokenAuthority, authority_of, check_identity
from brigade.stores.azure.opening import identity_of, place_of
from brigade.stores.azure.settings import AzureSettings
from brigade.wire.azureconnection import account_of, parse_connection_string

UPLOAD = new_upload_id(1_700_000_000_123_456_789, b"chance")


def settings(**more):
    return AzureSettings(**{"name": "az", "container": "photos", "account": "acc", **more})


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"container": ""}, "container"),
        ({"container": "a/b"}, "container"),
        ({"account": ""}, "account"),
        ({"key": "not base64!"}, "base64"),
        ({"key": "YQ==", "sas": "s"}, "exclude"),
        ({"sas": "s", "anonymous": True}, "exclude"),
        ({"client_secret": "s"}, "tenant_id"),
        ({"endpoint": "acc.blob.core.windows.net"}, "no URL"),
        ({"endpoint": "https://u:p@acc.example"}, "nothing but"),
        ({"endpoint": "https://acc.example/?sig=x"}, "nothing but"),
    ],
)
def test_settings_that_make_no_sense_are_refused(more, words):
    with pytest.raises(ConfigError, match=words):
        settings(**more)


def test_secrets_stay_out_of_sight():
    shown = (
        repr(settings(key="c2VjcmV0"))
        + repr(settings(sas="sig=secret"))
        + repr(settings(client_secret="secret", tenant_id="t", client_id="c"))
    )
    assert "c2VjcmV0" not in shown
    assert "secret=" not in shown.replace("client_secret=", "")
    assert "'secret'" not in shown


@pytest.mark.parametrize(
    ("endpoint", "host", "container_path", "identity"),
    [
        (None, "acc.blob.core.windows.net", "/photos", "azure://acc.blob.core.windows.net:443/photos"),
        (
            "https://ACC.blob.core.windows.net:443/",
            "acc.blob.core.windows.net",
            "/photos",
            "azure://acc.blob.core.windows.net:443/photos",
        ),
        ("http://127.0.0.1:10000/dev", "127.0.0.1:10000", "/dev/photos", "azure://127.0.0.1:10000/dev/photos"),
    ],
)
def test_a_container_has_one_place_and_one_identity(endpoint, host, container_path, identity):
    place = place_of(settings(endpoint=endpoint))
    assert (place.host, place.container_path) == (host, container_path)
    assert identity_of(settings(endpoint=endpoint)) == identity


def test_the_account_stands_in_the_host_or_in_the_path():
    assert account_of("https://acc.blob.core.usgovcloudapi.net") == "acc"
    assert account_of("http://127.0.0.1:10000/devstoreaccount1/") == "devstoreaccount1"


def test_connection_strings_are_read():
    found = parse_connection_string(
        "DefaultEndpointsProtocol=https;AccountName=acc;AccountKey=YWI=;EndpointSuffix=core.example;", "s"
    )
    assert tuple(found) == ("acc", "https://acc.blob.core.example", "YWI=", None)
    assert "YWI=" not in repr(found)
    found = parse_connection_string(
        "BlobEndpoint=https://acc.blob.core.windows.net;SharedAccessSignature=sv=1&sig=a%3D", "s"
    )
    assert tuple(found) == ("acc", "https://acc.blob.core.windows.net", None, "sv=1&sig=a%3D")
    found = parse_connection_string("UseDevelopmentStorage=true", "s")
    assert (found.account, found.endpoint) == ("devstoreaccount1", "http://127.0.0.1:10000/devstoreaccount1")


@pytest.mark.parametrize("text", ["", "secret", "AccountKey=secret", "=secret"])
def test_a_connection_string_that_is_none_is_refused_and_not_repeated(text):
    with pytest.raises(ConfigError, match=r"stores\.x") as refused:
        parse_connection_string(text, "stores.x")
    assert "secret" not in str(refused.value)


ATTRIBUTES = st.builds(
    Attributes,
    content_type=st.none() | st.text(max_size=40),
    expires=st.none() | st.text(max_size=40),
    metadata=st.dictionaries(st.text(max_size=20), st.text(max_size=300), max_size=20),
    tags=st.none() | st.dictionaries(st.text(max_size=20), st.text(max_size=40), min_size=1, max_size=10),
    storage_class=st.none() | st.just("GLACIER"),
)


@given(ATTRIBUTES, st.randoms())
def test_an_upload_carries_its_attributes_in_the_names_of_its_blocks(attributes, random):
    names = manifest_names(UPLOAD, attributes)
    assert {len(name) for name in names} == {64}
    blocks = [parse_name(name) for name in names]
    random.shuffle(blocks)
    assert read_manifest(blocks) == attributes
    assert read_manifest(blocks[1:]) is None
    assert {(block.upload_id, block.kind) for block in blocks} == {(UPLOAD, BlockKind.MANIFEST)}


def test_names_of_blocks_say_what_they_are():
    assert initiated_ns(UPLOAD) == 1_700_000_000_123_000_000
    part = parse_name(part_name(UPLOAD, 50_000, 7))
    assert (part.upload_id, part.kind, part.number, part.sequence) == (UPLOAD, BlockKind.PART, 50_000, 7)
    assert parse_name(aborted_name(UPLOAD)).kind is BlockKind.ABORTED
    assert len({len(name) for name in (part_name(UPLOAD, 1, 2**63), aborted_name(UPLOAD))}) == 1
    assert [parse_name(name) for name in ("", "QUFBQQ==", "?" * 64, "A" * 64)] == [None] * 4


class Token(NamedTuple):
    token: str
    expires_on: int


class Source:
    """Gives tokens that are good for so long, or refuses."""

    def __init__(self, clock):
        self.clock = clock
        self.asked = 0
        self.good_for_seconds = 3600
        self.refuses = False

    def get_token(self, *_scopes):
        self.asked += 1
        if self.refuses:
            raise ClientAuthenticationError("no such client\nTrace ID: 1")
        return Token(f"token-{self.asked}", self.clock.now_ns() // 10**9 + self.good_for_seconds)


async def shown(authority):
    request = Request("GET", "/c", (), [], 0)
    await authority.authorise(request)
    return dict(request.headers)["authorization"]


async def test_a_token_is_asked_for_once_and_renewed_before_it_ends(clock):
    source = Source(clock)
    authority = TokenAuthority("az", source, clock)
    assert {await task for task in [asyncio.ensure_future(shown(authority)) for _ in range(5)]} == {"Bearer token-1"}
    clock.advance(3200)
    assert await shown(authority) == "Bearer token-1"
    clock.advance(200)
    assert await shown(authority) == "Bearer token-2"
    assert source.asked == 2


async def test_a_renewal_that_fails_leaves_the_old_token_as_long_as_it_is_good(clock):
    source = Source(clock)
    authority = TokenAuthority("az", source, clock)
    await shown(authority)
    source.refuses = True
    clock.advance(3500)
    assert await shown(authority) == "Bearer token-1"
    clock.advance(200)
    with pytest.raises(AccessDenied, match="no such client") as denied:
        await shown(authority)
    assert "Trace" not in denied.value.message


def test_the_library_that_asks_for_tokens_says_nothing_beside_the_error(capsys, monkeypatch):
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    authority_of(settings(tenant_id="t", client_id="c", client_secret="s"), SystemClock())
    logging.getLogger("azure.identity._internal.decorators").warning("it failed")
    assert capsys.readouterr().err == ""


def test_a_missing_extra_is_one_line_that_names_the_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "azure.identity", None)
    check_identity(settings(key="YQ=="))
    with pytest.raises(UsageError, match=r"pip install 'bucket-brigade\[azure\]'"):
        check_identity(settings())
