"""Over TLS, clients stream their bodies with a checksum in the trailer: the form that most uploads have."""

from __future__ import annotations

import io
import secrets
import ssl
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from boto3.s3.transfer import TransferConfig

from brigade.testing.certificates import write_certificate

pytestmark = pytest.mark.server

DATA = Random(5).randbytes(12 * 1024 * 1024)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_certificate(tmp_path_factory.mktemp("tls") / "gateway.pem")


@pytest.fixture
def secure(pair: Any, open_gateway: Callable[..., Any], certificate: Path) -> Iterator[tuple[Any, str]]:
    """A boto3 client over TLS, and a bucket."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    bucket = f"tls-{secrets.token_hex(4)}"
    direct = pair.direct.client()
    direct.create_bucket(Bucket=bucket)
    direct.close()
    with open_gateway(pair.name, ssl=context) as port:
        access = replace(pair.through, url=f"https://127.0.0.1:{port}")
        client = access.client(verify=str(certificate))
        yield client, bucket
        client.close()


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
@pytest.mark.parametrize("size", [0, 5, 70_000, 3_000_000])
def test_an_upload_with_a_trailer_arrives_whole(secure, size, algorithm):
    if algorithm in ("CRC32C", "CRC64NVME"):
        pytest.importorskip("awscrt", reason="boto3 makes this checksum only with awscrt")
    client, bucket = secure
    body = DATA[:size]
    client.put_object(Bucket=bucket, Key="key", Body=io.BytesIO(body), ChecksumAlgorithm=algorithm)
    found = client.get_object(Bucket=bucket, Key="key")
    assert found["Body"].read() == body
    assert found.get("ContentEncoding", "") in ("", "aws-chunked")


def test_an_upload_in_parts_arrives_whole(secure):
    client, bucket = secure
    parts = TransferConfig(multipart_threshold=5 * 1024**2, multipart_chunksize=5 * 1024**2)
    client.upload_fileobj(io.BytesIO(DATA), bucket, "key", Config=parts)
    assert client.get_object(Bucket=bucket, Key="key")["Body"].read() == DATA
