"""`HttpClient` of our own: HTTP/1.1 on the event loop's transports, with nothing between the bytes and the caller."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from types import TracebackType

from brigade.errors import Corrupt, Truncated, Unavailable
from brigade.stores.base import Body, BytesBody
from brigade.stores.http.base import Sink
from brigade.stores.http.connection import Connection
from brigade.stores.http.heads import ResponseHead, request_head
from brigade.stores.http.pool import Pool

# Below this, copying head and body together is cheaper than a second buffer for the kernel.
JOIN_LIMIT_BYTES = 64 * 1024


class Client:
    """Sends requests to one origin over the connections of a pool."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def send(
        self, method: str, target: str, headers: Sequence[tuple[str, str]], body: bytes | Body | None = None
    ) -> AbstractAsyncContextManager[Response]:
        return _Exchange(self._pool, method, target, headers, body)

    async def close(self) -> None:
        await self._pool.close()


class Response:
    """An answer. Its connection goes back to the pool as soon as the last byte has come, not when it is left."""

    __slots__ = ("_connection", "_pieces", "_pool", "headers", "raw_head", "status")

    def __init__(self, pool: Pool, connection: Connection, head: ResponseHead) -> None:
        self.status = head.status
        self.headers: Mapping[str, str] = head.headers
        self.raw_head = head.raw
        self._pool = pool
        self._connection: Connection | None = connection
        self._pieces = connection.taken() if connection.complete else []
        if connection.complete:
            self._release()

    async def read(self) -> bytes:
        pieces = self._pieces
        while self._connection is not None:
            pieces += await self._more(self._connection)
        if len(pieces) != 1:
            self._pieces = pieces = [b"".join(pieces)]
        return pieces[0]

    async def chunks(self) -> AsyncIterator[bytes]:
        pieces, self._pieces = self._pieces, []
        for piece in pieces:
            yield piece
        while self._connection is not None:
            for piece in await self._more(self._connection):
                yield piece

    async def pour(self, sink: Sink) -> bool:
        while True:
            while self._pieces:
                if not sink(self._pieces.pop(0)):
                    return False
            connection = self._connection
            if connection is None:
                return True
            if not await connection.pour(sink):
                return False
            self._pieces = connection.taken()
            if connection.complete:
                self._release()

    def drop(self) -> None:
        """Give up what has not come yet."""
        if self._connection is not None:
            self._connection.abort()
            self._connection = None

    async def _more(self, connection: Connection) -> list[bytes]:
        pieces = await connection.more()
        if connection.complete:
            self._release()
        return pieces

    def _release(self) -> None:
        if self._connection is not None:
            self._pool.release(self._connection)
            self._connection = None


class _Exchange:
    __slots__ = ("_body", "_body_begun", "_headers", "_method", "_pool", "_response", "_target")

    def __init__(
        self, pool: Pool, method: str, target: str, headers: Sequence[tuple[str, str]], body: bytes | Body | None
    ) -> None:
        self._pool = pool
        self._method = method
        self._target = target
        self._headers = headers
        self._body = body.data if type(body) is BytesBody else body
        self._body_begun = False
        self._response: Response | None = None

    async def __aenter__(self) -> Response:
        connection = await self._pool.acquire()
        try:
            response = await self._attempt(connection)
        except Unavailable:
            if not connection.went_stale or not self._repeatable():
                raise
            response = await self._attempt(await self._pool.acquire(fresh=True))
        self._response = response
        return response

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._response is not None:
            self._response.drop()

    async def _attempt(self, connection: Connection) -> Response:
        try:
            connection.begin(self._method)
            body = self._body
            if body is None or isinstance(body, bytes):
                self._send_bytes(connection, body)
            else:
                await self._send_stream(connection, body)
            head = await connection.head()
        except BaseException:
            connection.abort()
            raise
        return Response(self._pool, connection, head)

    def _repeatable(self) -> bool:
        body = self._body
        return body is None or isinstance(body, bytes) or body.replayable or not self._body_begun

    def _send_bytes(self, connection: Connection, body: bytes | None) -> None:
        head = self._head(None if body is None else len(body))
        if not body:
            connection.write(head)
        elif len(body) <= JOIN_LIMIT_BYTES:
            connection.write(head + body)
        else:
            connection.write(head)
            connection.write(body)

    async def _send_stream(self, connection: Connection, body: Body) -> None:
        """Send head and body; stop where an answer comes before the end (the connection then serves no other request)."""
        unsent_bytes = size_bytes = body.size_bytes
        connection.write(self._head(size_bytes))
        self._body_begun = True
        chunks = body.chunks()
        try:
            async for chunk in chunks:
                unsent_bytes -= len(chunk)
                if unsent_bytes < 0:
                    raise Corrupt(f"the body has more than the {size_bytes} bytes it was said to have")
                connection.write(chunk)
                if not await connection.drain():
                    connection.cut_request_short()
                    return
        finally:
            if (close := getattr(chunks, "aclose", None)) is not None:
                await close()
        if unsent_bytes:
            raise Truncated(f"the body ended after {size_bytes - unsent_bytes} of {size_bytes} bytes")

    def _head(self, length_bytes: int | None) -> bytes:
        return request_head(self._method, self._target, self._headers, self._pool.host, length_bytes)
