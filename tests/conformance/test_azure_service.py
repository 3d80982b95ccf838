"""What only Azure has, on Azurite: leases, snapshots, tiers, other kinds of blobs, blocks of others, each way to log in."""

from __future__ import annotations

import base64
import hmac
import json
import secrets
import time
from urllib.parse import urlencode

import pytest

from brigade.clock import SystemClock
from brigade.errors import AccessDenied, InvalidKey, NotFound, PreconditionFailed, Rejected
from brigade.objects import NO_ATTRIBUTES, Attributes
from brigade.stores.azure.blockids import new_upload_id, part_name
from brigade.stores.azure.containers import has_container, list_containers
from brigade.stores.azure.credentials import TokenAuthority
from brigade.stores.azure.settings import AzureSettings
from brigade.stores.azure.store import AzureStore
from brigade.stores.base import BytesBody, Condition
from brigade.testing.azurite import ACCOUNT, KEY, AzuriteServer
from brigade.testing.bodies import StreamBody, pattern
from brigade.testing.certificates import write_certificate
from brigade.wire.sharedkey import http_date

pytestmark = [
    pytest.mark.server,
    pytest.mark.skipif(AzuriteServer.missing() is not None, reason=str(AzuriteServer.missing())),
]


@pytest.fixture
def settings(running):
    return AzureSettings("az", f"service-{secrets.token_hex(4)}", ACCOUNT, running("azurite").endpoint.url, KEY)


@pytest.fixture
async def opened(settings):
    """Opens the container of this test, made if need be, with other settings or credentials."""
    stores = []

    async def give(**more):
        values = {name: getattr(settings, name) for name in ("name", "container", "account", "endpoint", "key")}
        authority = more.pop("authority", None)
        stores.append(AzureStore(AzureSettings(**{**values, **more}), SystemClock(), authority=authority))
        await stores[-1].open()
        return stores[-1]

    maker = AzureStore(settings, SystemClock())
    await maker.create_bucket()
    yield give
    for store in [maker, *stores]:
        await store.close()


@pytest.fixture
async def store(opened):
    return await opened()


async def put(store, key, data=b"content", **attributes):
    return await store.put(key, BytesBody(data), attributes=Attributes(**attributes))


async def read(store, key):
    async with store.get(key) as reader:
        return await reader.read()


async def keys(store):
    return sorted(entry.key for entry in (await store.list_page()).entries)


async def call(store, method, key, query=(), headers=(), body=None):
    return await store.caller.call("test", method, key, query, headers, body)


async def test_append_and_page_blobs_are_read_and_their_md5_is_not_believed(store):
    claim = ("x-ms-blob-content-md5", base64.b64encode(bytes(16)).decode())
    await call(store, "PUT", "append", (), [("x-ms-blob-type", "AppendBlob"), claim])
    await call(store, "PUT", "append", [("comp", "appendblock")], (), b"log line")
    await call(store, "PUT", "page", (), [("x-ms-blob-type", "PageBlob"), ("x-ms-blob-content-length", "512"), claim])
    assert (await read(store, "append"), await read(store, "page")) == (b"log line", bytes(512))
    listed = (await store.list_page()).entries
    assert [(entry.key, entry.size_bytes, entry.checksum) for entry in listed] == [
        ("append", 8, None),
        ("page", 512, None),
    ]
    assert [(await store.head(key)).checksum for key in ("append", "page")] == [None, None]
    await put(store, "append", b"new")
    assert await read(store, "append") == b"new"


async def test_blobs_that_stand_for_directories_are_no_objects(store):
    await call(store, "PUT", "folder", (), [("x-ms-blob-type", "BlockBlob"), ("x-ms-meta-hdi_isfolder", "true")], b"")
    await put(store, "folder/file")
    assert await keys(store) == ["folder/file"]
    for look in (store.head, lambda key: read(store, key)):
        with pytest.raises(NotFound):
            await look("folder")


