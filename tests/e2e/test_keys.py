"""Keys are opaque: each survives unchanged, or fails with its reason while the rest is in step."""

from __future__ import annotations

import unicodedata

import pytest

pytestmark = pytest.mark.server

LONG = "long/" + "k" * 1019
KEYS = [
    "a//b",
    "/lead",
    "trail/",
    "sp ace",
    "plus+",
    "per%cent",
    unicodedata.normalize("NFC", "ü-NFC"),
    unicodedata.normalize("NFD", "ü-NFD"),
    "😀",
    "tab\t",
    "q?&=#",
    LONG,
    "a",
    "a-b",
    "a.b",
    "a/b",
    "a0",
]


@pytest.fixture
def source(own_bucket):
    """All keys, in a bucket of RGW, which keeps each of them. The content names the key."""
    bucket = own_bucket("ceph")
    for key in KEYS:
        bucket.put(key, content_of(key))
    return bucket


def content_of(key):
    return b"" if key.endswith("/") else key.encode()


def failed(ran):
    return {key: line["error"] for key, line in ran.report.items() if line["error"]}


async def test_every_key_survives_between_stores_that_keep_all(brigade, ceph, source, own_bucket):
    target = own_bucket("ceph")
    a, b = brigade.reach("a", source), brigade.reach("b", target)
    ran = await brigade.sync(a, b)
    assert ran.json["copied"] == len(KEYS)
    assert target.contents() == {key: content_of(key) for key in KEYS}
    assert target.keys() == sorted(KEYS, key=str.encode)
    assert (await brigade.sync(a, b)).json["skipped"] == len(KEYS)
    assert (await brigade("diff", a, b)).code == 0


async def test_what_seaweedfs_cannot_hold_fails_with_its_reason_and_the_rest_is_in_step(
    brigade, ceph, source, own_bucket
):
    target = own_bucket("seaweed")
    a, b = brigade.reach("a", source), brigade.reach("b", target)
    ran = await brigade.sync(a, b, code=1)
    refused = failed(ran)
    assert refused.keys() == {"a//b", "/lead", LONG}
    assert "would drop an empty path component of this key" in refused["a//b"]
    assert "too long for the server" in refused[LONG]
    assert (ran.json["failed"], ran.json["in_step"]) == (len(refused), False)
    kept = {key: content_of(key) for key in KEYS if key not in refused}
    if target.contents().keys() == kept.keys() - {"a/b"}:
        # Written at the same time as `a`, SeaweedFS says yes to it and loses it; the next run sees that.
        await brigade.sync(a, b, code=1)
    assert target.contents() == kept
    again = await brigade.sync(a, b, code=1)
    assert (again.json["copied"], again.json["skipped"]) == (0, len(kept))
    assert failed(again).keys() == refused.keys()


async def test_what_a_directory_cannot_hold_fails_with_its_reason_and_the_rest_is_in_step(
    brigade, ceph, source, tmp_path
):
    a = brigade.reach("a", source)
    ran = await brigade.sync(a, "down", code=1)
    refused = failed(ran)
    assert {"a//b", "/lead", LONG} <= refused.keys()
    assert refused.keys() <= {"a//b", "/lead", LONG, "a", "a/b"}
    assert len(refused.keys() & {"a", "a/b"}) == 1
    assert all("cannot hold this key" in reason for reason in refused.values()), refused
    kept = {key for key in KEYS if key not in refused}
    for key in kept - {"trail/"}:
        assert (tmp_path / "down" / key).read_bytes() == content_of(key)
    assert (tmp_path / "down" / "trail").is_dir()
    again = await brigade.sync(a, "down", code=1)
    assert (again.json["copied"], again.json["skipped"]) == (0, len(kept))


async def test_keys_come_back_from_a_directory_as_they_were(brigade, ceph, source, own_bucket):
    back = own_bucket("ceph")
    a, c = brigade.reach("a", source), brigade.reach("c", back)
    ran = await brigade.sync(a, "down", code=1)
    await brigade.sync("down", c)
    assert back.contents() == {key: content_of(key) for key in KEYS if key not in failed(ran)}
