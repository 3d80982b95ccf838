"""Bodies on their way from a client to a store: verified while they pass, never held whole.

Each of them keeps its last piece back until everything about it is verified. A store that lacks the last bytes of a
body has written nothing, so a body that turns out wrong leaves no trace.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from hashlib import sha256

from aiohttp import StreamReader, web
from aiohttp.web_protocol import RequestPayloadError

from brigade.wire.awschunked import ChunkedPayload
from brigade.wire.s3faults import Fault


class Inflow:
    """The body of a client's request as it comes; a client that sends nothing for too long is refused.

    `begin` runs once before the first wait: it asks a client that waits for leave to send.
    """

    __slots__ = ("_begin", "_idle_timeout_seconds", "_request", "taken_bytes")

    def __init__(self, request: web.BaseRequest, idle_timeout_seconds: float, begin: Callable[[], None]) -> None:
        self._request = request
        self._idle_timeout_seconds = idle_timeout_seconds
        self._begin: Callable[[], None] | None = begin
        self.taken_bytes = 0

    async def next(self) -> bytes:
        """Some bytes, none at the end."""
        if self._begin is not None:
            self._begin()
            self._begin = None
        content = self._request.content
        try:
            if content.total_bytes > self.taken_bytes or content.is_eof():
                data = await _piece(content)
            else:
                async with asyncio.timeout(self._idle_timeout_seconds):
                    data = await _piece(content)
        except TimeoutError as error:
            raise Fault("RequestTimeout") from error
        except (RequestPayloadError, ValueError) as error:
            raise Fault("IncompleteBody") from error
        self.taken_bytes += len(data)
        return data

    async def whole(self, limit_bytes: int) -> bytes:
        """All of it. Raises `Fault` if it is more than `limit_bytes`."""
        pieces: list[bytes] = []
        count = 0
        while data := await self.next():
            count += len(data)
            if count > limit_bytes:
                raise Fault("MaxMessageLengthExceeded")
            pieces.append(data)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)


async def _piece(content: StreamReader) -> bytes:
    """The next piece as it was received: reading all that is there would copy it once more. Empty at the end."""
    while True:
        data, ends_chunk = await content.readchunk()
        if data or not ends_chunk:
            return data


class StreamedBody:
    """A body passed on as it is. `expected` is the SHA-256 that it must have, None where nothing vouches for it."""

    replayable = False

    def __init__(self, inflow: Inflow, size_bytes: int, expected: str | None) -> None:
        self.size_bytes = size_bytes
        self._inflow = inflow
        self._expected = expected

    async def chunks(self) -> AsyncIterator[bytes]:
        left_bytes = self.size_bytes
        digest = sha256() if self._expected is not None else None
        while left_bytes:
            piece = await self._inflow.next()
            if not piece:
                raise Fault("IncompleteBody")
            left_bytes -= len(piece)
            if digest is not None:
                digest.update(piece)
                if not left_bytes and digest.hexdigest() != self._expected:
                    raise mismatch(str(self._expected), digest.hexdigest())
            yield piece


class DecodedBody:
    """A body with `aws-chunked` taken off."""

    replayable = False

    def __init__(self, inflow: Inflow, size_bytes: int, decoder: ChunkedPayload) -> None:
        self.size_bytes = size_bytes
        self.decoder = decoder
        self._inflow = inflow

    async def chunks(self) -> AsyncIterator[bytes]:
        decoder = self.decoder
        last = b""
        left_bytes = self.size_bytes
        while not decoder.done:
            data = await self._inflow.next()
            if not data:
                decoder.finish()
            for piece in decoder.feed(data):
                left_bytes -= len(piece)
                if left_bytes:
                    yield piece
                else:
                    last = piece
        if await self._inflow.next():
            raise Fault("IncompleteBody", "The body goes on after its last chunk.")
        if last:
            yield last


class TrailedBody:
    """A decoded body as one unsigned chunk with the client's checksum in the trailer, for stores that know that form."""

    replayable = False

    def __init__(self, body: DecodedBody, trailer: str, text_bytes: int) -> None:
        self._body = body
        self._trailer = trailer
        self._head = f"{body.size_bytes:x}\r\n".encode()
        tail_bytes = len(f"\r\n0\r\n{trailer}:\r\n\r\n") + text_bytes
        self.size_bytes = len(self._head) + body.size_bytes + tail_bytes

    async def chunks(self) -> AsyncIterator[bytes]:
        yield self._head
        async for piece in self._body.chunks():
            yield piece
        value = self._body.decoder.trailers[self._trailer]
        yield f"\r\n0\r\n{self._trailer}:{value}\r\n\r\n".encode()


def mismatch(claimed: str, computed: str) -> Fault:
    """The refusal of a body that is not the one that was signed."""
    return Fault(
        "XAmzContentSHA256Mismatch",
        extra={"ClientComputedContentSHA256": claimed, "S3ComputedContentSHA256": computed},
    )
