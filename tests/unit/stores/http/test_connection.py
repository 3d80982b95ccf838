"""One connection over a transport that is scripted: how an answer may be cut, and flow control."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brigade.errors import BrigadeError, Truncated, Unavailable
from brigade.stores.http.connection import MAX_UNREAD_BYTES, Connection
from brigade.stores.http.heads import MAX_HEAD_BYTES


class Wire(asyncio.Transport):
    """A transport without a socket; `closing` after abort."""

    def __init__(self) -> None:
        super().__init__()
        self.closing = False
        self.reading = True
        self.sent: list[bytes] = []
        self.unsent_bytes = 0

    def write(self, data: Any) -> None:
        self.sent.append(data)

    def abort(self) -> None:
        self.closing = True

    def is_closing(self) -> bool:
        return self.closing

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def get_write_buffer_size(self) -> int:
        return self.unsent_bytes


def exchange(method: str = "GET", *, idle: float = 5.0) -> tuple[Connection, Wire]:
    connection = Connection(asyncio.get_running_loop(), "http://h", idle, memoryview(bytearray(100_000)))
    wire = Wire()
    connection.connection_made(wire)
    connection.begin(method)
    return connection, wire


def feed(connection: Connection, data: bytes) -> None:
    while data:
        buffer = connection.get_buffer(-1)
        size = min(len(buffer), len(data))
        buffer[:size] = data[:size]
        connection.buffer_updated(size)
        data = data[size:]


async def body_of(connection: Connection) -> bytes:
    pieces: list[bytes] = []
    while new := await connection.more():
        pieces += new
    return b"".join(pieces)


ANSWERS = [
    (b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nX-A: 1\r\n\r\ncontent", b"content", True),
    (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ncont\r\n3\r\nent\r\n0\r\nt: 1\r\n\r\n",
        b"content",
        True,
    ),
    (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 X\r\na: b\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"ok",
        True,
    ),
    (b"HTTP/1.1 204 No Content\r\n\r\n", b"", True),
    (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", b"ok", False),
    (b"HTTP/1.0 200 OK\r\n\r\nto the end", b"to the end", False),
]


@pytest.mark.parametrize(("wire_bytes", "content", "reusable"), ANSWERS)
async def test_an_answer_may_be_cut_at_any_byte(wire_bytes: bytes, content: bytes, reusable: bool) -> None:
    for cut in range(1, len(wire_bytes)):
        connection, wire = exchange()
        feed(connection, wire_bytes[:cut])
        feed(connection, wire_bytes[cut:])
        if b"HTTP/1.0" in wire_bytes:
            connection.connection_lost(None)
        assert (await connection.head()).status in (200, 204)
        assert await body_of(connection) == content
        assert connection.complete
        assert connection.end() is reusable
        assert not wire.closing


@pytest.mark.parametrize(("wire_bytes", "content", "reusable"), ANSWERS)
async def test_an_answer_may_come_byte_by_byte(wire_bytes: bytes, content: bytes, reusable: bool) -> None:
    connection, _ = exchange()
    for position in range(len(wire_bytes)):
        feed(connection, wire_bytes[position : position + 1])
    if b"HTTP/1.0" in wire_bytes:
        connection.connection_lost(None)
    await connection.head()
    assert await body_of(connection) == content
    assert connection.end() is reusable


@pytest.mark.parametrize(("wire_bytes", "content", "reusable"), ANSWERS[:3])
async def test_a_lost_connection_is_an_error_wherever_it_breaks(
    wire_bytes: bytes, content: bytes, reusable: bool
) -> None:
    assert reusable
    for cut in range(len(wire_bytes)):
        connection, _ = exchange()
        if cut:
            feed(connection, wire_bytes[:cut])
        connection.connection_lost(None)
        with pytest.raises((Truncated, Unavailable)) as caught:
            await connection.head()
            got = await body_of(connection)
            assert got != content
        in_body = wire_bytes.rfind(b"\r\n\r\n", 0, cut) > 0 and b"200" in wire_bytes[:cut]
        if b"Content-Length: 7" in wire_bytes:
            assert isinstance(caught.value, Truncated if in_body else Unavailable)


@given(st.binary(max_size=200), st.lists(st.integers(1, 60), min_size=1), st.booleans())
def test_any_content_arrives_whole_however_it_is_split(content: bytes, steps: list[int], chunked: bool) -> None:
    if chunked:
        body = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in (content[:50], content[50:]) if p) + b"0\r\n\r\n"
        wire_bytes = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body
    else:
        wire_bytes = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(content), content)

    async def check() -> None:
        connection, _ = exchange()
        position = count = 0
        while position < len(wire_bytes):
            step = steps[count % len(steps)]
            feed(connection, wire_bytes[position : position + step])
            position += step
            count += 1
        assert (await connection.head()).status == 200
        assert await body_of(connection) == content
        assert connection.end()

    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(check())
    finally:
        loop.close()


@pytest.mark.parametrize(
    "framing", ["Content-Length: 2\r\n\r\nok", "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"]
)
@pytest.mark.parametrize("separately", [False, True])
async def test_garbage_after_the_body_is_not_content_and_ends_the_connections_use(
    framing: str, separately: bool
) -> None:
    connection, _ = exchange()
    answer = f"HTTP/1.1 200 OK\r\n{framing}".encode()
    if separately:
        feed(connection, answer)
        feed(connection, b"HTTP/1.1 200 OK\r\n")
    else:
        feed(connection, answer + b"HTTP/1.1 200 OK\r\n")
    await connection.head()
    assert await body_of(connection) == b"ok"
    assert not connection.end()


async def test_bytes_on_a_connection_that_is_free_drop_it() -> None:
    connection, wire = exchange()
    feed(connection, b"HTTP/1.1 204 No\r\n\r\n")
    assert connection.end()
    feed(connection, b"HTTP/1.1 408 Timeout\r\n\r\n")
    assert wire.closing
    assert not connection.alive


@pytest.mark.parametrize("ended", [False, True])
async def test_a_head_over_the_limit_is_an_error(ended: bool) -> None:
    connection, wire = exchange()
    feed(connection, b"HTTP/1.1 200 OK\r\na: " + b"b" * MAX_HEAD_BYTES + (b"\r\n\r\n" if ended else b""))
    with pytest.raises(Unavailable, match="longer than"):
        await connection.head()
    assert wire.closing


@pytest.mark.parametrize("answer", [b"SSH-2.0\r\n\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"])
async def test_nonsense_is_an_error_and_drops_the_connection(answer: bytes) -> None:
    connection, wire = exchange()
    feed(connection, answer)
    with pytest.raises(BrigadeError, match="not valid HTTP"):
        await connection.head()
        await connection.more()
    assert wire.closing


async def test_any_number_of_interim_answers_is_skipped() -> None:
    connection, _ = exchange()
    feed(connection, b"HTTP/1.1 100 Continue\r\n\r\n" * 20_000 + b"HTTP/1.1 204 No\r\n\r\n")
    assert (await connection.head()).status == 204
    assert connection.end()


async def test_reading_stops_above_the_bound_and_goes_on_when_content_is_taken() -> None:
    connection, wire = exchange()
    feed(connection, b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n")
    reading = [wire.reading]
    for data in (b"x" * MAX_UNREAD_BYTES, b"x"):
        feed(connection, data)
        reading.append(wire.reading)
    assert sum(map(len, await connection.more())) == MAX_UNREAD_BYTES + 1
    reading.append(wire.reading)
    assert reading == [True, True, False, True]


class Bin(bytearray):
    """A sink that is never full."""

    def __call__(self, piece: bytes | memoryview) -> bool:
        self.extend(piece)
        return True


async def poured(connection: Connection, sink: Bin) -> None:
    """Pour to the end, as a response does."""
    ended = False
    while not ended:
        await connection.pour(sink)
        ended = connection.complete
        sink.extend(b"".join(connection.taken()))


@pytest.mark.parametrize(("wire_bytes", "content", "reusable"), ANSWERS)
async def test_an_answer_that_is_poured_may_be_cut_at_any_byte(
    wire_bytes: bytes, content: bytes, reusable: bool
) -> None:
    for cut in range(1, len(wire_bytes)):
        connection, _ = exchange()
        got = Bin()
        pouring = asyncio.ensure_future(poured(connection, got))
        for part in (wire_bytes[:cut], wire_bytes[cut:]):
            feed(connection, part)
            await asyncio.sleep(0)
        if b"Length" not in wire_bytes and b"chunked" not in wire_bytes:
            connection.connection_lost(None)
        await pouring
        assert (bytes(got), connection.end()) == (content, reusable and connection.alive)


async def test_what_is_poured_is_not_kept_and_waits_in_the_socket_once_the_sink_is_full() -> None:
    connection, wire = exchange()
    got: list[bytes] = []

    def sink(piece: bytes | memoryview) -> bool:
        got.append(bytes(piece))
        return len(got) < 2

    feed(connection, b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n")
    pouring = asyncio.ensure_future(connection.pour(sink))
    for piece in (b"ab", b"cd"):
        await asyncio.sleep(0)
        feed(connection, piece)
    assert await pouring is False
    assert (got, wire.reading, connection.taken()) == ([b"ab", b"cd"], False, [])
    got.clear()
    pouring = asyncio.ensure_future(connection.pour(sink))
    await asyncio.sleep(0)
    assert wire.reading
    feed(connection, b"efgh")
    assert await pouring is True
    assert (got, connection.complete) == ([b"efgh"], True)


async def test_more_than_the_promised_content_is_never_poured() -> None:
    connection, _ = exchange()
    got = Bin()
    feed(connection, b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n")
    pouring = asyncio.ensure_future(poured(connection, got))
    await asyncio.sleep(0)
    feed(connection, b"ab")
    feed(connection, b"cdSURPLUS")
    await pouring
    assert bytes(got) == b"abcd"
    assert not connection.end()


async def test_a_server_that_goes_away_while_it_is_poured_is_truncated() -> None:
    connection, _ = exchange()
    feed(connection, b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n")
    pouring = asyncio.ensure_future(connection.pour(lambda _: True))
    await asyncio.sleep(0)
    feed(connection, b"ab")
    connection.connection_lost(None)
    with pytest.raises(Truncated, match="after 2 of 4 bytes"):
        await pouring


async def test_each_piece_that_is_poured_counts_as_a_sign_of_life() -> None:
    connection, _ = exchange(idle=1000)
    feed(connection, b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n")
    pouring = asyncio.ensure_future(connection.pour(lambda _: True))
    await asyncio.sleep(0)
    connection._active_at = 0.0
    feed(connection, b"ab")
    assert connection._active_at > 0.0
    feed(connection, b"cd")
    assert await pouring is True


async def test_what_was_handed_out_stays_when_more_comes_in() -> None:
    connection, _ = exchange()
    feed(connection, b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
    feed(connection, b"a" * 60)
    first = await connection.more()
    feed(connection, b"b" * 40)
    assert [*first, *await connection.more()] == [b"a" * 60, b"b" * 40]


async def test_drain_waits_while_the_transport_is_full() -> None:
    connection, _ = exchange("PUT")
    connection.pause_writing()
    waiting = asyncio.ensure_future(connection.drain())
    await asyncio.sleep(0)
    assert not waiting.done()
    connection.resume_writing()
    assert await waiting is True


async def test_drain_ends_when_the_answer_comes_first() -> None:
    connection, _ = exchange("PUT")
    connection.pause_writing()
    waiting = asyncio.ensure_future(connection.drain())
    await asyncio.sleep(0)
    feed(connection, b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
    assert await waiting is False


async def test_a_request_still_unsent_at_the_end_of_the_answer_ends_the_connections_use() -> None:
    connection, wire = exchange("PUT")
    wire.unsent_bytes = 10
    feed(connection, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    assert not connection.end()


async def test_a_large_body_that_leaves_slowly_is_not_silent_until_it_stops_moving() -> None:
    connection, wire = exchange("PUT", idle=0.5)
    wire.unsent_bytes = 1000
    waiting = asyncio.ensure_future(connection.head())
    for _ in range(20):
        await asyncio.sleep(0.05)
        wire.unsent_bytes -= 1
    assert not waiting.done()
    with pytest.raises(Unavailable, match="sent nothing"):
        await asyncio.wait_for(waiting, 30)
    assert wire.closing


async def test_waiting_again_and_again_sets_one_timer() -> None:
    connection, _ = exchange()
    loop = asyncio.get_running_loop()
    set_timers = 0

    def counted(delay: float, callback: Any) -> asyncio.TimerHandle:
        nonlocal set_timers
        set_timers += 1
        return loop.call_at(loop.time() + delay, callback)

    connection._loop = Timers(loop, counted)  # type: ignore[assignment]
    feed(connection, b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n")
    for _ in range(50):
        waiting = asyncio.ensure_future(connection.more())
        await asyncio.sleep(0)
        feed(connection, b"x")
        assert await waiting == [b"x"]
    assert set_timers == 1
    connection.connection_lost(None)


class Timers:
    """A loop that counts `call_later`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, call_later: Any) -> None:
        self.call_later = call_later
        self.create_future = loop.create_future
        self.time = loop.time


async def test_a_silent_server_is_not_taken_for_a_stale_connection() -> None:
    connection, _ = exchange(idle=0.02)
    feed(connection, b"HTTP/1.1 204 No\r\n\r\n")
    assert connection.end()
    connection.begin("GET")
    with pytest.raises(Unavailable, match="sent nothing"):
        await connection.head()
    connection.connection_lost(None)
    assert not connection.went_stale


async def test_a_kept_alive_connection_closed_without_a_byte_is_stale() -> None:
    connection, _ = exchange()
    feed(connection, b"HTTP/1.1 204 No\r\n\r\n")
    assert connection.end()
    connection.begin("GET")
    connection.connection_lost(ConnectionResetError())
    assert connection.went_stale


async def test_content_until_close_that_ends_by_a_reset_is_truncated() -> None:
    connection, _ = exchange()
    feed(connection, b"HTTP/1.0 200 OK\r\n\r\nnot all")
    connection.connection_lost(ConnectionResetError("reset by peer"))
    assert await connection.more() == [b"not all"]
    with pytest.raises(Truncated, match="reset by peer"):
        await connection.more()
