"""The pool against a scripted server: bounds, turns, stale connections, time limits, cancelling, closing."""

from __future__ import annotations

import asyncio
import gc
import time
import warnings
from collections.abc import AsyncIterator
from typing import Any

import pytest

from brigade.errors import Unavailable
from brigade.stores.base import BytesBody
from brigade.stores.http import pool as pool_module
from brigade.stores.http.connection import Connection
from brigade.stores.http.pool import Pool

HOST = [("Host", "h")]


class OneWay:
    """A body that can be read once."""

    replayable = False

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.size_bytes = len(data)

    async def chunks(self) -> AsyncIterator[bytes]:
        yield self.data


class Again(OneWay):
    """A streamed body that can be read again."""

    replayable = True


async def get(client: Any, target: str = "/", body: Any = None) -> bytes:
    async with client.send("PUT" if body is not None else "GET", target, HOST, body) as response:
        return await response.read()


async def test_never_more_connections_than_the_bound_and_first_come_is_first_served(serve: Any, connect: Any) -> None:
    order: list[str] = []
    at_once = most = 0

    async def script(peer: Any) -> None:
        nonlocal at_once, most
        while True:
            request = await peer.request()
            at_once += 1
            most = max(most, at_once)
            order.append(request.line.split()[1])
            await asyncio.sleep(0.002)
            at_once -= 1
            await peer.answer(b"ok")

    server = await serve(script)
    client = connect(server, connections=2)
    await asyncio.gather(*(get(client, f"/{number}") for number in range(20)))
    assert most == 2
    assert server.connections == 2
    assert [abs(place - int(target[1:])) <= 1 for place, target in enumerate(order)] == [True] * 20


async def test_a_failed_connection_gives_its_place_to_the_next(serve: Any, connect: Any) -> None:
    async def script(peer: Any) -> None:
        await peer.request()
        if peer.number % 2:
            await peer.answer(b"ok")

    client = connect(await serve(script), connections=1)
    results = await asyncio.gather(*(get(client) for _ in range(10)), return_exceptions=True)
    assert sum(result == b"ok" for result in results) == 5
    assert sum(isinstance(result, Unavailable) for result in results) == 5


@pytest.mark.parametrize("body", [None, BytesBody(b"x"), b"x", Again(b"x"), OneWay(b"x")])
async def test_a_connection_closed_while_idle_is_not_used_again(serve: Any, connect: Any, body: Any) -> None:
    async def script(peer: Any) -> None:
        await peer.request()
        await peer.answer(b"ok")

    server = await serve(script)
    client = connect(server, connections=1)
    for number in range(1, 4):
        assert await get(client, body=body) == b"ok"
        await asyncio.sleep(0.01)
        assert server.connections == number


def closes_at_the_second_request(seen: list[Any]) -> Any:
    """The race: a kept-alive connection that the server closes just when the next request comes."""

    async def script(peer: Any) -> None:
        seen.append((peer.number, await peer.request()))
        await peer.answer(b"ok")
        if peer.number == 0:
            seen.append((peer.number, await peer.request()))
            return
        while True:
            seen.append((peer.number, await peer.request()))
            await peer.answer(b"ok")

    return script


@pytest.mark.parametrize("body", [None, BytesBody(b"x"), b"x", Again(b"x")])
async def test_a_request_on_a_stale_connection_is_sent_once_more_on_a_fresh_one(
    serve: Any, connect: Any, body: Any
) -> None:
    seen: list[Any] = []
    client = connect(await serve(closes_at_the_second_request(seen)), connections=1)
    assert await get(client, "/1", body) == b"ok"
    assert await get(client, "/2", body) == b"ok"
    assert [(number, request.line.split()[1]) for number, request in seen] == [(0, "/1"), (0, "/2"), (1, "/2")]
    assert seen[1][1] == seen[2][1]


async def test_a_body_that_cannot_be_read_again_is_not_sent_again(serve: Any, connect: Any) -> None:
    seen: list[Any] = []
    client = connect(await serve(closes_at_the_second_request(seen)), connections=1)
    assert await get(client, "/1") == b"ok"
    with pytest.raises(Unavailable, match="without an answer"):
        await get(client, "/2", OneWay(b"x"))
    assert len(seen) == 2


