"""What describes one S3 bucket: where it is, who asks, and in which dialect."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlsplit

from brigade.errors import ConfigError
from brigade.stores.base import ListingOrder


class Addressing(StrEnum):
    """Where the bucket's name goes: into the path, into the host name, or where this endpoint wants it."""

    PATH = "path"
    VIRTUAL = "virtual"
    AUTO = "auto"


class Vendor(StrEnum):
    """Whose S3 it is; `AUTO` asks the server when the store is opened."""

    AUTO = "auto"
    AWS = "aws"
    CEPH = "ceph"
    SEAWEEDFS = "seaweedfs"
    MINIO = "minio"
    SWIFT = "swift"
    MOTO = "moto"
    GENERIC = "generic"


class Encryption(StrEnum):
    """How the server is asked to encrypt what is written."""

    NONE = "none"
    SSE_S3 = "sse-s3"
    SSE_KMS = "sse-kms"
    SSE_C = "sse-c"


@dataclass(frozen=True, slots=True)
class S3Settings:
    """One bucket of one S3 endpoint.

    `endpoint` None is AWS, `region` None is found out. Credentials are the keys given here, else those of
    `profile` or of the machine (botocore's provider chain), unless `anonymous`. `kms_key` goes with `SSE_KMS`
    (None: the account's default key), `customer_key` (32 bytes) with `SSE_C`. The limits that are None come from the vendor.
    """

    name: str
    bucket: str
    endpoint: str | None = None
    region: str | None = None
    access_key: str | None = None
    secret_key: str | None = field(default=None, repr=False)
    session_token: str | None = field(default=None, repr=False)
    profile: str | None = None
    anonymous: bool = False
    addressing: Addressing = Addressing.AUTO
    ca_bundle: str | None = None
    verify_tls: bool = True
    connections: int = 64
    connect_timeout_seconds: float = 10.0
    idle_timeout_seconds: float = 60.0
    vendor: Vendor = Vendor.AUTO
    encryption: Encryption = Encryption.NONE
    kms_key: str | None = None
    customer_key: bytes | None = field(default=None, repr=False)
    min_part_bytes: int | None = None
    max_part_bytes: int | None = None
    max_parts: int | None = None
    listing_order: ListingOrder | None = None
    requester_pays: bool = False

    def __post_init__(self) -> None:
        where = f"store {self.name!r}"
        if not self.bucket or "/" in self.bucket:
            raise ConfigError(f"{where}: {self.bucket!r} is not the name of a bucket")
        if (self.access_key is None) != (self.secret_key is None):
            raise ConfigError(f"{where}: access_key and secret_key go together", hint="give both or neither")
        if self.anonymous and self.access_key is not None:
            raise ConfigError(f"{where}: anonymous and access_key exclude each other")
        if self.encryption is Encryption.SSE_C and len(self.customer_key or b"") != 32:
            raise ConfigError(f"{where}: SSE-C needs a customer_key of 32 bytes")
        if self.endpoint is not None:
            _check_endpoint(where, self.endpoint)


def _check_endpoint(where: str, endpoint: str) -> None:
    try:
        parts = urlsplit(endpoint)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
        parts = urlsplit("")
    if not usable:
        raise ConfigError(f"{where}: the endpoint {endpoint!r} is no URL", hint="it looks like https://s3.example.com")
    if parts.query or parts.fragment or parts.username or parts.password:
        raise ConfigError(f"{where}: the endpoint may hold nothing but scheme, host, port and path")