async def test_a_blob_with_snapshots_is_deleted_only_where_that_was_asked_for(store, opened):
    await put(store, "kept")
    await call(store, "PUT", "kept", [("comp", "snapshot")])
    assert await keys(store) == ["kept"]
    refused = (await store.delete(["kept"]))["kept"]
    assert isinstance(refused, Rejected)
    assert "delete_snapshots" in refused.hint
    assert await keys(store) == ["kept"]
    assert await (await opened(delete_snapshots=True)).delete(["kept"]) == {"kept": None}
    await store.delete_bucket()


async def test_a_leased_blob_says_so(store):
    await put(store, "leased")
    await call(
        store, "PUT", "leased", [("comp", "lease")], [("x-ms-lease-action", "acquire"), ("x-ms-lease-duration", "-1")]
    )
    with pytest.raises(Rejected, match="lease"):
        await put(store, "leased", b"new")
    refused = (await store.delete(["leased"]))["leased"]
    assert isinstance(refused, Rejected)
    assert "lease" in refused.message
    assert await read(store, "leased") == b"content"
    await call(
        store, "PUT", "leased", [("comp", "lease")], [("x-ms-lease-action", "break"), ("x-ms-lease-break-period", "0")]
    )


@pytest.mark.parametrize(
    ("written", "told"),
    [("STANDARD", "STANDARD"), ("ONEZONE_IA", "STANDARD_IA"), ("Cold", "GLACIER_IR"), ("GLACIER", "DEEP_ARCHIVE")],
)
async def test_a_storage_class_becomes_a_tier_and_back(store, written, told):
    await put(store, "object", storage_class=written)
    (entry,) = (await store.list_page()).entries
    assert (entry.storage_class, (await store.head("object")).storage_class) == (told, told)
    assert store.capabilities.stored_classes.get(written, written) == told


async def test_a_class_that_azure_does_not_have_is_refused_before_anything_is_written(store):
    with pytest.raises(Rejected, match="SNOW"):
        await put(store, "object", storage_class="SNOW")
    assert await keys(store) == []


async def test_an_archived_blob_is_listed_and_says_why_it_cannot_be_read(store):
    await put(store, "object", storage_class="DEEP_ARCHIVE")
    assert await keys(store) == ["object"]
    with pytest.raises(Rejected, match="archive") as refused:
        await read(store, "object")
    assert "rehydrate" in refused.value.hint


async def test_headers_metadata_tags_and_tier_change_without_touching_the_content(store):
    before = await put(store, "object", pattern(5000), content_type="text/css", metadata={"old": "1"}, tags={"t": "1"})
    wanted = Attributes(content_type="text/html", metadata={"new": "2"}, storage_class="STANDARD_IA", tags={"t": "2"})
    after = await store.copy("object", "object", attributes=wanted, condition=Condition(if_match=before.etag))
    found = await store.head("object")
    assert found.attributes == Attributes(content_type="text/html", metadata={"new": "2"}, storage_class="STANDARD_IA")
    assert (found.etag, found.checksum) == (after.etag, before.checksum)
    assert await store.read_tags("object") == {"t": "2"}
    assert await read(store, "object") == pattern(5000)
    with pytest.raises(PreconditionFailed):
        await store.copy("object", "object", attributes=wanted, condition=Condition(if_match=before.etag))


async def test_of_two_uploads_of_a_key_the_first_to_end_wins_and_the_other_is_told(store):
    await put(store, "object", b"before")
    one = await store.create_multipart("object", attributes=Attributes(metadata={"who": "one"}))
    two = await store.create_multipart("object", attributes=Attributes(metadata={"who": "two"}))
    parts = {upload: [await store.put_part("object", upload, 1, BytesBody(upload.encode()))] for upload in (one, two)}
    assert {upload.upload_id for upload in await store.list_multiparts("object")} == {one, two}
    assert [await store.list_parts("object", upload) for upload in (one, two)] == list(parts.values())
    await store.complete_multipart("object", two, parts[two])
    assert await read(store, "object") == two.encode()
    assert (await store.head("object")).attributes.metadata == {"who": "two"}
    with pytest.raises(NotFound):
        await store.list_parts("object", one)
    with pytest.raises(PreconditionFailed, match="dropped"):
        await store.complete_multipart("object", one, parts[one])
    await store.delete(["object"])
    with pytest.raises(PreconditionFailed, match="dropped"):
        await store.complete_multipart("object", one, parts[one])
    await store.abort_multipart("object", one)
    with pytest.raises(NotFound):
        await store.complete_multipart("object", one, parts[one])
    assert await keys(store) == []


