"""The client against a scripted server: what it sends, what it hands out, when it uses a connection again."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from brigade.errors import Corrupt, NotFound, Rejected, Truncated, Unavailable
from brigade.stores.base import BytesBody

HOST = [("Host", "h")]


class Stream:
    """A body in pieces; `fail` is raised after them."""

    def __init__(self, pieces: list[bytes], *, size: int | None = None, replayable: bool = False) -> None:
        self.pieces = pieces
        self.size_bytes = sum(map(len, pieces)) if size is None else size
        self.replayable = replayable
        self.fail: Exception | None = None
        self.begun = 0
        self.given = 0
        self.closed = False

    async def chunks(self) -> AsyncIterator[bytes]:
        self.begun += 1
        try:
            for piece in self.pieces:
                self.given += 1
                yield piece
            if self.fail is not None:
                raise self.fail
        finally:
            self.closed = True


def echo(server_state: list[Any]) -> Callable[[Any], Any]:
    async def script(peer: Any) -> None:
        while True:
            request = await peer.request()
            server_state.append((peer.number, request))
            await peer.answer(request.body, headers="ETag: x\r\n")

    return script


@pytest.mark.parametrize(
    ("body", "sent"),
    [
        (None, b""),
        (b"", b""),
        (b"hello", b"hello"),
        (b"z" * 200_000, b"z" * 200_000),
        (BytesBody(b"hello"), b"hello"),
        (Stream([]), b""),
        (Stream([b"a" * 300_000, b"b", b"c" * 70_000]), b"a" * 300_000 + b"b" + b"c" * 70_000),
    ],
)
async def test_a_body_arrives_byte_for_byte_with_its_length(serve: Any, connect: Any, body: Any, sent: bytes) -> None:
    seen: list[Any] = []
    client = connect(await serve(echo(seen)))
    target = "/b//%2F/../.?uploads&x=%20+"
    async with client.send("PUT", target, [*HOST, ("x-a", "é")], body) as response:
        assert response.status == 200
        assert response.headers == {"etag": "x", "content-length": str(len(sent))}
        assert await response.read() == sent
    ((_, request),) = seen
    assert request.line == f"PUT {target} HTTP/1.1"
    assert request.headers == {"host": "h", "x-a": "é", "content-length": str(len(sent))}


async def test_one_connection_serves_one_request_after_another(serve: Any, connect: Any) -> None:
    seen: list[Any] = []
    client = connect(await serve(echo(seen)))
    for number in range(5):
        async with client.send("PUT", f"/{number}", HOST, b"x" * number) as response:
            assert await response.read() == b"x" * number
    assert [number for number, _ in seen] == [0] * 5


async def test_a_large_body_streams_in_pieces_both_ways(serve: Any, connect: Any) -> None:
    seen: list[Any] = []
    client = connect(await serve(echo(seen)))
    pieces = [bytes([n % 251]) * 100_000 for n in range(80)]
    async with client.send("PUT", "/", HOST, Stream(pieces)) as response:
        got = [piece async for piece in response.chunks()]
    assert b"".join(got) == b"".join(pieces)
    assert len(got) > 1
    async with client.send("PUT", "/", HOST, b"x") as response:
        await response.read()
    assert [number for number, _ in seen] == [0, 0]


async def test_an_answer_may_be_read_twice(serve: Any, connect: Any) -> None:
    client = connect(await serve(echo([])))
    async with client.send("PUT", "/", HOST, b"abc") as response:
        assert [await response.read(), await response.read()] == [b"abc", b"abc"]


async def test_a_small_answer_frees_its_connection_before_it_is_read(serve: Any, connect: Any) -> None:
    seen: list[Any] = []
    client = connect(await serve(echo(seen)), connections=1)
    async with client.send("PUT", "/1", HOST, b"one") as first, client.send("PUT", "/2", HOST, b"two") as second:
        assert [await first.read(), await second.read()] == [b"one", b"two"]


async def test_a_head_request_has_no_body_and_keeps_its_connection(serve: Any, connect: Any) -> None:
    async def script(peer: Any) -> None:
        while True:
            await peer.request()
            await peer.say(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n")

    server = await serve(script)
    client = connect(server)
    for _ in range(3):
        async with client.send("HEAD", "/", HOST) as response:
            assert response.headers["content-length"] == "99"
            assert await response.read() == b""
    assert server.connections == 1


async def test_a_body_left_early_drops_the_connection(serve: Any, connect: Any) -> None:
    gone = asyncio.Event()

    async def script(peer: Any) -> None:
        await peer.request()
        try:
            await peer.say(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
            while True:
                await peer.say(b"x" * 100_000)
        finally:
            gone.set()

    server = await serve(script)
    client = connect(server, connections=1)
    for number in (1, 2):
        async with client.send("GET", "/", HOST) as response:
            async for piece in response.chunks():
                assert piece
                break
        await asyncio.wait_for(gone.wait(), 30)
        gone.clear()
        assert server.connections == number


async def test_close_delimited_content_ends_with_the_connection(serve: Any, connect: Any) -> None:
    async def script(peer: Any) -> None:
        await peer.request()
        await peer.say(b"HTTP/1.1 200 OK\r\n\r\nto the")
        await asyncio.sleep(0.01)
        await peer.say(b" end")

    client = connect(await serve(script), connections=1)
    for _ in range(2):
        async with client.send("GET", "/", HOST) as response:
            assert await response.read() == b"to the end"


async def test_a_body_that_ends_early_is_truncated_and_its_beginning_was_handed_out(serve: Any, connect: Any) -> None:
    async def script(peer: Any) -> None:
        await peer.request()
        await peer.say(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegin")

    client = connect(await serve(script))
    got = []
    async with client.send("GET", "/", HOST) as response:
        with pytest.raises(Truncated, match="5 of 100"):
            async for piece in response.chunks():
                got.append(piece)  # noqa: PERF401  # what came before the error counts
    assert got == [b"begin"]


@pytest.mark.parametrize("reset", [False, True])
async def test_no_answer_on_a_fresh_connection_is_unavailable_and_not_sent_again(
    serve: Any, connect: Any, reset: bool
) -> None:
    async def script(peer: Any) -> None:
        await peer.request()
        if reset:
            peer.reset()

    server = await serve(script)
    client = connect(server)
    with pytest.raises(Unavailable):
        async with client.send("GET", "/", HOST):
            pass
    assert server.connections == 1


async def test_a_refused_connection_is_unavailable(serve: Any, connect: Any) -> None:
    server = await serve(echo([]))
    server.origin = "http://127.0.0.1:1"
    client = connect(server)
    for _ in range(10):
        with pytest.raises(Unavailable, match="no connection"):
            async with client.send("GET", "/", HOST):
                pass


async def test_a_body_shorter_or_longer_than_promised_fails_and_drops_the_connection(serve: Any, connect: Any) -> None:
    server = await serve(echo([]))
    client = connect(server, connections=1)
    with pytest.raises(Truncated, match="3 of 9"):
        async with client.send("PUT", "/", HOST, Stream([b"abc"], size=9)):
            pass
    with pytest.raises(Corrupt, match="more than the 2"):
        async with client.send("PUT", "/", HOST, Stream([b"abc"], size=2)):
            pass
    async with client.send("PUT", "/", HOST, b"ok") as response:
        assert await response.read() == b"ok"
    assert server.connections == 3


async def test_a_failing_body_raises_its_own_error_and_drops_the_connection(serve: Any, connect: Any) -> None:
    server = await serve(echo([]))
    client = connect(server, connections=1)
    body = Stream([b"abc"], size=9)
    body.fail = NotFound("gone meanwhile")
    with pytest.raises(NotFound, match="gone meanwhile"):
        async with client.send("PUT", "/", HOST, body):
            pass
    async with client.send("PUT", "/", HOST, b"ok") as response:
        assert await response.read() == b"ok"
    assert server.connections == 2


async def test_an_early_answer_stops_the_sending_and_drops_the_connection(serve: Any, connect: Any) -> None:
    done = asyncio.Event()

    async def script(peer: Any) -> None:
        await peer.head()
        await peer.answer(b"no", status="403 Forbidden")
        if not peer.number:
            await done.wait()

    server = await serve(script)
    client = connect(server, connections=1)
    body = Stream([b"x" * 1_000_000] * 100)
    async with client.send("PUT", "/", HOST, body) as response:
        assert response.status == 403
        assert await response.read() == b"no"
    assert body.given < 100
    assert body.closed
    done.set()
    async with client.send("PUT", "/", HOST, b"x") as response:
        assert response.status == 403
    assert server.connections == 2


async def test_a_connection_with_half_a_request_on_it_is_not_used_again(serve: Any, connect: Any) -> None:
    async def script(peer: Any) -> None:
        await peer.head()
        await peer.answer(b"no", status="403 Forbidden")
        await peer.reader.read()

    class Slow(Stream):
        async def chunks(self) -> AsyncIterator[bytes]:
            async for piece in super().chunks():
                yield piece
                await asyncio.sleep(0.02)

    server = await serve(script)
    client = connect(server, connections=1)
    for number in (1, 2):
        async with client.send("PUT", "/", HOST, Slow([b"x"] * 50)) as response:
            assert response.status == 403
        assert server.connections == number


async def test_an_interim_answer_is_skipped(serve: Any, connect: Any) -> None:
    async def script(peer: Any) -> None:
        await peer.request()
        await peer.say(b"HTTP/1.1 100 Continue\r\n\r\n")
        await asyncio.sleep(0.01)
        await peer.answer(b"ok")

    client = connect(await serve(script))
    async with client.send("PUT", "/", HOST, b"x") as response:
        assert (response.status, await response.read()) == (200, b"ok")


async def test_a_header_with_a_line_break_is_refused_and_costs_no_connection_for_good(serve: Any, connect: Any) -> None:
    client = connect(await serve(echo([])), connections=1)
    for _ in range(3):
        with pytest.raises(Rejected):
            async with client.send("PUT", "/", [*HOST, ("x-amz-meta-a", "1\r\nX-Evil: 2")], b"x"):
                pass
    async with client.send("PUT", "/", HOST, b"ok") as response:
        assert await response.read() == b"ok"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=test -addext subjectAltName=IP:127.0.0.1"
    subprocess.run([*command.split(), "-keyout", path, "-out", f"{path}.crt"], check=True, capture_output=True)
    path.write_bytes(path.read_bytes() + Path(f"{path}.crt").read_bytes())
    return path


async def test_tls_carries_large_bodies_and_keeps_the_connection(serve: Any, connect: Any, certificate: Path) -> None:
    seen: list[Any] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    client = connect(await serve(echo(seen), ssl=context), ssl=ssl.create_default_context(cafile=str(certificate)))
    pieces = [bytes([n]) * 100_000 for n in range(30)]
    for _ in range(2):
        async with client.send("PUT", "/", HOST, Stream(pieces)) as response:
            assert await response.read() == b"".join(pieces)
    assert [number for number, _ in seen] == [0, 0]


async def test_an_untrusted_certificate_is_refused_with_the_mend(serve: Any, connect: Any, certificate: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    client = connect(await serve(echo([]), ssl=context))
    with pytest.raises(Rejected, match="CA file"):
        async with client.send("GET", "/", HOST):
            pass
