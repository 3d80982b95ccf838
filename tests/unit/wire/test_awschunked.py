"""The published examples of chunked uploads, every way to cut them, and every byte of them changed."""

from __future__ import annotations

import base64
import zlib
from hashlib import sha1, sha256
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brigade.wire.awschunked import ChunkedPayload
from brigade.wire.payloads import Payload, Seed
from brigade.wire.s3faults import Fault
from brigade.wire.sigv4 import EMPTY_SHA256, Scope, signature, signing_key

SCOPE = Scope("20130524", "us-east-1")
KEY = signing_key("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", SCOPE)
DATE = "20130524T000000Z"
DOCUMENT = b"a" * 65536 + b"a" * 1024


class Crc32:
    def __init__(self) -> None:
        self.value = 0

    def update(self, data: bytes) -> None:
        self.value = zlib.crc32(data, self.value)

    def digest(self) -> bytes:
        return self.value.to_bytes(4, "big")


DIGESTS = {"x-amz-checksum-crc32": Crc32, "x-amz-checksum-sha1": sha1}


def seed(signed: str) -> Seed:
    return Seed(KEY, DATE, str(SCOPE), signed)


def published(signatures: list[str], trailer: bytes = b"") -> bytes:
    body = b""
    for data, signed in zip((DOCUMENT[:65536], DOCUMENT[65536:], b""), signatures, strict=True):
        body += b"%x;chunk-signature=%b\r\n" % (len(data), signed.encode())
        body += data + b"\r\n" if data else b""
    return body + trailer + b"\r\n"


SIGNED = (
    Payload.SIGNED_CHUNKS,
    seed("4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"),
    (),
    published(
        [
            "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
            "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
            "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
        ]
    ),
)
SIGNED_TRAILER = (
    Payload.SIGNED_CHUNKS_TRAILER,
    seed("106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e"),
    ("x-amz-checksum-crc32c",),
    published(
        [
            "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
            "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
            "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
        ],
        b"x-amz-checksum-crc32c:sOO8/Q==\r\n"
        b"x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n",
    ),
)


def decode(payload, signed, names, body, *, size=66560, cuts=()) -> tuple[bytes, ChunkedPayload]:
    decoder = ChunkedPayload(payload, size, signed, names, DIGESTS)
    data = b""
    edges = [0, *sorted(cuts), len(body)]
    for begin, end in pairwise(edges):
        data += b"".join(decoder.feed(body[begin:end]))
    decoder.finish()
    return data, decoder


@pytest.mark.parametrize("example", [SIGNED, SIGNED_TRAILER], ids=["chunks", "trailer"])
def test_the_published_examples_are_verified(example):
    data, decoder = decode(*example)
    assert data == DOCUMENT
    assert decoder.done


@given(st.lists(st.integers(0, len(SIGNED_TRAILER[3])), max_size=6))
def test_it_does_not_matter_where_the_body_is_cut(cuts):
    assert decode(*SIGNED_TRAILER, cuts=cuts)[0] == DOCUMENT


def encode(data: bytes, size: int, first: Seed | None, trailer: dict[str, str] | None = None) -> bytes:
    """An encoder of our own, which the decoder has not seen."""
    body, previous = b"", first.signature if first else ""
    for begin in [*range(0, len(data), size), None]:
        chunk = data[begin : begin + size] if begin is not None else b""
        line = f"{len(chunk):x}"
        if first is not None:
            rest = f"{EMPTY_SHA256}\n{sha256(chunk).hexdigest()}"
            previous = signature(KEY, f"AWS4-HMAC-SHA256-PAYLOAD\n{DATE}\n{SCOPE}\n{previous}\n{rest}")
            line += f";chunk-signature={previous}"
        body += line.encode() + b"\r\n" + (chunk + b"\r\n" if chunk else b"")
    for name, value in (trailer or {}).items():
        body += f"{name}:{value}\r\n".encode()
    if trailer and first is not None:
        lines = "".join(f"{name}:{value}\n" for name, value in sorted(trailer.items()))
        text = f"AWS4-HMAC-SHA256-TRAILER\n{DATE}\n{SCOPE}\n{previous}\n{sha256(lines.encode()).hexdigest()}"
        body += f"x-amz-trailer-signature:{signature(KEY, text)}\r\n".encode()
    return body + b"\r\n"


