"""Finding the bucket: origin, addressing, region, vendor, and what is said when it fails."""

from __future__ import annotations

from typing import Any

import pytest

from brigade.errors import AccessDenied, BucketMissing, ConfigError, Rejected, Unavailable
from brigade.stores.base import ListingOrder
from brigade.stores.s3.opening import client_factory, identity_of, place_of
from brigade.stores.s3.settings import Addressing, Encryption, S3Settings, Vendor

PAGE = b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"


def said(code: Any, **more: Any) -> Any:
    extra = "".join(f"<{name}>{text}</{name}>" for name, text in more.items())
    return f"<Error><Code>{code}</Code>{extra}</Error>".encode()


@pytest.fixture(autouse=True)
def no_region_from_outside(monkeypatch: Any) -> Any:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("changes", "origin", "host", "bucket_path", "key_prefix"),
    [
        ({}, "http://h:9000", "h:9000", "/photos", "/photos/"),
        ({"endpoint": "https://H.example:443/"}, "https://h.example:443", "h.example", "/photos", "/photos/"),
        ({"endpoint": "https://h/s3/v1/"}, "https://h", "h", "/s3/v1/photos", "/s3/v1/photos/"),
        ({"addressing": Addressing.VIRTUAL}, "http://photos.h:9000", "photos.h:9000", "/", "/"),
        (
            {"endpoint": None},
            "https://photos.s3.eu-west-1.amazonaws.com",
            "photos.s3.eu-west-1.amazonaws.com",
            "/",
            "/",
        ),
        (
            {"endpoint": None, "bucket": "with.dots"},
            "https://s3.eu-west-1.amazonaws.com",
            "s3.eu-west-1.amazonaws.com",
            "/with.dots",
            "/with.dots/",
        ),
    ],
)
def test_requests_go_where_the_settings_say(
    changes: Any, origin: Any, host: Any, bucket_path: Any, key_prefix: Any
) -> None:
    values = {"name": "s", "bucket": "photos", "endpoint": "http://h:9000"} | changes
    assert place_of(S3Settings(**values), "eu-west-1") == (origin, host, bucket_path, key_prefix)


def test_one_bucket_has_one_identity() -> None:
    def identity(endpoint: Any, **more: Any) -> Any:
        return identity_of(S3Settings("any", "photos", endpoint=endpoint, **more))

    assert identity("https://H.example/") == identity("https://h.example:443") == "s3://h.example:443/photos"
    assert identity("http://h", addressing=Addressing.VIRTUAL) == identity("http://h:80")
    assert identity("http://h:1") != identity("http://h:2")
    assert identity(None, region="a") == identity(None, region="b")


async def test_opening_lists_one_key_and_settles_the_vendor(make_store: Any, server: Any, reply: Any) -> None:
    server.say(reply(headers={"server": "SeaweedFS 8000GB 4.48"}, body=PAGE))
    store = make_store()
    await store.open()
    assert store.vendor is Vendor.SEAWEEDFS
    assert store.capabilities.listing_order is ListingOrder.COMPONENTS
    assert server.requests[0].target == "/photos?encoding-type=url&list-type=2&max-keys=1"
    assert len(server.requests) == 3, "one to list, one each to see whether tags may be read and locks are kept"


@pytest.mark.parametrize(
    ("headers", "vendor"),
    [
        ({"server": "MinIO"}, Vendor.MINIO),
        ({"server": "AmazonS3", "x-amz-id-2": "x"}, Vendor.GENERIC),
        ({"x-amz-request-id": "tx000006e844ed22695f84e-006affe78f-1035-default"}, Vendor.CEPH),
        ({"x-rgw-object-type": "Normal"}, Vendor.CEPH),
        ({"x-amz-request-id": "tx1", "x-openstack-request-id": "tx1"}, Vendor.SWIFT),
        ({"server": "nginx", "x-amz-request-id": "4442587FB7D0A2F9"}, Vendor.GENERIC),
    ],
)
async def test_a_server_is_recognised_by_its_headers(
    make_store: Any, server: Any, reply: Any, headers: Any, vendor: Any
) -> None:
    server.say(reply(headers=headers, body=PAGE))
    store = make_store()
    await store.open()
    assert store.vendor is vendor