async def test_giving_an_upload_up_touches_neither_the_blob_nor_another_upload(store):
    await put(store, "object", b"before", metadata={"kept": "1"})
    seen = await store.head("object")
    one = await store.create_multipart("object", attributes=NO_ATTRIBUTES)
    two = await store.create_multipart("object", attributes=NO_ATTRIBUTES)
    part = await store.put_part("object", two, 1, BytesBody(b"two"))
    await store.abort_multipart("object", one)
    assert await store.head("object") == seen
    assert await store.list_parts("object", two) == [part]
    assert [upload.upload_id for upload in await store.list_multiparts("object")] == [two]
    await store.complete_multipart("object", two, [part])
    assert await read(store, "object") == b"two"


async def test_another_process_goes_on_with_an_upload_and_knows_what_the_blob_shall_carry(store, opened):
    wanted = Attributes(
        content_type="text/css",
        expires="Thu, 01 Dec 2033 16:00:00 GMT",
        metadata={"k": "v \u00fc", "long": "x" * 3000},
        tags={"a": "b"},
        storage_class="STANDARD_IA",
    )
    upload_id = await store.create_multipart("object", attributes=wanted)
    first = await store.put_part("object", upload_id, 1, BytesBody(b"one"))
    other = await opened()
    (found,) = await other.list_multiparts()
    assert (found.key, found.upload_id) == ("object", upload_id)
    assert abs(found.initiated_ns - time.time_ns()) < 60 * 10**9
    assert await other.list_parts("object", upload_id) == [first]
    second = await other.put_part("object", upload_id, 2, StreamBody([b"tw", b"o"]))
    await other.complete_multipart("object", upload_id, [first, second])
    head = await store.head("object")
    assert head.attributes == wanted.with_tags(None)
    assert await store.read_tags("object") == {"a": "b"}
    assert await read(store, "object") == b"onetwo"


async def test_completing_again_after_a_lost_answer_is_fine(store):
    upload_id = await store.create_multipart("object", attributes=NO_ATTRIBUTES)
    parts = [await store.put_part("object", upload_id, 1, BytesBody(b"one"))]
    done = await store.complete_multipart("object", upload_id, parts)
    assert (await store.complete_multipart("object", upload_id, parts)).etag == done.etag


async def test_blocks_of_another_program_are_told_apart_and_named_as_the_reason(store):
    await call(store, "PUT", "object", [("comp", "block"), ("blockid", "QUFBQQ==")], (), b"theirs")
    assert await store.list_multiparts() == []
    with pytest.raises(Rejected, match="another program"):
        await store.create_multipart("object", attributes=NO_ATTRIBUTES)
    assert await keys(store) == []


async def test_a_part_that_was_sent_twice_counts_as_it_was_sent_last(store):
    upload_id = await store.create_multipart("object", attributes=NO_ATTRIBUTES)
    for sequence, text in ((2, b"last"), (1, b"first")):
        name = part_name(upload_id, 1, sequence)
        await call(store, "PUT", "object", [("comp", "block"), ("blockid", name)], (), text)
    (part,) = await store.list_parts("object", upload_id)
    await store.complete_multipart("object", upload_id, [part])
    assert await read(store, "object") == b"last"


async def test_a_stream_without_a_digest_is_never_seen_in_part_and_has_its_md5_afterwards(store):
    assert new_upload_id(0, b"123456") == "000000000000313233343536"
    await put(store, "object", b"before")
    await store.put("object", StreamBody([b"con", b"tent"]), attributes=Attributes(content_type="text/css"))
    assert (await store.head("object")).checksum.hex == "9a0364b9e99bb480dd25e1f0284c8555"
    # Azurite tells no CRC64, and so cannot prove what was streamed.
    assert not store.capabilities.proves_writes
    await store.open()
    assert not store.capabilities.proves_writes


