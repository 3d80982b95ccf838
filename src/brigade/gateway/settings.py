"""What describes a gateway: where it listens, the stores behind it, who may ask, and which store serves whom."""

from __future__ import annotations

import re
import ssl as tls
from dataclasses import dataclass, field
from typing import Protocol

from brigade.decide.routing import Block as Block
from brigade.decide.routing import BucketRoute as BucketRoute
from brigade.wire.sigv4 import ASCII_BLANKS, Credentials
from brigade.wire.verify import AccessKey


class CredentialSource(Protocol):
    """Gives a store's credentials of the moment; None signs nothing."""

    async def get(self) -> Credentials | None:
        """The same object as before as long as it is good: the signer goes by identity."""


class FixedCredentials:
    """A key pair that does not change, or nobody."""

    def __init__(self, credentials: Credentials | None) -> None:
        self._credentials = credentials

    async def get(self) -> Credentials | None:
        return self._credentials


@dataclass(frozen=True, slots=True)
class StoreTarget:
    """An S3 endpoint that requests are sent on to, always with the bucket in the path.

    `endpoint` is a URL. `ssl` None means the system's trusted authorities. `trailers`: the store understands uploads
    with a checksum in their trailer. `blanks` is what it collapses in signed header values.
    """

    name: str
    endpoint: str
    credentials: CredentialSource = field(repr=False)
    region: str = "us-east-1"
    ssl: tls.SSLContext | None = field(default=None, repr=False)
    connections: int = 256
    connect_timeout_seconds: float = 10.0
    idle_timeout_seconds: float = 60.0
    trailers: bool = True
    blanks: re.Pattern[str] = ASCII_BLANKS


@dataclass(frozen=True, slots=True)
class User:
    """Somebody with keys of the gateway's own. `store` serves all buckets that no route names."""

    name: str
    keys: tuple[AccessKey, ...] = field(repr=False)
    store: str | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one gateway process.

    `idle_timeout_seconds` counts while a client sends or takes nothing, and for a head to come whole. Up to
    `buffer_bytes` of a body are held to keep its checksum in the head of the request; larger bodies are streamed.
    """

    requests: int = 1024
    header_bytes: int = 16 * 1024
    headers: int = 200
    idle_timeout_seconds: float = 60.0
    capture_timeout_seconds: float = 10.0
    buffer_bytes: int = 1024 * 1024


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """One gateway. `domains` are the host names under which a bucket may stand as the first label.

    `store` serves what no route and no user's own store does. `set_routes` and `set_blocks` were set at run time and go
    before those of the configuration; they may name stores that are not there. `region` None takes signatures of any region.
    `anonymous` passes unsigned requests on unsigned, so that the store decides. `best_effort` lets writes
    through whose change could not be noted first.
    """

    stores: tuple[StoreTarget, ...]
    users: tuple[User, ...]
    store: str | None = None
    routes: tuple[BucketRoute, ...] = ()
    blocks: tuple[Block, ...] = ()
    set_routes: tuple[BucketRoute, ...] = ()
    set_blocks: tuple[Block, ...] = ()
    host: str = "127.0.0.1"
    port: int = 9000
    ssl: tls.SSLContext | None = field(default=None, repr=False)
    domains: tuple[str, ...] = ()
    region: str | None = None
    anonymous: bool = False
    allow_sigv2: bool = False
    best_effort: bool = False
    limits: Limits = Limits()
