"""How a request vouches for its body: what x-amz-content-sha256 says, and what the signatures of chunks hang on."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum

from brigade.wire.s3faults import Fault
from brigade.wire.sigv4 import UNSIGNED_PAYLOAD

_HEX_SHA256 = re.compile(r"[0-9a-f]{64}").fullmatch


class Payload(Enum):
    """How the body is vouched for; the value is what x-amz-content-sha256 says, a hash aside."""

    HASH = ""
    UNSIGNED = UNSIGNED_PAYLOAD
    SIGNED_CHUNKS = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
    SIGNED_CHUNKS_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
    UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"

    @property
    def is_chunked(self) -> bool:
        """The body is in `aws-chunked` form."""
        return self.value.startswith("STREAMING-")

    @property
    def has_signed_chunks(self) -> bool:
        """Each of its chunks has a signature."""
        return self.value.startswith("STREAMING-AWS4")


_PAYLOADS = {payload.value: payload for payload in Payload if payload is not Payload.HASH}


@dataclass(frozen=True, slots=True)
class Seed:
    """What the signatures of a body's chunks hang on."""

    key: bytes = field(repr=False)
    amz_date: str
    scope: str
    signature: str


def payload_of(content_hash: str) -> Payload:
    """What x-amz-content-sha256 says. Raises `Fault`."""
    if _HEX_SHA256(content_hash):
        return Payload.HASH
    payload = _PAYLOADS.get(content_hash)
    if payload is None:
        words = ", ".join(_PAYLOADS)
        raise Fault("InvalidArgument", f"x-amz-content-sha256 must be {words}, or a valid sha256 value.")
    return payload