async def test_keys_that_would_become_others_are_refused(store):
    await put(store, "b")
    for key in ("a/../b", "a\\b", "a./b", "x/.", "a\x01", "/".join("a" * 255)):
        with pytest.raises(InvalidKey):
            await put(store, key)
    for key in ("a/../b", "./b"):
        with pytest.raises(NotFound):
            await store.head(key)
        assert await store.delete([key]) == {key: None}
    assert await keys(store) == ["b"]


async def test_containers_are_listed_and_looked_for(settings, store):
    assert settings.container in await list_containers(settings, SystemClock())
    assert await has_container(settings, SystemClock())
    assert not await has_container(AzureSettings("az", "nowhere", ACCOUNT, settings.endpoint, KEY), SystemClock())


def account_sas(permissions):
    """An account SAS, signed as its documentation says."""
    until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
    fields = {"sv": "2020-08-04", "ss": "b", "srt": "sco", "sp": permissions, "se": until, "spr": "https,http"}
    lines = [ACCOUNT, permissions, "b", "sco", "", until, "", "https,http", "2020-08-04", ""]
    signature = hmac.digest(base64.b64decode(KEY), "\n".join(lines).encode(), "sha256")
    return urlencode({**fields, "sig": base64.b64encode(signature).decode()})


async def test_a_sas_may_do_what_it_says_and_stays_out_of_errors(opened):
    sas = account_sas("rwdlct")
    store = await opened(key=None, sas=f"?{sas}")
    await put(store, "a b", tags={"k": "v"})
    await store.copy("a b", "c")
    assert (await read(store, "c"), await store.read_tags("c")) == (b"content", {"k": "v"})
    reader = await opened(key=None, sas=account_sas("rl"))
    assert await keys(reader) == ["a b", "c"]
    with pytest.raises(AccessDenied) as refused:
        await put(reader, "d")
    assert "sig" not in f"{refused.value!r} {refused.value} {reader.settings!r} {store.settings!r}"


async def test_wrong_credentials_are_denied_and_never_look_like_absence(opened, store):
    await put(store, "there")
    for more in ({"key": base64.b64encode(b"wrong").decode()}, {"key": None, "anonymous": True}):
        with pytest.raises(AccessDenied):
            await opened(**more)


class Tokens:
    """Gives tokens as Azurite takes them: unsigned, for storage, good for an hour."""

    def __init__(self):
        self.asked = 0

    def get_token(self, *scopes):
        from azure.core.credentials import AccessToken

        assert scopes == ("https://storage.azure.com/.default",)
        self.asked += 1
        now = int(time.time())
        claims = {
            "aud": "https://storage.azure.com",
            "iss": "https://sts.windows.net/tenant/",
            "nbf": now - 60,
            "iat": now - 60,
            "exp": now + 3600,
        }
        parts = [{"alg": "RS256", "typ": "JWT"}, claims, {}]
        text = ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
        return AccessToken(text, now + 3600)


async def test_a_token_of_entra_id_opens_an_account(tmp_path):
    certificate = write_certificate(tmp_path / "tls.pem")
    with AzuriteServer(certificate=certificate) as server:
        settings = AzureSettings("az", "tokens", ACCOUNT, server.endpoint.url, ca_bundle=str(certificate))
        tokens = Tokens()
        store = AzureStore(settings, SystemClock(), authority=TokenAuthority("az", tokens, SystemClock()))
        await store.create_bucket()
        await store.open()
        await put(store, "a", tags={"k": "v"})
        await store.copy("a", "b")
        assert await read(store, "b") == b"content"
        assert tokens.asked == 1
        await store.close()


async def test_the_clock_of_the_server_is_measured(store):
    assert abs(store.clock_offset_ns) < 5 * 10**9
    assert http_date(0).endswith("GMT")