def crc_of(data: bytes) -> dict[str, str]:
    return {"x-amz-checksum-crc32": base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()}


@given(st.binary(max_size=300), st.integers(1, 100), st.lists(st.integers(0, 800), max_size=5), st.booleans())
def test_what_is_encoded_is_decoded(data, size, cuts, is_signed):
    first = seed("0" * 64) if is_signed else None
    payload = Payload.SIGNED_CHUNKS_TRAILER if is_signed else Payload.UNSIGNED_TRAILER
    body = encode(data, size, first, crc_of(data))
    cuts = [cut for cut in cuts if cut < len(body)]
    decoded, decoder = decode(payload, first, ("x-amz-checksum-crc32",), body, size=len(data), cuts=cuts)
    assert decoded == data
    assert decoder.trailers == crc_of(data)


@pytest.mark.parametrize("is_signed", [True, False], ids=["signed", "unsigned"])
def test_no_byte_can_be_changed(is_signed):
    data = b"some payload"
    first = seed("0" * 64) if is_signed else None
    payload = Payload.SIGNED_CHUNKS_TRAILER if is_signed else Payload.UNSIGNED_TRAILER
    body = encode(data, 5, first, crc_of(data))
    names = ("x-amz-checksum-crc32",)
    assert decode(payload, first, names, body, size=len(data))[0] == data
    for position in range(len(body)):
        changed = body[:position] + bytes([body[position] ^ 1]) + body[position + 1 :]
        with pytest.raises(Fault):
            decode(payload, first, names, changed, size=len(data))
        with pytest.raises(Fault):
            decode(payload, first, names, body[:position], size=len(data))


def refused(payload, body, *, size=5, first=None, names=()) -> str:
    with pytest.raises(Fault) as caught:
        decode(payload, first, names, body, size=size)
    return caught.value.code


UNSIGNED = Payload.UNSIGNED_TRAILER


def test_refusals_have_the_codes_of_the_real_service():
    assert refused(UNSIGNED, b"5\r\nabcde\r\n") == "IncompleteBody"
    assert refused(UNSIGNED, b"4\r\nabcd\r\n0\r\n\r\n") == "IncompleteBody"
    assert refused(UNSIGNED, b"6\r\nabcdef\r\n0\r\n\r\n") == "IncompleteBody"
    assert refused(UNSIGNED, b"5\r\nabcde\r\n0\r\n\r\nmore") == "IncompleteBody"
    assert refused(UNSIGNED, b"x\r\n") == "InvalidChunkSizeError"
    assert refused(UNSIGNED, b"5\r\nabcdef\r\n") == "InvalidChunkSizeError"
    assert refused(UNSIGNED, b"5" * 5000) == "InvalidChunkSizeError"
    assert refused(UNSIGNED, b"5\r\nabcde\r\n0\r\nother:1\r\n\r\n") == "MalformedTrailerError"
    crc = ("x-amz-checksum-crc32",)
    assert refused(UNSIGNED, b"5\r\nabcde\r\n0\r\n\r\n", names=crc) == "MalformedTrailerError"
    body = b"5\r\nabcde\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n"
    assert refused(UNSIGNED, body, names=crc) == "BadDigest"
    plain = b"5\r\nabcde\r\n0\r\n\r\n"
    assert refused(Payload.SIGNED_CHUNKS, plain, first=seed("0" * 64)) == "SignatureDoesNotMatch"


def test_a_trailer_line_may_end_in_a_newline_of_its_own():
    value = crc_of(b"abcde")["x-amz-checksum-crc32"].encode()
    body = b"5\r\nabcde\r\n0\r\nx-amz-checksum-crc32:%b\n\r\n\r\n" % value
    assert decode(UNSIGNED, None, ("x-amz-checksum-crc32",), body, size=5)[0] == b"abcde"
