"""Other people's clients work through the gateway unchanged."""

from __future__ import annotations

import http.client
import io
import json
import os
import secrets
import subprocess
import sys
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

# `make test` puts the AWS command line here.
AWSCLI = Path(sys.executable).parent.parent / "awscli"
# It takes a second to start, so one process does what several would: command lines come in, what they print goes out.
AWS = """
import contextlib, io, json, sys
from awscli.clidriver import create_clidriver
driver = create_clidriver()
for line in sys.stdin:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = driver.main(json.loads(line))
        except SystemExit as ended:
            code = ended.code
    print(json.dumps([code, out.getvalue(), err.getvalue()]))
"""


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


def test_what_is_read_is_one_version_and_whole_whoever_writes_meanwhile(pair, bucket):
    if pair.name == "moto":
        pytest.skip("moto itself fails when one key is written by several at once")
    client = pair.through.client(max_pool_connections=8)
    contents = [bytes([number]) * 300_000 for number in range(4)]

    def write(number: int) -> bool:
        client.put_object(Bucket=bucket, Key="key", Body=contents[number % 4])
        return True

    def read(_: int) -> bool:
        return client.get_object(Bucket=bucket, Key="key")["Body"].read() in contents

    write(0)
    with ThreadPoolExecutor(6) as pool:
        done = [pool.submit(each, number) for number in range(16) for each in (read, write)]
        assert all(each.result() for each in done)
    client.close()


class AwsCommandLine:
    """The AWS command line with the gateway for its endpoint."""

    def __init__(self, access: Any, directory: Path) -> None:
        self._access = access
        self._directory = directory
        (directory / ".aws").mkdir()
        # Left to itself, it presigns by version 2.
        (directory / ".aws" / "config").write_text("[default]\ns3 =\n  signature_version = s3v4\n")

    def __call__(self, *lines: str | list[str]) -> list[str]:
        """Run these; returns what each printed. A line that is one text is split at its spaces."""
        endpoint = ["--endpoint-url", self._access.url]
        commands = [[*endpoint, *(line.split() if isinstance(line, str) else line)] for line in lines]
        done = subprocess.run(
            [sys.executable, "-c", AWS],
            input="".join(json.dumps(command) + "\n" for command in commands),
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": str(AWSCLI),
                "HOME": str(self._directory),
                "AWS_ACCESS_KEY_ID": self._access.access_key,
                "AWS_SECRET_ACCESS_KEY": self._access.secret_key,
                "AWS_REGION": self._access.region,
                "AWS_EC2_METADATA_DISABLED": "true",
            },
            cwd=self._directory,
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        for command, (code, out, err) in zip(commands, answers, strict=True):
            assert code == 0, f"{command}: {out}{err}"
        return [out for _, out, _ in answers]


@pytest.fixture
def aws(pair: Any, tmp_path: Path) -> AwsCommandLine:
    if not (AWSCLI / ".installed").exists():
        pytest.skip("the AWS command line is not installed (make test does it)")
    return AwsCommandLine(pair.through, tmp_path)


def test_the_aws_command_line_moves_files(aws, bucket, tmp_path):
    plant(tmp_path / "from")
    more = f"{bucket}-more"
    made, listed, *_, tree_of, link = aws(
        f"s3 mb s3://{more}",
        "s3 ls",
        f"s3 sync from s3://{bucket}/tree",
        f"s3 sync from s3://{bucket}/tree",
        f"s3 cp s3://{bucket}/tree/sub/large.bin s3://{more}/two",
        f"s3 mv s3://{more}/two s3://{bucket}/three --metadata a=1 --metadata-directive REPLACE",
        f"s3 sync s3://{bucket}/tree to",
        f"s3 cp s3://{bucket}/three to/three",
        f"s3 ls --recursive s3://{bucket}/tree",
        f"s3 presign s3://{bucket}/tree/small.txt",
    )
    assert more in made
    assert bucket in listed
    assert more in listed
    assert "sub/a b+c%é.bin" in tree_of
    assert tree(tmp_path / "to") == {**tree(tmp_path / "from"), "three": LARGE}
    parts = urlsplit(link.strip())
    connection = http.client.HTTPConnection(parts.netloc, timeout=20)
    connection.request("GET", f"{parts.path}?{parts.query}")
    found = connection.getresponse().read()
    connection.close()
    assert found == b"small", link
    (tmp_path / "from" / "empty").unlink()
    again, left, _, _, gone = aws(
        f"s3 sync --delete from s3://{bucket}/tree",
        f"s3 ls --recursive s3://{bucket}",
        f"s3 rm --recursive s3://{bucket}",
        f"s3 rb --force s3://{more}",
        "s3 ls",
    )
    assert again.split() == ["delete:", f"s3://{bucket}/tree/empty"]
    assert len(left.splitlines()) == 4
    assert bucket in gone
    assert more not in gone


def test_the_aws_command_line_asks_for_each_operation(aws, bucket, tmp_path):
    (tmp_path / "body").write_bytes(b"content")
    tags = json.dumps({"TagSet": [{"Key": "b", "Value": "2"}]})
    at = f"--bucket {bucket} --key k"
    _, head, got, listed, _, tagged, _, untagged, _, empty = aws(
        f"s3api put-object {at} --body body --metadata a=1 --tagging t=1 --checksum-algorithm SHA256",
        f"s3api head-object {at} --checksum-mode ENABLED",
        f"s3api get-object {at} --range bytes=3- found",
        f"s3api list-objects-v2 --bucket {bucket} --max-keys 5",
        [*f"s3api put-object-tagging {at} --tagging".split(), tags],
        f"s3api get-object-tagging {at}",
        f"s3api delete-object-tagging {at}",
        f"s3api get-object-tagging {at}",
        f"s3api delete-objects --bucket {bucket} --delete Objects=[{{Key=k}},{{Key=other}}]",
        f"s3api list-objects-v2 --bucket {bucket}",
    )
    assert json.loads(head)["Metadata"] == {"a": "1"}
    assert (tmp_path / "found").read_bytes() == b"tent"
    assert json.loads(got)["ContentRange"] == "bytes 3-6/7"
    assert [entry["Key"] for entry in json.loads(listed)["Contents"]] == ["k"]
    assert json.loads(tagged)["TagSet"] == [{"Key": "b", "Value": "2"}]
    assert json.loads(untagged)["TagSet"] == []
    assert "Contents" not in empty
