"""The way out to a client: content goes to its socket straight from the buffer it was received in."""

from __future__ import annotations

import os

from aiohttp import web

# Below this, joining two pieces costs less than a second write.
JOIN_LIMIT_BYTES = 64 * 1024


class Spout:
    """Takes the pieces of one answer; an answer False means that the client should be waited for first.

    What the kernel does not take at once is copied and left to the transport, which is also the way of everything
    that is encrypted. `pending` goes out before the next piece; `chunked` frames the pieces by HTTP's own chunks.
    """

    __slots__ = ("_chunked", "_descriptor", "_protocol", "_transport", "pending", "sent_bytes")

    def __init__(self, request: web.BaseRequest, pending: bytes, *, chunked: bool) -> None:
        transport = request.transport
        if transport is None:
            raise ConnectionResetError("the client is gone")
        self.pending = pending
        self.sent_bytes = 0
        self._chunked = chunked
        self._transport = transport
        self._protocol = request.protocol
        plain = transport.get_extra_info("sslcontext") is None
        socket = transport.get_extra_info("socket") if plain else None
        self._descriptor = -1 if socket is None else socket.fileno()

    def __call__(self, piece: bytes | memoryview) -> bool:
        if self._chunked:
            piece = b"".join((b"%x\r\n" % len(piece), piece, b"\r\n"))
        if self.pending:
            pending, self.pending = self.pending, b""
            if len(piece) <= JOIN_LIMIT_BYTES:
                piece = b"".join((pending, piece))
            else:
                self._write(pending)
        return self._write(piece)

    def finish(self) -> None:
        """Write what is left when the body has come to its end."""
        last = self.pending + b"0\r\n\r\n" if self._chunked else self.pending
        if last:
            self._write(last)

    def _write(self, piece: bytes | memoryview) -> bool:
        transport = self._transport
        # The descriptor is the transport's as long as that is not closing.
        if transport.is_closing():
            return False
        self.sent_bytes += len(piece)
        sent_bytes = 0
        if self._descriptor >= 0 and not transport.get_write_buffer_size():
            try:
                sent_bytes = os.write(self._descriptor, piece)
            except BlockingIOError:
                sent_bytes = 0
            except OSError:
                transport.abort()
                return False
        if sent_bytes < len(piece):
            transport.write(bytes(piece[sent_bytes:]))
        return not self._protocol.writing_paused
