"""A proxy on loopback that stands before a real S3 server, counts what passes, and makes chosen requests go wrong.

    async with FaultProxy(server.endpoint.url, ProxyFault("put", ProxyAction.RESET_REQUEST, call=3)) as proxy:
        ...                           # use proxy.url as the endpoint
    proxy.assert_all_fired()
    assert proxy.counts["head"] == 0

It speaks path-style HTTP/1.1 and passes the Host header on as it came, so signatures stay valid.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import struct
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from brigade.testing.proxy_http import (
    HEAD_LIMIT_BYTES,
    Head,
    Request,
    classify,
    end_of_body,
    framed,
    read_body,
    read_head,
)

_MOST_CONNECTIONS = 512
_MOST_REMEMBERED = 200_000


class ProxyAction(StrEnum):
    """What happens to a request.

    `RESPOND`: answered with `status` (and `retry_after`) and never forwarded. `DROP`: the connection ends at once.
    `HANG`: no answer. `RESET_REQUEST`: broken off after `after_bytes` of its body. `LOSE_ANSWER`: carried out, then
    broken off; `HOLD_ANSWER`: carried out, and the answer never comes. `DELAY` and
    `DELAY_ANSWER`: request or answer go on after `delay_seconds`. Of the answer: `RESET_RESPONSE` and `CUT_RESPONSE` end it after `after_bytes`, the first with a reset,
    the second quietly; `HANG_RESPONSE` stops there. `FLIP_REQUEST` and `FLIP_RESPONSE` change the byte at
    `after_bytes`. `MEANWHILE` and `MEANWHILE_REQUEST` call `meanwhile` at that byte and go on.
    `WRONG_LENGTH` declares `extra_bytes` more than come. `WRONG_ETAG` lies. `REWRITE` passes the whole answer through
    `rewrite`.
    """

    RESPOND = "respond"
    DROP = "drop"
    HANG = "hang"
    RESET_REQUEST = "reset-request"
    LOSE_ANSWER = "lose-answer"
    HOLD_ANSWER = "hold-answer"
    DELAY = "delay"
    DELAY_ANSWER = "delay-answer"
    RESET_RESPONSE = "reset-response"
    CUT_RESPONSE = "cut-response"
    HANG_RESPONSE = "hang-response"
    FLIP_REQUEST = "flip-request"
    FLIP_RESPONSE = "flip-response"
    WRONG_LENGTH = "wrong-length"
    WRONG_ETAG = "wrong-etag"
    REWRITE = "rewrite"
    MEANWHILE = "meanwhile"
    MEANWHILE_REQUEST = "meanwhile-request"


@dataclass(frozen=True, slots=True, eq=False)
class ProxyFault:
    """One fault: at the `number`-th request of `call` (`*`: any), for `times` requests.

    It counts those whose key contains `key` and whose path and query, as they are on the wire, contain `target`.
    """

    call: str
    action: ProxyAction
    number: int = 1
    times: int = 1
    key: str = ""
    target: str = ""
    after_bytes: int = 0
    delay_seconds: float = 0.5
    status: int = 500
    code: str = "InternalError"
    retry_after: str | None = None
    extra_bytes: int = 1000
    rewrite: Callable[[bytes], bytes] | None = None
    meanwhile: Callable[[], object] | None = None


class _Broken(Exception):
    """The fault wants the connection to the client to end here; `is_reset` says how."""

    def __init__(self, *, is_reset: bool) -> None:
        super().__init__()
        self.is_reset = is_reset


class FaultProxy:
    """Runs while its context is open. `counts` and `requests` tell what passed, faulty or not."""

    def __init__(self, upstream_url: str, *faults: ProxyFault) -> None:
        parts = urlsplit(upstream_url)
        self._upstream = (parts.hostname or "127.0.0.1", parts.port or 80)
        self.faults = list(faults)
        self.counts: Counter[str] = Counter()
        self.requests: deque[Request] = deque(maxlen=_MOST_REMEMBERED)
        self.fired: Counter[ProxyFault] = Counter()
        self._seen: Counter[ProxyFault] = Counter()
        self._connections: set[asyncio.Task[object]] = set()
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """The endpoint to use instead of the server's own."""
        assert self._server, "the proxy runs only inside its context"
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def add(self, *faults: ProxyFault) -> None:
        """More faults, from now on."""
        self.faults.extend(faults)

    def forget(self) -> None:
        """Start counting anew."""
        self.counts.clear()
        self.requests.clear()

    def assert_all_fired(self) -> None:
        """Raise unless each fault had its effect: a fault that never came tests nothing."""
        silent = [f"{fault.action} at {fault.call} {fault.number}" for fault in self.faults if not self.fired[fault]]
        if silent:
            raise AssertionError(f"faults that never fired: {', '.join(silent)}")

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=HEAD_LIMIT_BYTES)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server
        self._server.close()
        for task in self._connections:
            task.cancel()
        if self._connections:
            await asyncio.wait(self._connections)
        await self._server.wait_closed()

    def _take(self, request: Request) -> ProxyFault | None:
        taken = None
        for fault in self.faults:
            if fault.call in (request.call, "*") and fault.key in request.key and fault.target in request.target:
                self._seen[fault] += 1
                if taken is None and fault.number <= self._seen[fault] < fault.number + fault.times:
                    taken = fault
        return taken

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        if len(self._connections) >= _MOST_CONNECTIONS:
            writer.transport.abort()
            return
        self._connections.add(task)
        connection = _Connection(self, self._upstream, reader, writer)
        try:
            while await connection.exchange(self._take):
                pass
        except _Broken as broken:
            if broken.is_reset:
                _reset(writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            _reset(writer)
        except asyncio.CancelledError:
            # The proxy is closing; to end quietly is what it asked for.
            _reset(writer)
        finally:
            self._connections.discard(task)
            connection.close()


def _reset(writer: asyncio.StreamWriter) -> None:
    """End the connection with RST and not with FIN, as a crashed peer or a firewall does."""
    sock = writer.get_extra_info("socket")
    if sock is not None:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


class _Connection:
    """One client connection and its own connection to the server."""

    def __init__(
        self,
        proxy: FaultProxy,
        upstream: tuple[str, int],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._proxy = proxy
        self._address = upstream
        self._reader = reader
        self._writer = writer
        self._upstream: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    def close(self) -> None:
        self._writer.close()
        if self._upstream:
            self._upstream[1].close()

    async def exchange(self, take: Callable[[Request], ProxyFault | None]) -> bool:
        """Pass one request and its answer; False at the end of the connection."""
        head = await read_head(self._reader)
        if head is None:
            return False
        request = classify(head)
        self._proxy.counts[request.call] += 1
        self._proxy.requests.append(request)
        fault = take(request)
        if fault is not None and fault.action in (ProxyAction.DROP, ProxyAction.HANG, ProxyAction.RESPOND):
            return await self._instead(fault, head)
        if fault is not None and fault.action is ProxyAction.DELAY:
            self._fire(fault)
            await asyncio.sleep(fault.delay_seconds)
        await self._forward(head, fault)
        return await self._answer(request, fault)

    def _fire(self, fault: ProxyFault) -> None:
        self._proxy.fired[fault] += 1

    async def _instead(self, fault: ProxyFault, head: Head) -> bool:
        """Handle a request that the server never sees."""
        self._fire(fault)
        if fault.action is ProxyAction.DROP:
            raise _Broken(is_reset=False)
        await self._welcome_body(head)
        async for _ in read_body(head, self._reader, until_close=False):
            pass
        if fault.action is ProxyAction.HANG:
            await asyncio.Event().wait()
        body = f"<Error><Code>{fault.code}</Code><Message>scripted</Message></Error>".encode()
        answer = Head(f"HTTP/1.1 {fault.status} Scripted", [("content-type", "application/xml")])
        if fault.retry_after is not None:
            answer = answer.replaced("retry-after", fault.retry_after)
        if head.first_line.startswith("HEAD "):
            body = b""
        self._writer.write(answer.replaced("content-length", str(len(body))).encode() + body)
        await self._writer.drain()
        return True

    async def _welcome_body(self, head: Head) -> None:
        if (head.get("expect") or "").lower() == "100-continue":
            self._writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            await self._writer.drain()

    async def _forward(self, head: Head, fault: ProxyFault | None) -> None:
        if self._upstream is None:
            self._upstream = await asyncio.open_connection(*self._address, limit=HEAD_LIMIT_BYTES)
        writer = self._upstream[1]
        await self._welcome_body(head)
        head = head.replaced("expect", None)
        writer.write(head.encode())
        pieces = read_body(head, self._reader, until_close=False)
        try:
            async for piece in self._spoiled(
                fault, pieces, ProxyAction.FLIP_REQUEST, ProxyAction.RESET_REQUEST, ProxyAction.MEANWHILE_REQUEST
            ):
                writer.write(framed(head, piece))
                await writer.drain()
            writer.write(end_of_body(head))
            await writer.drain()
        except _Broken:
            _reset(writer)
            raise

    async def _answer(self, request: Request, fault: ProxyFault | None) -> bool:
        assert self._upstream
        reader = self._upstream[0]
        head = await read_head(reader)
        if head is None:
            raise _Broken(is_reset=False)
        status = head.first_line.split(" ", 2)[1]
        has_body = request.method != "HEAD" and status not in ("204", "304")
        if fault is not None and fault.action is ProxyAction.LOSE_ANSWER:
            self._fire(fault)
            raise _Broken(is_reset=True)
        if fault is not None and fault.action is ProxyAction.HOLD_ANSWER:
            self._fire(fault)
            await asyncio.Event().wait()
        if fault is not None and fault.action is ProxyAction.DELAY_ANSWER:
            self._fire(fault)
            await asyncio.sleep(fault.delay_seconds)
        pieces = read_body(head, reader, until_close=True) if has_body else _only(b"")
        head, pieces = await self._changed(head, fault, pieces)
        self._writer.write(head.encode())
        async for piece in self._spoiled(
            fault,
            pieces,
            ProxyAction.FLIP_RESPONSE,
            ProxyAction.RESET_RESPONSE,
            ProxyAction.CUT_RESPONSE,
            ProxyAction.HANG_RESPONSE,
            ProxyAction.MEANWHILE,
        ):
            self._writer.write(framed(head, piece))
            await self._writer.drain()
        self._writer.write(end_of_body(head) if has_body else b"")
        await self._writer.drain()
        if fault is not None and fault.action is ProxyAction.WRONG_LENGTH:
            raise _Broken(is_reset=False)
        return (head.get("connection") or "").lower() != "close"

    async def _changed(
        self, head: Head, fault: ProxyFault | None, pieces: AsyncIterator[bytes]
    ) -> tuple[Head, AsyncIterator[bytes]]:
        """The answer with a lie in its head, or with another body."""
        if fault is None:
            return head, pieces
        length = head.get("content-length")
        if fault.action is ProxyAction.WRONG_LENGTH and length is not None:
            self._fire(fault)
            return head.replaced("content-length", str(max(0, int(length) + fault.extra_bytes))), pieces
        if fault.action is ProxyAction.WRONG_ETAG and head.get("etag") is not None:
            self._fire(fault)
            return head.replaced("etag", f'"{"f" * 32}"'), pieces
        if fault.action is ProxyAction.REWRITE and fault.rewrite is not None:
            whole = b"".join([piece async for piece in pieces])
            body = fault.rewrite(whole)
            if body != whole:
                self._fire(fault)
            head = head.replaced("transfer-encoding", None).replaced("content-length", str(len(body)))
            return head, _only(body)
        return head, pieces

    async def _spoiled(
        self, fault: ProxyFault | None, pieces: AsyncIterator[bytes], flip: ProxyAction, *ends: ProxyAction
    ) -> AsyncIterator[bytes]:
        """The payload with the fault in it, at the byte where it belongs."""
        passed = 0
        async for piece in pieces:
            here = fault.after_bytes - passed if fault is not None else -1
            passed += len(piece)
            if fault is None or not 0 <= here < len(piece) or fault.action not in (flip, *ends):
                yield piece
                continue
            self._fire(fault)
            if fault.action is flip:
                yield piece[:here] + bytes([piece[here] ^ 1]) + piece[here + 1 :]
                continue
            if here:
                yield piece[:here]
            if fault.meanwhile is not None:
                fault.meanwhile()
                yield piece[here:]
                continue
            if fault.action is ProxyAction.HANG_RESPONSE:
                await asyncio.Event().wait()
            raise _Broken(is_reset=fault.action is not ProxyAction.CUT_RESPONSE)


async def _only(body: bytes) -> AsyncIterator[bytes]:
    if body:
        yield body


def cut_listing(keep: int) -> Callable[[bytes], bytes]:
    """A `rewrite` that keeps the first entries of a listing page and says, without a contradiction, that this was all."""

    def cut(body: bytes) -> bytes:
        entries = body.split(b"<Contents>")
        if len(entries) - 1 <= keep:
            return body
        tail = entries[-1].rpartition(b"</Contents>")[2]
        text = b"<Contents>".join(entries[: keep + 1]) + tail
        for name in (b"NextContinuationToken", b"NextMarker"):
            text = re.sub(rb"<%b>.*?</%b>" % (name, name), b"", text)
        text = re.sub(rb"<KeyCount>\d+<", b"<KeyCount>%d<" % keep, text)
        return text.replace(b"<IsTruncated>true<", b"<IsTruncated>false<")

    return cut
