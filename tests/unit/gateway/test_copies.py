"""Copies whose source lies in another store, and forms of browsers."""

from __future__ import annotations

import asyncio
import os
import time
from datetime import UTC, datetime, timedelta

import pytest

from brigade.gateway.settings import BucketRoute
from brigade.wire.formdata import FormReader
from brigade.wire.postpolicy import SizeLimits, check_policy, sign_form
from brigade.wire.s3xml import parse_written
from brigade.wire.sigv4 import Credentials
from brigade.wire.verify import AccessKey, Verifier

ROUTES = (BucketRoute("far", "two"),)
CLIENT = Credentials("CLIENTKEY", "client-secret")
STORE = Credentials("STOREKEY", "store-secret")


def answer(body: bytes = b"", status: str = "200 OK", **headers: str) -> bytes:
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status}\r\n{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def test_a_copy_inside_one_store_is_that_stores_business(open_scene):
    scene = await open_scene(routes=ROUTES)
    await scene.client.send("PUT", "/b/new", headers=[("x-amz-copy-source", "/b/old")])
    (received,) = scene.store.received
    assert received.headers["x-amz-copy-source"] == "/b/old"


async def test_a_copy_between_stores_takes_content_metadata_and_tags_along(open_scene):
    scene = await open_scene(routes=ROUTES)
    data = os.urandom(300_000)
    far = scene.stores["two"]
    far.answers.append(
        answer(
            data, ETag='"s"', Content_Type="text/a", x_amz_meta_one="1", x_amz_tagging_count="1", x_amz_version_id="v"
        )
    )
    far.answers.append(answer(b"<Tagging><TagSet><Tag><Key>a b</Key><Value>1</Value></Tag></TagSet></Tagging>"))
    scene.store.answers.append(answer(ETag='"t"', x_amz_version_id="w"))
    headers = [
        ("x-amz-copy-source", "/far/a%20b?versionId=v"),
        ("x-amz-copy-source-if-match", '"s"'),
        ("x-amz-acl", "private"),
    ]
    reply = await scene.client.send("PUT", "/b/new", headers=headers)
    assert reply.status == 200
    assert parse_written(reply.body).etag == "t"
    assert (reply.headers["x-amz-version-id"], reply.headers["x-amz-copy-source-version-id"]) == ("w", "v")
    assert [request.target for request in far.received] == ["/far/a%20b?versionId=v", "/far/a%20b?tagging&versionId=v"]
    assert far.received[0].headers["if-match"] == '"s"'
    (written,) = scene.store.received
    assert written.body == data
    assert written.headers["content-type"] == "text/a"
    assert written.headers["x-amz-meta-one"] == "1"
    assert written.headers["x-amz-tagging"] == "a%20b=1"
    assert written.headers["x-amz-acl"] == "private"
    assert not [name for name in written.headers if "copy-source" in name]
    assert scene.capture.events == [("intend", "b", ["new"]), ("settle", 1)]


async def test_a_copy_may_replace_what_it_copies(open_scene):
    scene = await open_scene(routes=ROUTES)
    scene.stores["two"].answers.append(answer(b"x", Content_Type="text/a", x_amz_meta_one="1", x_amz_tagging_count="1"))
    scene.store.answers.append(answer(ETag='"t"'))
    headers = [
        ("x-amz-copy-source", "far/old"),
        ("x-amz-metadata-directive", "REPLACE"),
        ("x-amz-tagging-directive", "REPLACE"),
        ("x-amz-tagging", "z=1"),
        ("x-amz-meta-two", "2"),
        ("content-type", "text/b"),
    ]
    assert (await scene.client.send("PUT", "/b/new", headers=headers)).status == 200
    written = scene.store.received[0].headers
    assert (written["content-type"], written["x-amz-meta-two"], written["x-amz-tagging"]) == ("text/b", "2", "z=1")
    assert "x-amz-meta-one" not in written


async def test_a_part_is_copied_between_stores(open_scene):
    scene = await open_scene(routes=ROUTES)
    scene.stores["two"].answers.append(answer(b"0123", status="206 Partial Content", ETag='"s"', Content_Type="text/a"))
    scene.store.answers.append(answer(ETag='"p"'))
    headers = [("x-amz-copy-source", "far/old"), ("x-amz-copy-source-range", "bytes=0-3")]
    reply = await scene.client.send("PUT", "/b/new", "partNumber=1&uploadId=u", headers=headers)
    assert b"<CopyPartResult" in reply.body
    assert scene.stores["two"].received[0].headers["range"] == "bytes=0-3"
    (written,) = scene.store.received
    assert (written.target, written.body) == ("/b/new?partNumber=1&uploadId=u", b"0123")
    assert "content-type" not in written.headers
    assert not scene.capture.events


@pytest.mark.parametrize(
    ("status", "expected"),
    [("404 Not Found", 404), ("403 Forbidden", 403), ("412 Precondition Failed", 412), ("304 Not Modified", 412)],
)
async def test_a_source_that_cannot_be_read_is_not_copied(open_scene, status, expected):
    scene = await open_scene(routes=ROUTES)
    scene.stores["two"].answers.append(answer(status=status))
    reply = await scene.client.send("PUT", "/b/new", headers=[("x-amz-copy-source", "far/old")])
    assert reply.status == expected
    assert not scene.store.received
    assert not scene.capture.events


async def test_a_source_that_breaks_off_is_not_copied_in_part(open_scene):
    scene = await open_scene(routes=ROUTES)

    async def cut(writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + bytes(100_000))
        await writer.drain()
        writer.close()

    scene.stores["two"].answers.append(cut)
    reply = await scene.client.send("PUT", "/b/new", headers=[("x-amz-copy-source", "far/old")])
    assert reply.status == 503
    await asyncio.sleep(0.05)
    assert not scene.store.received


def form(fields: dict[str, str], file: bytes) -> tuple[list[tuple[str, str]], bytes]:
    body = b"".join(
        f'--XX\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    )
    body += b'--XX\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n'
    return [("content-type", "multipart/form-data; boundary=XX")], body + file + b"\r\n--XX--\r\n"


USUAL = SizeLimits(0, 1_000_000)


def client_form(limits: SizeLimits = USUAL, **fields: str) -> dict[str, str]:
    named = {name.replace("_", "-"): value for name, value in fields.items()}
    return sign_form({"key": "up/a.png", **named}, "b", limits, CLIENT, "us-east-1", time.time_ns())


@pytest.mark.parametrize("size", [0, 5, 500_000])
async def test_a_form_goes_on_with_a_policy_of_the_stores_key(scene, size):
    scene.store.answers.append(b"HTTP/1.1 303 See Other\r\nLocation: http://x/\r\nContent-Length: 0\r\n\r\n")
    file = os.urandom(size)
    headers, body = form(client_form(acl="private", success_action_redirect="http://x/"), file)
    reply = await scene.client.send("POST", "/b", headers=headers, body=body, signed=False)
    assert (reply.status, reply.headers["location"]) == (303, "http://x/")
    (received,) = scene.store.received
    sent = FormReader(b"XX").feed(received.body)
    assert sent is not None
    assert sent.rest == file + b"\r\n--XX--\r\n"
    assert (sent.fields["key"], sent.fields["acl"], sent.file.filename) == ("up/a.png", "private", "a.png")
    now_ns = time.time_ns()
    assert Verifier(lambda _: AccessKey(STORE)).check_form(sent.fields, now_ns) == "STOREKEY"
    assert check_policy(sent.fields, "b", now_ns) == SizeLimits(0, 1_000_000)
    assert scene.capture.events == [("intend", "b", ["up/a.png"]), ("settle", 1)]


async def test_a_policy_is_about_the_key_that_it_becomes_and_ignored_fields_stay_behind(scene):
    made = sign_form({"key": "up/a.png"}, "b", USUAL, CLIENT, "us-east-1", time.time_ns())
    headers, body = form({**made, "key": "up/${filename}", "x-ignore-this": "1"}, b"x")
    reply = await scene.client.send("POST", "/b", headers=headers, body=body, signed=False)
    assert reply.status == 200, reply
    sent = FormReader(b"XX").feed(scene.store.received[0].body)
    assert sent is not None
    assert (sent.fields["key"], "x-ignore-this" in sent.fields) == ("up/a.png", False)


@pytest.mark.parametrize("size", [11, 500_000])
async def test_a_file_that_is_too_large_or_too_small_never_reaches_the_store(scene, size):
    headers, body = form(client_form(SizeLimits(0, 10)), bytes(size))
    reply = await scene.client.send("POST", "/b", headers=headers, body=body, signed=False)
    assert (reply.status, reply.code) == (400, "EntityTooLarge")
    headers, body = form(client_form(SizeLimits(size + 1, size + 2)), bytes(size))
    reply = await scene.client.send("POST", "/b", headers=headers, body=body, signed=False)
    assert (reply.status, reply.code) == (400, "EntityTooSmall")
    await asyncio.sleep(0.05)
    assert not scene.store.received


async def test_forms_that_nobody_allowed_are_refused(scene):
    good = client_form()
    later = (datetime.now(UTC) + timedelta(days=2)).strftime("%Y%m%dT%H%M%SZ")
    for fields, code in [
        ({"key": "k"}, "AccessDenied"),
        ({**good, "key": "other"}, "AccessDenied"),
        ({**good, "acl": "public-read"}, "AccessDenied"),
        ({**good, "x-amz-signature": "0" * 64}, "SignatureDoesNotMatch"),
        ({**good, "x-amz-date": later}, "InvalidArgument"),
        ({**good, "x-amz-credential": good["x-amz-credential"].replace("CLIENTKEY", "NOBODY")}, "InvalidAccessKeyId"),
        ({**good, "policy": "e30="}, "SignatureDoesNotMatch"),
        ({name: value for name, value in good.items() if name != "key"}, "InvalidArgument"),
        ({name: value for name, value in good.items() if name != "x-amz-signature"}, "InvalidArgument"),
    ]:
        headers, body = form(fields, b"x")
        reply = await scene.client.send("POST", "/b", headers=headers, body=body, signed=False)
        assert (reply.status >= 400, reply.code) == (True, code), fields
    headers, body = form(good, b"x")
    reply = await scene.client.send("POST", "/other", headers=headers, body=body, signed=False)
    assert reply.code == "AccessDenied"
    reply = await scene.client.send("POST", "/b", headers=headers, body=body[:-30], signed=False)
    assert reply.code == "MalformedPOSTRequest"
    assert not scene.store.received


async def test_anonymous_forms_pass_where_the_anonymous_may(open_scene):
    scene = await open_scene(anonymous=True)
    headers, body = form({"key": "k/${filename}"}, b"x")
    assert (await scene.client.send("POST", "/b", headers=headers, body=body, signed=False)).status == 200
    sent = FormReader(b"XX").feed(scene.store.received[0].body)
    assert sent is not None
    assert sent.fields == {"key": "k/a.png"}
    assert scene.capture.events[0] == ("intend", "b", ["k/a.png"])
