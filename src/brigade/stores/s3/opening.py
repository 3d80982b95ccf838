"""Finding the bucket: its origin, its region, and what kind of server answers."""

from __future__ import annotations

import asyncio
import os
import re
import ssl
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from brigade.stores.http import open_client
from brigade.stores.http.base import HttpClient
from brigade.stores.http.tls import trust
from brigade.stores.s3.caller import Place
from brigade.stores.s3.credentials import botocore_session
from brigade.stores.s3.settings import Addressing, S3Settings
from brigade.wire.encoding import encode_key, encode_value

FIRST_REGION = "us-east-1"
_HOST_LABEL = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]").fullmatch
_REGION = re.compile(r"[A-Za-z0-9._-]{1,64}").fullmatch

ClientFactory = Callable[[str], HttpClient]


def place_of(settings: S3Settings, region: str) -> Place:
    """Where the requests for this bucket go."""
    endpoint = settings.endpoint or aws_endpoint(region)
    parts = urlsplit(endpoint)
    host = parts.netloc.lower()
    base = encode_key(parts.path.rstrip("/"))
    if _is_virtual(settings):
        host = f"{settings.bucket}.{host}"
        return Place(f"{parts.scheme}://{host}", _host_header(parts.scheme, host), f"{base}/", f"{base}/")
    bucket = f"{base}/{encode_value(settings.bucket)}"
    return Place(f"{parts.scheme}://{host}", _host_header(parts.scheme, host), bucket, f"{bucket}/")


def aws_endpoint(region: str) -> str:
    """The endpoint of AWS in a region."""
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"https://s3.{region}.{suffix}"


def is_aws(endpoint: str | None) -> bool:
    """True for no endpoint and for those of AWS, by their names."""
    host = urlsplit(endpoint).hostname or "" if endpoint is not None else "amazonaws.com"
    return f".{host}".endswith((".amazonaws.com", ".amazonaws.com.cn"))


def _is_virtual(settings: S3Settings) -> bool:
    if settings.addressing is not Addressing.AUTO:
        return settings.addressing is Addressing.VIRTUAL
    # A dot in the name breaks the wildcard certificate; other endpoints seldom have names for buckets.
    return settings.endpoint is None and _HOST_LABEL(settings.bucket) is not None


def _host_header(scheme: str, host: str) -> str:
    default = ":443" if scheme == "https" else ":80"
    return host.removesuffix(default)


def identity_of(settings: S3Settings) -> str:
    """The same text for the same bucket, however it is addressed."""
    if settings.endpoint is None:
        return f"s3://amazonaws.com/{settings.bucket}"
    parts = urlsplit(settings.endpoint)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return f"s3://{(parts.hostname or '').lower()}:{port}{parts.path.rstrip('/')}/{settings.bucket}"


async def first_region(settings: S3Settings) -> str:
    """The region to begin with: the settings', the environment's, the profile's, or the first one there was."""
    if settings.region is not None:
        return settings.region
    named = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if settings.endpoint is None and not named and settings.access_key is None and not settings.anonymous:
        session = await asyncio.to_thread(botocore_session, settings.profile)
        found = session.get_config_variable("region")
        named = str(found) if found else None
    return named if named and settings.endpoint is None else FIRST_REGION


def region_told(code: str, status: int, headers: Mapping[str, str], in_document: str | None) -> str | None:
    """The region that a refusal points to, None if it does not."""
    told = headers.get("x-amz-bucket-region") or in_document
    misdirected = status in (301, 307, 400, 403) and (
        status == 301 or code in ("AuthorizationHeaderMalformed", "PermanentRedirect", "TemporaryRedirect", "")
    )
    return told if told and misdirected and _REGION(told) else None


def client_factory(settings: S3Settings) -> ClientFactory:
    """Opens clients the way the settings ask for."""

    def connect(origin: str) -> HttpClient:
        return open_client(
            origin,
            ssl=tls_of(settings) if origin.startswith("https") else None,
            connections=settings.connections,
            connect_timeout_seconds=settings.connect_timeout_seconds,
            idle_timeout_seconds=settings.idle_timeout_seconds,
        )

    return connect


def tls_of(settings: S3Settings) -> ssl.SSLContext:
    """Which authorities are trusted. Raises `ConfigError` for a bundle that cannot be used."""
    return trust(settings.name, settings.ca_bundle, verify=settings.verify_tls)