async def test_a_request_is_sent_again_only_once(serve: Any, connect: Any) -> None:
    lines: list[str] = []

    async def script(peer: Any) -> None:
        lines.append((await peer.request()).line)
        if peer.number == 0:
            await peer.answer(b"ok")
            lines.append((await peer.request()).line)

    client = connect(await serve(script), connections=1)
    await get(client)
    with pytest.raises(Unavailable):
        await get(client)
    assert len(lines) == 3


async def test_a_byte_of_an_answer_forbids_sending_again(serve: Any, connect: Any) -> None:
    lines: list[str] = []

    async def script(peer: Any) -> None:
        lines.append((await peer.request()).line)
        await peer.answer(b"ok")
        lines.append((await peer.request()).line)
        await peer.say(b"H")

    client = connect(await serve(script), connections=1)
    await get(client)
    with pytest.raises(Unavailable):
        await get(client)
    assert len(lines) == 2


async def test_all_stale_connections_of_a_restarted_server_do_no_harm(serve: Any, connect: Any) -> None:
    async def script(peer: Any) -> None:
        await peer.request()
        await asyncio.sleep(0.005)
        await peer.answer(b"ok")
        if peer.number < 4:
            await peer.request()
            return
        while True:
            await peer.request()
            await peer.answer(b"ok")

    client = connect(await serve(script), connections=4)
    assert await asyncio.gather(*(get(client) for _ in range(4))) == [b"ok"] * 4
    assert await asyncio.gather(*(get(client, body=b"x") for _ in range(12))) == [b"ok"] * 12


