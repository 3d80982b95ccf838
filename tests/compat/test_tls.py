"""Over TLS, clients stream their bodies with a checksum in the trailer: the form that most uploads have."""

from __future__ import annotations

import io
import secrets
import ssl
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from random import Random
from typing import Any

import pytest
from boto3.s3.transfer import TransferConfig

pytestmark = pytest.mark.server

DATA = Random(5).randbytes(12 * 1024 * 1024)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate for this machine's loopback, in one file."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gateway")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "gateway.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return file


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
