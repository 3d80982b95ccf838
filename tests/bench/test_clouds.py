"""The judge of the cloud pairs finds what is wrong with a copy."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench.clouds import GcsCloud
from bench.data import Data, make_data

from brigade.testing.gcs_fake import GcsFake


@pytest.fixture
def fake() -> Iterator[GcsFake]:
    with GcsFake() as fake:
        yield fake


@pytest.fixture
def cloud(fake: GcsFake, tmp_path: Path) -> GcsCloud:
    return GcsCloud(tmp_path, fake)


@pytest.fixture
def data(tmp_path: Path) -> Data:
    return make_data(tmp_path / "files", objects=3, size_bytes=100)


def put(fake: GcsFake, bucket: str, key: str, content: bytes) -> None:
    head = b"--x\r\ncontent-type: application/json\r\n\r\n" + json.dumps({"name": key}).encode()
    body = head + b"\r\n--x\r\ncontent-type: text/plain\r\n\r\n" + content + b"\r\n--x--"
    url = f"{fake.url}/upload/storage/v1/b/{bucket}/o?uploadType=multipart"
    headers = {"Content-Type": "multipart/related; boundary=x"}
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    opener.open(urllib.request.Request(url, body, headers, method="POST")).close()


def copied(fake: GcsFake, cloud: GcsCloud, data: Data) -> str:
    bucket = cloud.make_bucket()
    for key in data.etags:
        put(fake, bucket, key, (data.directory / key).read_bytes())
    return bucket


def test_a_whole_copy_is_right(fake: GcsFake, cloud: GcsCloud, data: Data) -> None:
    assert cloud.trouble(copied(fake, cloud, data), data) == ""


def test_a_missing_object_is_seen(cloud: GcsCloud, data: Data) -> None:
    assert cloud.trouble(cloud.make_bucket(), data) == f"3 of 3 objects are missing, {min(data.etags)} first"


def test_an_object_too_many_is_seen(fake: GcsFake, cloud: GcsCloud, data: Data) -> None:
    bucket = copied(fake, cloud, data)
    put(fake, bucket, "more", b"")

    assert cloud.trouble(bucket, data) == "1 objects too many"


def test_a_wrong_byte_is_seen_though_the_size_is_right(fake: GcsFake, cloud: GcsCloud, data: Data) -> None:
    bucket, key = copied(fake, cloud, data), max(data.etags)
    put(fake, bucket, key, b"x" * 100)

    assert key in cloud.trouble(bucket, data)


def test_what_the_server_claims_of_a_large_object_is_not_believed(
    fake: GcsFake, cloud: GcsCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = make_data(tmp_path / "large", objects=1, size_bytes=2**20)
    bucket = copied(fake, cloud, data)
    good = cloud.listing(bucket)
    put(fake, bucket, min(data.etags), bytes(2**20))
    monkeypatch.setattr(cloud, "listing", lambda _: good)

    assert min(data.etags) in cloud.trouble(bucket, data)
