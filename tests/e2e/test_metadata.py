"""All that an object carries besides its bytes arrives, and a change of it alone moves no bytes."""

from __future__ import annotations

from datetime import UTC, datetime

import boto3
import pytest
from botocore.config import Config

from brigade.testing.available import available
from brigade.testing.bodies import pattern

pytestmark = pytest.mark.server

FULL = [name for name in ("seaweed", "ceph") if name in available()]
EXPIRES = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)
HEADERS = {
    "ContentType": "text/x-odd; charset=utf-8",
    "ContentEncoding": "gzip",
    "ContentDisposition": 'attachment; filename="a b.txt"',
    "ContentLanguage": "de, en",
    "CacheControl": "max-age=60, private",
    "Expires": EXPIRES,
}
# botocore lets only ASCII into metadata; the rest is tried where our own store writes it (the conformance suite).
METADATA = {"mixed": "MiXeD Case", "long": "x" * 2000, "percent": "100%25 +plus", "quotes": "\"'"}
TAGS = {"colour": "dark blue", "ümlaut": "ßé", "a+b": "c/d=e"}
MOVES_BYTES = {"put", "put_part", "get"}


def described(bucket, key):
    head = bucket.head(key)
    return {name: head.get(name) for name in (*HEADERS, "Metadata")}


@pytest.mark.parametrize("target_server", FULL)
@pytest.mark.parametrize("source_server", FULL)
async def test_headers_metadata_and_tags_arrive(brigade, place, source_server, target_server):
    source, target = place(source_server), place(target_server)
    source.put("plain", b"bytes", Metadata=METADATA, **HEADERS)
    source.put_parts("parts", [pattern(5 * 1024 * 1024), b"end"], Metadata=METADATA, **HEADERS)
    source.put("bare", b"nothing else", ContentType="text/plain")
    for key in ("plain", "parts"):
        source.set_tags(key, **TAGS)
    a, b = brigade.reach("a", source), brigade.reach("b", target)
    await brigade.sync(a, b)
    for key in ("plain", "parts"):
        assert described(target, key) == described(source, key)
        assert described(target, key)["Metadata"] == METADATA
        assert target.tags(key) == TAGS
    assert described(target, "bare") == described(source, "bare")
    assert target.tags("bare") == {}
    assert (await brigade.sync(a, b)).json["skipped"] == 3
    assert (await brigade.sync(a, b, "--attributes", "each")).json["skipped"] == 3
    assert (await brigade("diff", a, b, "--attributes", "each")).code == 0


@pytest.mark.parametrize("target_server", FULL)
@pytest.mark.parametrize("source_server", FULL)
async def test_a_change_of_metadata_or_tags_alone_is_noticed_and_moves_no_bytes(
    brigade, place, proxied, source_server, target_server
):
    source, target = place(source_server), place(target_server)
    for key in ("meta", "header", "tags", "still"):
        source.put(key, pattern(1000), Metadata={"v": "1"}, ContentType="text/plain")
    source.set_tags("tags", v="1")
    at_source, at_target = await proxied(source), await proxied(target)
    a, b = brigade.reach("a", source, url=at_source.url), brigade.reach("b", target, url=at_target.url)
    await brigade.sync(a, b)
    source.replace_metadata("meta", Metadata={"v": "2"}, ContentType="text/plain")
    source.replace_metadata("header", Metadata={"v": "1"}, ContentType="text/html", CacheControl="no-cache")
    source.set_tags("tags", v="2", w="3")
    at_source.forget()
    at_target.forget()
    ran = await brigade.sync(a, b)
    assert (ran.json["metadata_updated"], ran.json["copied"], ran.json["skipped"]) == (3, 0, 1)
    assert not at_source.counts.keys() & MOVES_BYTES
    assert not at_target.counts.keys() & MOVES_BYTES
    assert target.head("meta")["Metadata"] == {"v": "2"}
    assert (target.head("header")["ContentType"], target.head("header")["CacheControl"]) == ("text/html", "no-cache")
    assert target.tags("tags") == {"v": "2", "w": "3"}
    assert target.get("meta") == pattern(1000)
    assert (await brigade.sync(a, b)).json["metadata_updated"] == 0


async def test_a_first_tag_that_no_listing_shows_is_noticed_when_each_object_is_asked(brigade, place):
    source, target = place("seaweed"), place("seaweed")
    source.put("untagged", b"x")
    a, b = brigade.reach("a", source), brigade.reach("b", target)
    await brigade.sync(a, b)
    source.set_tags("untagged", first="1")
    ran = await brigade.sync(a, b, "--attributes", "each")
    assert (ran.json["metadata_updated"], ran.json["copied"]) == (1, 0)
    assert target.tags("untagged") == {"first": "1"}


async def test_tags_stay_behind_where_they_are_not_wanted(brigade, place):
    source, target = place("seaweed"), place("seaweed")
    source.put("k", b"x")
    source.set_tags("k", a="1")
    await brigade.sync(brigade.reach("a", source), brigade.reach("b", target), "--no-tags")
    assert target.tags("k") == {}


async def test_a_body_that_was_uploaded_in_signed_chunks_arrives_without_their_framing(brigade, place):
    source, target = place("seaweed"), place("seaweed")
    at = source.endpoint
    client = boto3.client(
        "s3",
        endpoint_url=at.url,
        region_name=at.region,
        aws_access_key_id=at.access_key,
        aws_secret_access_key=at.secret_key,
        config=Config(
            request_checksum_calculation="when_supported",
            s3={"addressing_style": "path", "payload_signing_enabled": True},
        ),
    )
    body = pattern(200_000)
    client.put_object(
        Bucket=source.name,
        Key=source.prefix + "streamed",
        Body=body,
        ChecksumAlgorithm="CRC32",
        ContentEncoding="gzip",
    )
    client.close()
    a, b = brigade.reach("a", source), brigade.reach("b", target)
    await brigade.sync(a, b)
    assert target.get("streamed") == body
    # `aws-chunked` names the framing of the upload, which is gone; what the user said stays.
    assert target.head("streamed")["ContentEncoding"] == "gzip"
    assert (await brigade.sync(a, b, "--attributes", "each")).json["skipped"] == 1


async def test_storage_classes_arrive_and_can_be_chosen(brigade, ceph, place):
    source, kept, chosen = place("ceph"), place("ceph"), place("ceph")
    source.put("cold", b"x", StorageClass="STANDARD_IA")
    source.put("warm", b"y")
    a = brigade.reach("a", source)
    await brigade.sync(a, brigade.reach("b", kept))
    await brigade.sync(a, brigade.reach("c", chosen), "--storage-class", "GLACIER")
    assert {e["Key"]: e["StorageClass"] for e in kept.entries()} == {"cold": "STANDARD_IA", "warm": "STANDARD"}
    assert {e["Key"]: e["StorageClass"] for e in chosen.entries()} == {"cold": "GLACIER", "warm": "GLACIER"}
    assert (await brigade.sync(a, brigade.reach("c", chosen), "--storage-class", "GLACIER")).json["skipped"] == 2


async def test_metadata_survives_the_way_through_a_directory(brigade, place):
    source, back = place("seaweed"), place("seaweed")
    source.put("k.txt", b"x", Metadata=METADATA, **HEADERS)
    source.set_tags("k.txt", **TAGS)
    await brigade.sync(brigade.reach("a", source), "down")
    await brigade.sync("down", brigade.reach("b", back))
    assert described(back, "k.txt") == described(source, "k.txt")
    assert back.tags("k.txt") == TAGS
