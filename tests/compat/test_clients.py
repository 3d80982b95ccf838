"""Other people's clients work through the gateway unchanged."""

from __future__ import annotations

import http.client
import io
import os
import secrets
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit

import pytest

from brigade.testing.servers import find_binary

pytestmark = pytest.mark.server

LARGE = Random(3).randbytes(20 * 1024 * 1024)


@pytest.fixture
def bucket(pair: Any) -> Iterator[str]:
    name = f"clients-{secrets.token_hex(4)}"
    client = pair.direct.client()
    client.create_bucket(Bucket=name)
    yield name
    client.close()


def run(*command: str, **environment: str) -> str:
    done = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=50, check=False
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def tree(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def plant(root: Path) -> None:
    (root / "sub").mkdir(parents=True)
    (root / "small.txt").write_bytes(b"small")
    (root / "empty").write_bytes(b"")
    (root / "sub" / "a b+c%é.bin").write_bytes(os.urandom(70_000))
    (root / "sub" / "large.bin").write_bytes(LARGE)


def test_rclone_copies_checks_and_deletes(pair, bucket, tmp_path):
    rclone = find_binary("rclone")
    if rclone is None:
        pytest.skip("rclone is not installed")
    plant(tmp_path / "from")
    remote = f":s3,provider=Other,endpoint='{pair.through.url}',region={pair.through.region}:{bucket}"
    keys = {
        "RCLONE_S3_ACCESS_KEY_ID": pair.through.access_key,
        "RCLONE_S3_SECRET_ACCESS_KEY": pair.through.secret_key,
        "RCLONE_CONFIG": str(tmp_path / "none.conf"),
    }
    run(rclone, "sync", "--s3-upload-cutoff=8M", "--s3-chunk-size=8M", str(tmp_path / "from"), remote, **keys)
    run(rclone, "check", str(tmp_path / "from"), remote, **keys)
    run(rclone, "sync", "--multi-thread-cutoff=5M", remote, str(tmp_path / "to"), **keys)
    assert tree(tmp_path / "to") == tree(tmp_path / "from")
    run(rclone, "delete", remote, **keys)
    assert not run(rclone, "lsf", "-R", "--files-only", remote, **keys).strip()


def test_s5cmd_copies_lists_and_deletes(pair, bucket, tmp_path):
    s5cmd = find_binary("s5cmd")
    if s5cmd is None:
        pytest.skip("s5cmd is not installed")
    plant(tmp_path / "from")
    keys = {
        "AWS_ACCESS_KEY_ID": pair.through.access_key,
        "AWS_SECRET_ACCESS_KEY": pair.through.secret_key,
        "AWS_REGION": pair.through.region,
    }
    s5 = (s5cmd, "--endpoint-url", pair.through.url)
    run(*s5, "cp", "--part-size", "5", f"{tmp_path}/from/", f"s3://{bucket}/", **keys)
    run(*s5, "cp", f"s3://{bucket}/*", f"{tmp_path}/to/", **keys)
    assert tree(tmp_path / "to") == tree(tmp_path / "from")
    run(*s5, "rm", f"s3://{bucket}/*", **keys)
    left = pair.through.client()
    assert left.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
    left.close()


def test_boto3_moves_large_objects_in_parallel_ranges(pair, bucket):
    from boto3.s3.transfer import TransferConfig

    client = pair.through.client()
    parts = TransferConfig(multipart_threshold=5 * 1024**2, multipart_chunksize=5 * 1024**2, max_concurrency=6)
    client.upload_fileobj(io.BytesIO(LARGE), bucket, "key", Config=parts)
    found = io.BytesIO()
    client.download_fileobj(bucket, "key", found, Config=parts)
    assert found.getvalue() == LARGE
    client.close()


def test_forms_of_browsers_upload(pair, bucket):
    client = pair.through.client()
    made = client.generate_presigned_post(
        bucket,
        "up/${filename}",
        Fields={"acl": "private"},
        Conditions=[{"acl": "private"}, ["content-length-range", 1, 10**6]],
    )
    body = b"".join(
        f'--XX\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in made["fields"].items()
    )
    body += b'--XX\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n\r\n' + LARGE[:100_000]
    body += b"\r\n--XX--\r\n"
    parts = urlsplit(made["url"])
    connection = http.client.HTTPConnection(parts.netloc, timeout=20)
    connection.request("POST", parts.path, body, {"Content-Type": "multipart/form-data; boundary=XX"})
    answer = connection.getresponse()
    assert answer.status in (200, 201, 204), answer.read()
    connection.close()
    assert client.get_object(Bucket=bucket, Key="up/a.bin")["Body"].read() == LARGE[:100_000]
    client.close()


def test_many_clients_at_once_each_get_their_own(pair, bucket):
    client = pair.through.client(max_pool_connections=16)

    def there_and_back(number: int) -> bool:
        body = Random(number).randbytes(1000 + number)
        client.put_object(Bucket=bucket, Key=f"k{number}", Body=body)
        return bool(client.get_object(Bucket=bucket, Key=f"k{number}")["Body"].read() == body)

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(there_and_back, range(150)))
    client.close()
