"""The `aws-chunked` content encoding, taken off as it comes in, with its signatures and checksums verified.

Pieces of the payload are given out before the chunk they belong to is verified, so that nothing is held. Whoever passes
them on keeps the last piece back until `done`: a target that lacks its last bytes has written nothing.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from enum import Enum, auto
from hashlib import sha256
from hmac import compare_digest
from typing import Protocol

from brigade.wire.payloads import Payload, Seed
from brigade.wire.s3faults import Fault
from brigade.wire.sigv4 import EMPTY_SHA256, signature

# A size in hex and a signature; anything longer is not a chunk's first line.
MAX_LINE_BYTES = 1024
MAX_TRAILER_BYTES = 16 * 1024
TRAILER_SIGNATURE = "x-amz-trailer-signature"

_CHUNK_SIGNATURE = b"chunk-signature="


class Digest(Protocol):
    """A checksum that grows, as `hashlib` has them."""

    def update(self, data: bytes, /) -> None: ...

    def digest(self) -> bytes: ...


DigestFactory = Callable[[], Digest]


class _Part(Enum):
    SIZE = auto()
    DATA = auto()
    DATA_END = auto()
    TRAILER = auto()
    END = auto()


class ChunkedPayload:
    """Feed it the body; it gives the payload. `done` after everything was verified.

    `size_bytes` is what x-amz-decoded-content-length promised, `trailer` the names that x-amz-trailer announced
    and `digests` the algorithms by the name of their header. Raises `Fault`.
    """

    def __init__(
        self,
        payload: Payload,
        size_bytes: int,
        seed: Seed | None,
        trailer: tuple[str, ...],
        digests: Mapping[str, DigestFactory],
    ) -> None:
        assert payload.is_chunked
        self.done = False
        self.trailers: dict[str, str] = {}
        self._seed = seed
        self._previous = seed.signature if seed is not None else ""
        self._has_trailer = payload is not Payload.SIGNED_CHUNKS
        self._announced = trailer
        self._digests = {name: digests[name]() for name in trailer if name in digests}
        self._left_bytes = size_bytes
        self._chunk_left_bytes = 0
        self._chunk_hash = sha256()
        self._chunk_signature = ""
        self._part = _Part.SIZE
        self._pending = b""
        self._trailer_bytes = 0

    def feed(self, data: bytes) -> list[bytes]:
        """The payload in `data`, in pieces."""
        pieces: list[bytes] = []
        if self._pending:
            data = self._pending + data
            self._pending = b""
        position = 0
        while position < len(data):
            if self._part is _Part.DATA:
                piece = data[position : position + self._chunk_left_bytes]
                position += len(piece)
                self._take(piece)
                pieces.append(piece)
                continue
            if self._part is _Part.END:
                raise Fault("IncompleteBody", "The body goes on after its last chunk.")
            end = data.find(b"\r\n", position)
            if end < 0:
                self._keep(data[position:])
                return pieces
            self._line(data[position:end])
            position = end + 2
        return pieces

    def finish(self) -> None:
        """The body has ended: refuse it unless it was whole."""
        if not self.done:
            raise Fault("IncompleteBody", "The request body terminated unexpectedly")

    def _keep(self, pending: bytes) -> None:
        if len(pending) > (MAX_TRAILER_BYTES if self._part is _Part.TRAILER else MAX_LINE_BYTES):
            raise Fault("InvalidChunkSizeError")
        self._pending = pending

    def _take(self, piece: bytes) -> None:
        self._chunk_left_bytes -= len(piece)
        if self._seed is not None:
            self._chunk_hash.update(piece)
        for digest in self._digests.values():
            digest.update(piece)
        if not self._chunk_left_bytes:
            self._part = _Part.DATA_END

    def _line(self, line: bytes) -> None:
        if self._part is _Part.SIZE:
            self._begin_chunk(line)
        elif self._part is _Part.DATA_END:
            if line:
                raise Fault("InvalidChunkSizeError", "A chunk is longer than it says.")
            self._end_chunk()
            self._part = _Part.SIZE
        elif line:
            self._trailer_line(line)
        else:
            self._end_body()

    def _begin_chunk(self, line: bytes) -> None:
        size, semicolon, extension = line.partition(b";")
        if not size or len(size) > 12 or size.strip(b"0123456789abcdefABCDEF"):
            raise Fault("InvalidChunkSizeError")
        size_bytes = int(size, 16)
        if self._seed is not None:
            if not semicolon or not extension.startswith(_CHUNK_SIGNATURE):
                raise Fault("SignatureDoesNotMatch", "A chunk has no signature.")
            self._chunk_signature = extension[len(_CHUNK_SIGNATURE) :].decode("latin-1")
        if size_bytes > self._left_bytes:
            raise Fault("IncompleteBody", "The chunks hold more than x-amz-decoded-content-length says.")
        self._left_bytes -= size_bytes
        self._chunk_left_bytes = size_bytes
        if size_bytes:
            self._part = _Part.DATA
        else:
            self._end_chunk()
            self._part = _Part.TRAILER

    def _end_chunk(self) -> None:
        if self._seed is None:
            return
        digest = self._chunk_hash.hexdigest()
        self._chunk_hash = sha256()
        self._confirm("PAYLOAD", f"{EMPTY_SHA256}\n{digest}", self._chunk_signature)

    def _confirm(self, kind: str, rest: str, given: str) -> None:
        """Check one link of the chain of signatures."""
        assert self._seed is not None
        seed = self._seed
        text = f"AWS4-HMAC-SHA256-{kind}\n{seed.amz_date}\n{seed.scope}\n{self._previous}\n{rest}"
        expected = signature(seed.key, text)
        if not compare_digest(expected.encode(), given.encode()):
            raise Fault("SignatureDoesNotMatch", extra={"StringToSign": text, "SignatureProvided": given})
        self._previous = expected

    def _trailer_line(self, line: bytes) -> None:
        self._trailer_bytes += len(line)
        name, colon, value = line.decode("latin-1").partition(":")
        name = name.strip().lower()
        # Some clients end the line with a newline of its own, as the published example shows it.
        value = value.strip()
        is_expected = name in self._announced or name == TRAILER_SIGNATURE
        if not self._has_trailer or not colon or not is_expected or name in self.trailers:
            raise Fault("MalformedTrailerError")
        if self._trailer_bytes > MAX_TRAILER_BYTES:
            raise Fault("MalformedTrailerError", "The trailer is too long.")
        self.trailers[name] = value

    def _end_body(self) -> None:
        if self._left_bytes:
            raise Fault("IncompleteBody")
        given = self.trailers.pop(TRAILER_SIGNATURE, "")
        if self.trailers.keys() != set(self._announced):
            raise Fault("MalformedTrailerError", "The trailer is not what x-amz-trailer announced.")
        if self._seed is not None and self._has_trailer:
            lines = "".join([f"{name}:{self.trailers[name]}\n" for name in sorted(self.trailers)])
            self._confirm("TRAILER", sha256(lines.encode("latin-1")).hexdigest(), given)
        for name, digest in self._digests.items():
            if base64.b64encode(digest.digest()).decode() != self.trailers[name]:
                algorithm = name.removeprefix("x-amz-checksum-").upper()
                raise Fault("BadDigest", f"The {algorithm} you specified did not match the calculated checksum.")
        self._part = _Part.END
        self.done = True