@pytest.mark.parametrize(
    ("endpoint", "vendor"),
    [
        (None, Vendor.AWS),
        ("https://s3.eu-west-1.amazonaws.com", Vendor.AWS),
        ("https://vpce-1.s3.cn-north-1.vpce.amazonaws.com.cn", Vendor.AWS),
        ("https://notamazonaws.com", Vendor.GENERIC),
    ],
)
async def test_aws_is_recognised_by_its_name_alone(
    make_store: Any, server: Any, reply: Any, endpoint: Any, vendor: Any
) -> None:
    server.say(reply(headers={"server": "AmazonS3"}, body=PAGE))
    store = make_store(endpoint=endpoint)
    await store.open()
    assert store.vendor is vendor


async def test_the_settings_overrule_the_vendor(open_store: Any) -> None:
    store = await open_store(
        vendor=Vendor.SEAWEEDFS, listing_order=ListingOrder.BYTES, min_part_bytes=1, max_parts=7, max_part_bytes=8
    )
    known = store.capabilities
    assert (known.listing_order, known.min_part_bytes, known.max_parts, known.max_part_bytes) == ("bytes", 1, 7, 8)


async def test_etags_are_no_digests_under_kms_and_customer_keys(open_store: Any) -> None:
    for encryption in (Encryption.SSE_KMS, Encryption.SSE_C):
        store = await open_store(encryption=encryption, customer_key=b"k" * 32)
        assert not store.capabilities.content_etags
    assert (await open_store(encryption=Encryption.SSE_S3)).capabilities.content_etags


@pytest.mark.parametrize(
    "answer",
    [
        (301, {"x-amz-bucket-region": "eu-west-1"}, b""),
        (400, {}, said("AuthorizationHeaderMalformed", Region="eu-west-1")),
        (400, {}, said("AuthorizationHeaderMalformed", Message="region is wrong; expecting 'eu-west-1'")),
        (403, {"x-amz-bucket-region": "eu-west-1"}, said("AuthorizationHeaderMalformed")),
    ],
)
async def test_a_bucket_in_another_region_is_followed_there(
    make_store: Any, server: Any, reply: Any, answer: Any
) -> None:
    server.say(reply(*answer), reply(body=PAGE))
    store = make_store(endpoint=None)
    await store.open()
    assert [request.origin for request in server.requests[:2]] == [
        "https://photos.s3.us-east-1.amazonaws.com",
        "https://photos.s3.eu-west-1.amazonaws.com",
    ]
    assert "/eu-west-1/s3/" in server.requests[1].headers["authorization"]
    assert server.closed == ["https://photos.s3.us-east-1.amazonaws.com"]


async def test_another_region_of_one_endpoint_keeps_the_connections(make_store: Any, server: Any, reply: Any) -> None:
    server.say(reply(400, {}, said("AuthorizationHeaderMalformed", Region="garage")), reply(body=PAGE))
    await make_store().open()
    assert "/garage/s3/" in server.requests[1].headers["authorization"]
    assert server.closed == []


async def test_the_same_region_is_not_tried_again(make_store: Any, server: Any, reply: Any) -> None:
    server.answer = lambda _: reply(400, {}, said("AuthorizationHeaderMalformed", Region="us-east-1"))
    with pytest.raises(AccessDenied, match="check the region"):
        await make_store().open()
    assert len(server.requests) == 1


async def test_regions_are_not_followed_in_circles(make_store: Any, server: Any, reply: Any) -> None:
    regions = iter(f"region-{number}" for number in range(100))
    server.answer = lambda _: reply(301, {"x-amz-bucket-region": next(regions)})
    with pytest.raises(AccessDenied, match="another region"):
        await make_store(endpoint=None).open()
    assert len(server.requests) < 5


async def test_no_access_is_not_a_wrong_region(make_store: Any, server: Any, reply: Any) -> None:
    server.say(reply(403, {"x-amz-bucket-region": "eu-west-1"}, said("AccessDenied")))
    with pytest.raises(AccessDenied):
        await make_store(endpoint=None).open()
    assert len(server.requests) == 1


async def test_a_missing_bucket_can_be_made_after_opening_failed(make_store: Any, server: Any, reply: Any) -> None:
    server.say(reply(404, {"server": "MinIO"}, said("NoSuchBucket")))
    store = make_store()
    with pytest.raises(BucketMissing, match="test:photos open: there is no such bucket"):
        await store.open()
    await store.create_bucket()
    assert (server.last.method, server.last.target, server.last.body) == ("PUT", "/photos", b"")