async def test_a_connection_idle_for_too_long_is_not_used_again(
    serve: Any, connect: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def script(peer: Any) -> None:
        while True:
            await peer.request()
            await peer.answer(b"ok")

    monkeypatch.setattr(pool_module, "MAX_IDLE_SECONDS", 0.02)
    server = await serve(script)
    client = connect(server, connections=1)
    for _ in range(2):
        await get(client)
        await asyncio.sleep(0.05)
    assert server.connections == 2


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"])
async def test_a_server_that_falls_silent_is_unavailable_after_the_idle_timeout(
    serve: Any, connect: Any, said: bytes
) -> None:
    async def script(peer: Any) -> None:
        await peer.request()
        await peer.say(said)
        await peer.reader.read()

    server = await serve(script)
    client = connect(server, idle=0.1, connections=1)
    begin = time.perf_counter()
    with pytest.raises(Unavailable, match=r"sent nothing for 0\.1 s"):
        await get(client)
    assert time.perf_counter() - begin > 0.05
    assert server.connections == 1


async def test_a_timeout_on_a_kept_alive_connection_is_not_sent_again(serve: Any, connect: Any) -> None:
    async def script(peer: Any) -> None:
        await peer.request()
        await peer.answer(b"ok")
        await peer.request()
        await peer.reader.read()

    server = await serve(script)
    client = connect(server, idle=0.1, connections=1)
    await get(client)
    with pytest.raises(Unavailable, match="sent nothing"):
        await get(client)
    assert server.connections == 1


async def test_a_server_that_stops_taking_a_body_is_unavailable_after_the_idle_timeout(
    serve: Any, connect: Any
) -> None:
    held = asyncio.Event()

    async def script(peer: Any) -> None:
        await peer.head()
        peer.writer.transport.pause_reading()
        await held.wait()

    client = connect(await serve(script), idle=0.1)
    for body in (b"x" * 30_000_000, OneWay(b"x" * 30_000_000)):
        with pytest.raises(Unavailable, match="sent nothing"):
            await get(client, body=body)
    held.set()


async def test_slow_is_not_silent(serve: Any, connect: Any) -> None:
    async def script(peer: Any) -> None:
        await peer.request()
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow"
        for position in range(0, len(answer), 5):
            await asyncio.sleep(0.2)
            await peer.say(answer[position : position + 5])

    client = connect(await serve(script), idle=1.0)
    assert await get(client) == b"slow"


async def test_a_slow_consumer_is_not_a_silent_server(serve: Any, connect: Any) -> None:
    async def script(peer: Any) -> None:
        await peer.request()
        await peer.answer(b"x" * 5_000_000)

    client = connect(await serve(script), idle=0.5)
    got = 0
    async with client.send("GET", "/", HOST) as response:
        await asyncio.sleep(0.8)
        async for piece in response.chunks():
            got += len(piece)
            if got < 1_000_000:
                await asyncio.sleep(0.6)
    assert got == 5_000_000


@pytest.mark.parametrize("when", ["head", "body", "sending"])
async def test_cancelling_drops_the_connection_and_frees_its_place(serve: Any, connect: Any, when: str) -> None:
    gone = asyncio.Event()

    async def script(peer: Any) -> None:
        request = await peer.head()
        if peer.number:
            await peer.answer(b"ok")
            return
        if when == "body":
            await peer.say(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
        if when == "sending":
            await asyncio.sleep(0.1)
        assert request.line
        while await peer.reader.read(1_000_000):
            pass
        gone.set()

    client = connect(await serve(script), connections=1)
    body = b"x" * 50_000_000 if when == "sending" else None
    task = asyncio.ensure_future(get(client, body=OneWay(body) if body else None))
    waiting = asyncio.ensure_future(get(client))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.wait_for(waiting, 30) == b"ok"


async def test_cancelling_those_who_wait_loses_no_place(serve: Any, connect: Any) -> None:
    async def script(peer: Any) -> None:
        while True:
            await peer.request()
            await asyncio.sleep(0.001)
            await peer.answer(b"ok")

    server = await serve(script)
    client = connect(server, connections=2)
    for delay in range(30):
        tasks = [asyncio.ensure_future(get(client)) for _ in range(8)]
        await asyncio.sleep(delay / 10_000)
        for task in tasks[::2]:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert results[1::2] == [b"ok"] * 4
        assert server.open_connections <= 4
    assert await asyncio.wait_for(asyncio.gather(*(get(client) for _ in range(20))), 30) == [b"ok"] * 20


async def answers_ok(peer: Any) -> None:
    while True:
        await peer.request()
        await peer.answer(b"ok")


async def use(connection: Connection) -> None:
    """One exchange, up to where the connection can be released."""
    connection.begin("GET")
    connection.write(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    assert (await connection.head()).status == 200
    assert await connection.more() == [b"ok"]


async def used(pool: Pool) -> Connection:
    """A connection that has served one exchange and is still lent out."""
    connection = await pool.acquire()
    await use(connection)
    return connection


@pytest.fixture
async def pool(serve: Any) -> AsyncIterator[Pool]:
    """A pool of one connection."""
    server = await serve(answers_ok)
    opened = Pool(server.origin, ssl_context=None, limit=1, connect_timeout_seconds=5, idle_timeout_seconds=5)
    yield opened
    await opened.close()


async def test_a_connection_handed_to_somebody_cancelled_goes_to_the_next(pool: Pool) -> None:
    connection = await used(pool)
    waiting = asyncio.ensure_future(pool.acquire())
    await asyncio.sleep(0)
    pool.release(connection)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await asyncio.wait_for(pool.acquire(), 30) is connection


async def test_a_place_handed_to_somebody_cancelled_goes_to_the_next(pool: Pool) -> None:
    connection = await used(pool)
    waiting = asyncio.ensure_future(pool.acquire())
    await asyncio.sleep(0)
    noticed = connection.on_lost
    assert noticed is not None

    def lost(which: Connection) -> None:
        noticed(which)
        waiting.cancel()

    connection.on_lost = lost
    connection.abort()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert (await asyncio.wait_for(pool.acquire(), 30)).alive


async def test_who_asks_for_a_fresh_connection_gets_one_that_was_never_used(pool: Pool) -> None:
    pool.release(await used(pool))
    fresh = await pool.acquire(fresh=True)
    assert not fresh.reused
    again = asyncio.ensure_future(pool.acquire(fresh=True))
    await asyncio.sleep(0)
    later = asyncio.ensure_future(pool.acquire())
    await use(fresh)
    pool.release(fresh)
    first = await asyncio.wait_for(again, 30)
    assert not first.reused
    assert not later.done()
    await use(first)
    pool.release(first)
    assert await asyncio.wait_for(later, 30) is first


async def test_closing_fails_what_waits_leaves_no_socket_and_no_warning(serve: Any, connect: Any) -> None:
    async def script(peer: Any) -> None:
        await peer.request()
        await peer.reader.read()

    server = await serve(script)
    client = connect(server, connections=2)
    tasks = [asyncio.ensure_future(get(client)) for _ in range(5)]
    await asyncio.sleep(0.05)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        await client.close()
        await client.close()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        gc.collect()
    assert all(isinstance(result, Unavailable) for result in results)
    await asyncio.sleep(0.02)
    assert server.open_connections == 0
    with pytest.raises(Unavailable, match="is closed"):
        await get(client)
