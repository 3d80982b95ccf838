"""The chunked transfer encoding."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brigade.errors import Unavailable
from brigade.stores.http.chunked import MAX_SIZE_LINE_BYTES, ChunkedDecoder
from brigade.stores.http.heads import MAX_HEAD_BYTES


def encoded(pieces: list[bytes], trailer: bytes = b"") -> bytes:
    chunks = b"".join(b"%x;ext=1\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    return chunks + b"0\r\n" + trailer + b"\r\n"


@given(
    st.lists(st.binary(min_size=1, max_size=40), max_size=5),
    st.sampled_from([b"", b"x-trailer: 1\r\n", b"a: 1\r\nb: 2\r\n"]),
    st.binary(max_size=5),
    st.lists(st.integers(1, 9), min_size=1),
)
def test_content_and_rest_come_out_however_it_is_split(
    pieces: list[bytes], trailer: bytes, rest: bytes, steps: list[int]
) -> None:
    wire = encoded(pieces, trailer)
    decoder = ChunkedDecoder()
    out: list[bytes] = []
    position = 0
    count = 0
    while position < len(wire):
        assert not decoder.done
        end = position + steps[count % len(steps)]
        last = end >= len(wire)
        out += decoder.feed(wire[position:] + rest if last else wire[position:end])
        position = end
        count += 1
    assert decoder.done
    assert decoder.rest == rest
    assert b"".join(out) == b"".join(pieces)
    assert all(out)


@pytest.mark.parametrize("wire", [b"x\r\n", b"\r\n", b"-1\r\n", b"0x10\r\n", b"1\r\nabc\r\n", b"11111111111111111\r\n"])
def test_wrong_framing_is_an_error(wire: bytes) -> None:
    with pytest.raises(Unavailable):
        ChunkedDecoder().feed(wire)


def test_a_size_line_without_end_is_an_error() -> None:
    with pytest.raises(Unavailable):
        ChunkedDecoder().feed(b"1" * (MAX_SIZE_LINE_BYTES + 1))


def test_an_endless_trailer_is_an_error() -> None:
    decoder = ChunkedDecoder()
    decoder.feed(b"0\r\n")
    line = b"a: " + b"b" * 1000 + b"\r\n"
    with pytest.raises(Unavailable):
        for _ in range(MAX_HEAD_BYTES // 1000 + 2):
            decoder.feed(line)
