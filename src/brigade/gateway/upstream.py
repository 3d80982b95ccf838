"""A store behind the gateway: requests are signed anew and sent on with everything else as it came."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple
from urllib.parse import urlsplit

from brigade.clock import Clock
from brigade.gateway.settings import StoreTarget
from brigade.stores.base import Body
from brigade.stores.http import open_client
from brigade.stores.http.base import HttpResponse
from brigade.wire.encoding import encode_key
from brigade.wire.sigv4 import EMPTY_SHA256, Credentials, Signer, canonical_path, canonical_query

# What belongs to one connection or to one signature; the client adds its own length, the signer its own date.
_DROPPED = frozenset(
    (
        "authorization",
        "connection",
        "content-length",
        "date",
        "expect",
        "host",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "x-amz-content-sha256",
        "x-amz-date",
        "x-amz-security-token",
    )
)


class Outbound(NamedTuple):
    """A request for a store. `path` has the bucket in it; path and query stand as the client wrote them."""

    method: str
    path: str
    query: str = ""
    headers: Sequence[tuple[str, str]] = ()
    body: bytes | Body | None = None
    payload_hash: str = EMPTY_SHA256
    signed: bool = True


class Upstream:
    """One store. Open it inside a running event loop and close it in the end.

    `holders` are the plants whose requests may need it; one that `is_leaving` is closed when there are none.
    """

    def __init__(self, target: StoreTarget, clock: Clock) -> None:
        parts = urlsplit(target.endpoint)
        default = ":443" if parts.scheme == "https" else ":80"
        self.target = target
        self.holders = 0
        self.is_leaving = False
        self.name = target.name
        self._host = parts.netloc.lower().removesuffix(default)
        self._base = encode_key(parts.path.rstrip("/"))
        self._clock = clock
        self._signer = Signer(target.region, blanks=target.blanks)
        self._client = open_client(
            f"{parts.scheme}://{parts.netloc}",
            ssl=target.ssl,
            connections=target.connections,
            connect_timeout_seconds=target.connect_timeout_seconds,
            idle_timeout_seconds=target.idle_timeout_seconds,
        )

    async def send(self, request: Outbound) -> AbstractAsyncContextManager[HttpResponse]:
        """Sign a request as the store's own and hand it to the client."""
        path = self._base + request.path
        plain, amz = _split(request.headers)
        headers = [("host", self._host), *amz]
        credentials = await self.target.credentials.get() if request.signed else None
        if credentials is not None:
            headers = self._signer.sign(
                credentials,
                request.method,
                canonical_path(path),
                canonical_query(request.query) if request.query else "",
                headers,
                request.payload_hash,
                self._clock.now_ns(),
            )
        headers += plain
        target = f"{path}?{request.query}" if request.query else path
        return self._client.send(request.method, target, headers, request.body)

    async def credentials(self) -> Credentials | None:
        """The credentials of the moment, for a policy that must be signed."""
        return await self.target.credentials.get()

    async def close(self) -> None:
        """Drop the connections."""
        await self._client.close()


def _split(headers: Iterable[tuple[str, str]]) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """The headers that are sent on: those as they came, and those to be signed, each name once."""
    plain: list[tuple[str, str]] = []
    amz: dict[str, str] = {}
    named: frozenset[str] = frozenset()
    for name, value in headers:
        if name in _DROPPED:
            if name == "connection":
                named |= {word.strip().lower() for word in value.split(",")}
        elif name.startswith("x-amz-"):
            amz[name] = f"{amz[name]},{value}" if name in amz else value
        else:
            plain.append((name, value))
    if named - {"keep-alive", "close"}:
        plain = [(name, value) for name, value in plain if name not in named]
    return plain, list(amz.items())


def without_signature(query: str) -> str:
    """A query without what a presigned URL adds, and the rest as it came."""
    if not query or ("X-Amz-" not in query and "AWSAccessKeyId" not in query):
        return query
    kept = []
    for piece in query.split("&"):
        name = piece.partition("=")[0]
        if not (name.startswith("X-Amz-") or name in ("AWSAccessKeyId", "Signature", "Expires")):
            kept.append(piece)
    return "&".join(kept)
