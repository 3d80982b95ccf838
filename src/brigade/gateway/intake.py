"""What becomes of a request's body: which form it came in, how it is verified, in which form it goes on."""

from __future__ import annotations

from hashlib import sha256
from typing import NamedTuple

from brigade.gateway.bodies import DecodedBody, Inflow, StreamedBody, TrailedBody, mismatch
from brigade.gateway.digests import TEXT_BYTES, digest_factories
from brigade.gateway.inbound import Inbound
from brigade.stores.base import Body
from brigade.wire.awschunked import ChunkedPayload
from brigade.wire.payloads import Payload
from brigade.wire.s3faults import Fault
from brigade.wire.sigv4 import EMPTY_SHA256, UNSIGNED_PAYLOAD
from brigade.wire.verify import Verified

# Bodies up to this size are read before anything is sent: then a stale connection to the store costs no request.
SMALL_BYTES = 64 * 1024

_ALGORITHM = "x-amz-sdk-checksum-algorithm"
_FRAMING = frozenset(("x-amz-decoded-content-length", "x-amz-trailer", "content-encoding"))

HeaderList = list[tuple[str, str]]


class Intake(NamedTuple):
    """A body to send on, the hash to sign for it, and the headers that go with it."""

    body: bytes | Body | None
    payload_hash: str
    headers: HeaderList


async def take_in(
    inbound: Inbound,
    verified: Verified | None,
    inflow: Inflow,
    *,
    trailers: bool,
    hold_bytes: int,
    whole_bytes: int | None = None,
) -> Intake:
    """Prepare the body of a request. Raises `Fault`.

    `trailers`: the store takes checksums in trailers. Bodies with one in theirs are held up to `hold_bytes`. `whole_bytes`
    asks for the whole body in memory and refuses a larger one.
    """
    payload = verified.payload if verified is not None else Payload.UNSIGNED
    if whole_bytes is not None and (inbound.size_bytes or 0) > whole_bytes:
        raise Fault("MaxMessageLengthExceeded")
    if payload.is_chunked and verified is not None:
        return await _take_chunked(
            inbound, verified, inflow, trailers=trailers, hold_bytes=whole_bytes or hold_bytes, whole=bool(whole_bytes)
        )
    return await _take_plain(inbound, verified, inflow, whole_bytes or SMALL_BYTES)


async def _take_plain(inbound: Inbound, verified: Verified | None, inflow: Inflow, hold_bytes: int) -> Intake:
    size_bytes = inbound.size_bytes
    claimed = verified.payload_hash if verified is not None else UNSIGNED_PAYLOAD
    expected = claimed if claimed != UNSIGNED_PAYLOAD else None
    if size_bytes is None:
        raise Fault("MissingContentLength")
    if not size_bytes:
        if expected not in (None, EMPTY_SHA256):
            raise mismatch(claimed, EMPTY_SHA256)
        return Intake(None, claimed, inbound.headers)
    if size_bytes > hold_bytes:
        return Intake(StreamedBody(inflow, size_bytes, expected), claimed, inbound.headers)
    data = await inflow.whole(size_bytes)
    if len(data) < size_bytes:
        raise Fault("IncompleteBody")
    if expected is not None:
        computed = sha256(data).hexdigest()
        if computed != expected:
            raise mismatch(expected, computed)
    return Intake(data, claimed, inbound.headers)


async def _take_chunked(
    inbound: Inbound, verified: Verified, inflow: Inflow, *, trailers: bool, hold_bytes: int, whole: bool
) -> Intake:
    size_bytes = _decoded_size(inbound)
    names = _trailer_names(inbound, verified)
    decoder = ChunkedPayload(verified.payload, size_bytes, verified.seed, names, digest_factories())
    body = DecodedBody(inflow, size_bytes, decoder)
    if size_bytes <= (hold_bytes if names or whole else SMALL_BYTES):
        data = b"".join([piece async for piece in body.chunks()])
        headers = _without_framing(inbound)
        headers += list(decoder.trailers.items())
        return Intake(data, UNSIGNED_PAYLOAD, headers)
    if whole:
        raise Fault("MaxMessageLengthExceeded")
    if len(names) == 1 and trailers:
        trailed = TrailedBody(body, names[0], TEXT_BYTES[names[0]])
        return Intake(trailed, Payload.UNSIGNED_TRAILER.value, _with_framing(inbound))
    # The checksum comes last, and this store wants it first: it was verified here, and the store makes its own.
    headers = _without_framing(inbound)
    if names:
        headers = [(name, value) for name, value in headers if name != _ALGORITHM]
    return Intake(body, UNSIGNED_PAYLOAD, headers)


def _decoded_size(inbound: Inbound) -> int:
    text = inbound.by_name.get("x-amz-decoded-content-length", "")
    if not (text.isascii() and text.isdigit() and len(text) < 18):
        raise Fault("MissingContentLength", "You must provide the x-amz-decoded-content-length HTTP header.")
    return int(text)


def _trailer_names(inbound: Inbound, verified: Verified) -> tuple[str, ...]:
    text = inbound.by_name.get("x-amz-trailer", "")
    if verified.payload is Payload.SIGNED_CHUNKS:
        if text:
            raise Fault("InvalidRequest", "x-amz-trailer does not fit x-amz-content-sha256.")
        return ()
    names = tuple(name.strip().lower() for name in text.split(",") if name.strip())
    if any(name not in TEXT_BYTES for name in names):
        raise Fault("InvalidRequest", "The value specified in the x-amz-trailer header is not supported")
    return names


def _without_framing(inbound: Inbound) -> HeaderList:
    headers = [(name, value) for name, value in inbound.headers if name not in _FRAMING]
    codings = _codings(inbound)
    if codings:
        headers.append(("content-encoding", ",".join(codings)))
    return headers


def _with_framing(inbound: Inbound) -> HeaderList:
    headers = [(name, value) for name, value in inbound.headers if name != "content-encoding"]
    return [*headers, ("content-encoding", ",".join(["aws-chunked", *_codings(inbound)]))]


def _codings(inbound: Inbound) -> list[str]:
    """The content encodings that are the object's own."""
    words = [word.strip() for word in inbound.by_name.get("content-encoding", "").split(",")]
    return [word for word in words if word and word.lower() != "aws-chunked"]
