"""Answers to clients: a store's own, byte for byte as far as HTTP lets one, or a document of the gateway's."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from brigade.errors import StoreError
from brigade.gateway.account import Account
from brigade.gateway.spout import Spout
from brigade.stores.http.base import HttpResponse
from brigade.wire.s3faults import Fault, fault_document

_DROPPED = frozenset(
    (b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade")
)
_BODYLESS = (204, 304)


class Sent(web.StreamResponse):
    """An answer that is on the wire already: aiohttp has nothing more to do than to keep or close the connection.

    `whole`: the store's answer came to its end.
    """

    def __init__(self, *, keep: bool, whole: bool = True) -> None:
        super().__init__()
        self._keep_alive = keep
        self.whole = whole

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:  # noqa: ARG002
        """Nothing is left to prepare."""
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        """Nothing is left to write."""


class Outflow:
    """Writes one answer to a client. A client that takes nothing for too long is dropped."""

    def __init__(self, request: web.BaseRequest, idle_timeout_seconds: float, account: Account) -> None:
        self._request = request
        self._account = account
        self._idle_timeout_seconds = idle_timeout_seconds
        # Leave to send that was asked for and not given: the body will never come, so the connection is of no use.
        self.body_withheld = False
        self.begun = False

    async def relay(self, response: HttpResponse) -> Sent:
        """Pass an answer on. If the store fails amid the body, the client's connection is cut, as the store's was."""
        chunked = "transfer-encoding" in response.headers or "content-length" not in response.headers
        chunked = chunked and self._request.method != "HEAD" and response.status not in _BODYLESS
        is_old = self._request.version < (1, 1)
        keep = self._keeps() and not (chunked and is_old)
        chunked = chunked and not is_old
        spout = Spout(
            self._request, _head(response.raw_head, chunked=chunked, keep=keep, is_old=is_old), chunked=chunked
        )
        self.begun = True
        self._account.status = response.status
        try:
            while not await response.pour(spout):
                await self._drain()
            spout.finish()
        except StoreError:
            self.cut()
            return Sent(keep=False, whole=False)
        finally:
            self._account.sent_bytes += spout.sent_bytes
        await self._drain()
        return Sent(keep=keep)

    async def answer(self, status: int, reason: str, headers: list[tuple[str, str]], body: bytes) -> Sent:
        """An answer of the gateway's own."""
        keep = self._keeps()
        lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in headers)]
        lines.append(f"Content-Length: {len(body)}")
        if not keep:
            lines.append("Connection: close")
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape")
        self.begun = True
        self._account.status = status
        await self._send(head if self._request.method == "HEAD" else head + body)
        return Sent(keep=keep)

    async def refuse(self, fault: Fault, resource: str, request_id: str) -> Sent:
        """The document of a refusal; where an answer has begun already, the connection is cut."""
        if self.begun:
            self.cut()
            return Sent(keep=False, whole=False)
        headers = [("Content-Type", "application/xml"), ("x-amz-request-id", request_id), ("Server", "brigade")]
        if fault.status == 503:
            headers.append(("Retry-After", "1"))
        reason = HTTPStatus(fault.status).phrase
        return await self.answer(fault.status, reason, headers, fault_document(fault, resource, request_id))

    def allow_body(self) -> None:
        """Give leave to send, where the client waits for it."""
        self.body_withheld = False
        self._write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def cut(self) -> None:
        """Drop the connection, so that nobody takes half an answer for a whole one."""
        self._account.status = 0
        if self._request.transport is not None:
            self._request.transport.abort()

    def _keeps(self) -> bool:
        return self._request.keep_alive and not self.body_withheld

    def _write(self, data: bytes) -> None:
        transport = self._request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the client is gone")
        transport.write(data)
        self._account.sent_bytes += len(data)

    async def _send(self, data: bytes) -> None:
        self._write(data)
        await self._drain()

    async def _drain(self) -> None:
        """Wait until the client has taken enough. Raises ConnectionError if it is gone or takes nothing for too long."""
        transport = self._request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the client is gone")
        if self._request.protocol.writing_paused:
            try:
                async with asyncio.timeout(self._idle_timeout_seconds):
                    await self._request.writer.drain()
            except TimeoutError:
                self.cut()
                raise ConnectionResetError("the client takes nothing") from None


def _head(raw: bytes, *, chunked: bool, keep: bool, is_old: bool) -> bytes:
    """The head of a store's answer with the framing and connection of ours."""
    lines = raw.split(b"\r\n")
    kept = [lines[0] if lines[0].startswith(b"HTTP/1.1") else b"HTTP/1.1" + lines[0][8:]]
    for line in lines[1:]:
        name = line.partition(b":")[0].lower()
        if name not in _DROPPED and not (chunked and name == b"content-length"):
            kept.append(line)
    if chunked:
        kept.append(b"Transfer-Encoding: chunked")
    if not keep:
        kept.append(b"Connection: close")
    elif is_old:
        kept.append(b"Connection: keep-alive")
    return b"\r\n".join(kept) + b"\r\n\r\n"
