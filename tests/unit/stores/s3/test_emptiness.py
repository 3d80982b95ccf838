"""A bucket is removed only when a look has shown that it is empty: not every server refuses to remove a full one."""

from __future__ import annotations

from typing import Any

import pytest

from brigade.errors import AccessDenied, BucketMissing, ListingBroken, Rejected, StoreError, Unavailable
from brigade.stores.s3.buckets import has_bucket
from brigade.stores.s3.settings import S3Settings

EMPTY = b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"
NO_VERSIONS = b"<ListVersionsResult><IsTruncated>false</IsTruncated></ListVersionsResult>"


def said(code: str) -> bytes:
    return f"<Error><Code>{code}</Code></Error>".encode()


def methods(server: Any) -> list[str]:
    return [request.method for request in server.requests]


async def test_an_empty_bucket_is_looked_at_and_removed(make_store, server, reply):
    server.say(reply(body=NO_VERSIONS), reply(body=EMPTY), reply(204))
    await make_store().delete_bucket()
    assert methods(server) == ["GET", "GET", "DELETE"]
    assert server.last.path == "/photos"


@pytest.mark.parametrize(
    "pages",
    [
        [b"<ListVersionsResult><Version><Key>a</Key></Version></ListVersionsResult>"],
        [b"<ListVersionsResult><DeleteMarker><Key>a</Key></DeleteMarker></ListVersionsResult>"],
        [b"<ListBucketResult><Contents><Key>a</Key></Contents></ListBucketResult>"],
        [NO_VERSIONS, b"<ListBucketResult><Contents><Key>a</Key></Contents></ListBucketResult>"],
    ],
)
async def test_what_holds_anything_is_never_asked_to_go(make_store, server, reply, pages):
    server.say(*(reply(body=page) for page in pages))
    with pytest.raises(Rejected, match="not empty"):
        await make_store().delete_bucket()
    assert "DELETE" not in methods(server)


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (403, said("AccessDenied"), AccessDenied),
        (500, b"", Unavailable),
        (200, b"no document", ListingBroken),
        (200, b"<html/>", ListingBroken),
    ],
)
async def test_a_look_that_fails_removes_nothing(make_store, server, reply, status, body, error):
    server.say(reply(status, body=body))
    with pytest.raises(error):
        await make_store().delete_bucket()
    assert "DELETE" not in methods(server)


async def test_a_server_without_versions_is_asked_for_its_objects(make_store, server, reply):
    server.say(reply(501, body=said("NotImplemented")), reply(body=EMPTY), reply(204))
    await make_store().delete_bucket()
    assert methods(server) == ["GET", "GET", "DELETE"]


async def test_a_bucket_that_is_gone_already_is_fine(make_store, server, reply):
    server.say(reply(404, body=said("NoSuchBucket")))
    await make_store().delete_bucket()
    with pytest.raises(BucketMissing):
        server.say(reply(404, body=said("NoSuchBucket")))
        await make_store().open()


@pytest.mark.parametrize(
    ("status", "headers", "there"),
    [
        (200, {}, True),
        (301, {"x-amz-bucket-region": "eu-west-1"}, True),
        (400, {"x-amz-bucket-region": "eu-west-1"}, True),
        (403, {"x-amz-bucket-region": "us-east-1"}, False),
        (403, {}, False),
        (404, {}, False),
        (400, {}, False),
    ],
)
async def test_whether_a_server_has_a_bucket(server, clock, reply, status, headers, there):
    server.say(reply(status, headers=headers))
    settings = S3Settings("test", "photos", "http://s3.example", "us-east-1", "AKID", "hush")
    assert await has_bucket(settings, clock, connect=server.connect) is there
    assert (server.last.method, server.last.path) == ("HEAD", "/photos")
    assert server.closed == ["http://s3.example"]


@pytest.mark.parametrize("status", [500, 503, 429])
async def test_a_server_that_does_not_say_is_not_taken_for_no(server, clock, reply, status):
    server.say(reply(status))
    settings = S3Settings("test", "photos", "http://s3.example", "us-east-1", "AKID", "hush")
    with pytest.raises(StoreError):
        await has_bucket(settings, clock, connect=server.connect)