@pytest.mark.parametrize("code", ["BucketAlreadyOwnedByYou", "BucketAlreadyExists"])
async def test_making_a_bucket_that_is_ours_is_fine(make_store: Any, server: Any, reply: Any, code: Any) -> None:
    server.say(reply(409, {}, said(code)))
    await make_store().create_bucket()


async def test_making_a_bucket_that_is_somebody_elses_fails(make_store: Any, server: Any, reply: Any) -> None:
    server.say(reply(409, {}, said("BucketAlreadyExists")), reply(403, {}, said("AccessDenied")))
    with pytest.raises(AccessDenied):
        await make_store().create_bucket()


async def test_a_bucket_on_aws_is_made_in_its_region(make_store: Any, server: Any) -> None:
    await make_store(endpoint=None, region="eu-west-1").create_bucket()
    assert b"<LocationConstraint>eu-west-1</LocationConstraint>" in server.last.body


async def test_a_server_that_wants_its_region_named_gets_it(make_store: Any, server: Any, reply: Any) -> None:
    server.say(reply(400, {}, said("IllegalLocationConstraintException")))
    await make_store(region="garage").create_bucket()
    assert b"garage" in server.last.body


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (Unavailable("the connection to http://s3.example:9000 failed: refused"), "check the endpoint and the network"),
        (Unavailable("certificate verify failed: self-signed certificate"), "ca_bundle"),
    ],
)
async def test_a_server_out_of_reach_is_named_with_a_mend(make_store: Any, server: Any, error: Any, words: Any) -> None:
    server.say(error)
    with pytest.raises(Unavailable, match=words) as caught:
        await make_store().open()
    assert str(caught.value).startswith("test:photos open: ")


async def test_a_server_that_is_not_s3_is_said_to_be_none(make_store: Any, server: Any, reply: Any) -> None:
    server.say(reply(body=b"<html>It works!</html>"))
    with pytest.raises(Rejected, match=r"does not answer as S3 does.*check the endpoint"):
        await make_store().open()


@pytest.mark.parametrize(("ahead", "words"), [(3600, "3600 s ahead of"), (-90, "90 s behind")])
async def test_a_wrong_clock_is_told_by_how_much(
    make_store: Any, server: Any, clock: Any, reply: Any, ahead: Any, words: Any
) -> None:
    date = {"date": "Tue, 14 Nov 2023 22:13:20 GMT"}
    assert clock.now_ns() == 1_700_000_000 * 1_000_000_000, "the same moment"
    clock.advance(ahead)
    server.say(reply(403, date, said("RequestTimeTooSkewed")))
    with pytest.raises(AccessDenied, match=words):
        await make_store().open()


async def test_the_clock_of_the_server_is_measured_when_the_store_opens(
    make_store: Any, server: Any, clock: Any, reply: Any
) -> None:
    server.answer = lambda _: reply(200, {"date": "Tue, 14 Nov 2023 23:13:20 GMT"}, PAGE)
    assert clock.now_ns() == 1_700_000_000 * 1_000_000_000, "an hour earlier"
    store = make_store()
    await store.open()
    assert abs(store.clock_offset_ns - 3_600 * 1_000_000_000) <= 1_000_000_000


async def test_a_store_that_is_not_open_says_so(make_store: Any) -> None:
    with pytest.raises(Unavailable, match="not open"):
        await make_store().head("a")


async def test_closing_twice_is_fine_and_opening_again_too(open_store: Any, server: Any, reply: Any) -> None:
    store = await open_store()
    await store.close()
    await store.close()
    assert len(server.closed) == 1
    server.answer = lambda _: reply(body=PAGE)
    await store.open()


async def test_nobody_signs_nothing(make_store: Any, server: Any, reply: Any) -> None:
    server.answer = lambda _: reply(body=PAGE)
    await make_store(access_key=None, secret_key=None, anonymous=True).open()
    assert not any(name.startswith(("authorization", "x-amz-")) for name in server.requests[0].headers)


async def test_the_requester_pays_where_he_says_so(open_store: Any, server: Any) -> None:
    store = await open_store(requester_pays=True)
    await store.delete(["a"])
    assert server.last.headers["x-amz-request-payer"] == "requester"
    assert "x-amz-request-payer" in server.last.headers["authorization"]


def test_a_ca_bundle_that_cannot_be_read_is_a_wrong_setting(tmp_path: Any) -> None:
    connect = client_factory(S3Settings("s", "b", endpoint="https://h", ca_bundle=str(tmp_path / "none.pem")))
    with pytest.raises(ConfigError, match="ca_bundle"):
        connect("https://h")
