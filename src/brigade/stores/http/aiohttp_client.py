"""`HttpClient` on aiohttp: keeps aiohttp from touching what was signed, and translates its errors."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import TYPE_CHECKING

from brigade.errors import StoreError, Truncated, Unavailable
from brigade.stores.base import Body

if TYPE_CHECKING:
    import aiohttp

# What aiohttp would add on its own; a header that was not signed must not travel.
UNWANTED_HEADERS = ("Accept", "Accept-Encoding", "User-Agent", "Content-Type")
READ_BUFFER_BYTES = 256 * 1024
MAX_HEAD_BYTES = 64 * 1024


class AiohttpClient:
    """Sends requests to one origin over a bounded number of kept-alive connections."""

    def __init__(self, origin: str, session: aiohttp.ClientSession) -> None:
        self._origin = origin
        self._session = session

    def send(
        self, method: str, target: str, headers: Sequence[tuple[str, str]], body: bytes | Body | None = None
    ) -> AbstractAsyncContextManager[AiohttpResponse]:
        return _Exchange(self._session, self._origin, method, target, headers, body)

    async def close(self) -> None:
        await self._session.close()


class AiohttpResponse:
    """An answer of aiohttp in the words of `HttpResponse`."""

    def __init__(self, origin: str, response: aiohttp.ClientResponse) -> None:
        self._origin = origin
        self._response = response
        self.status = response.status
        self.headers: Mapping[str, str] = _joined_headers(response.raw_headers)

    async def read(self) -> bytes:
        try:
            return await self._response.read()
        except Exception as error:
            raise _translated(error, self._origin) from error

    async def chunks(self) -> AsyncIterator[bytes]:
        content = self._response.content
        while True:
            try:
                chunk = await content.readany()
            except Exception as error:
                raise _translated(error, self._origin) from error
            if not chunk:
                return
            yield chunk


class _Outgoing:
    """A body on its way, which remembers its own failure: aiohttp would report it as one of the connection."""

    def __init__(self, body: Body) -> None:
        self._body = body
        self.failure: BaseException | None = None

    async def chunks(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._body.chunks():
                yield chunk
        except BaseException as error:
            self.failure = error
            raise


class _Exchange:
    def __init__(
        self,
        session: aiohttp.ClientSession,
        origin: str,
        method: str,
        target: str,
        headers: Sequence[tuple[str, str]],
        body: bytes | Body | None,
    ) -> None:
        self._session = session
        self._origin = origin
        self._method = method
        self._target = target
        self._headers = list(headers)
        self._outgoing: _Outgoing | None = None
        self._data: bytes | AsyncIterator[bytes] | None = None
        self._response: aiohttp.ClientResponse | None = None
        if isinstance(body, bytes) or body is None:
            self._data = body or None
        else:
            self._headers.append(("Content-Length", str(body.size_bytes)))
            self._outgoing = _Outgoing(body)
            self._data = self._outgoing.chunks()

    async def __aenter__(self) -> AiohttpResponse:
        from yarl import URL

        url = URL(self._origin + self._target, encoded=True)
        try:
            self._response = await self._session.request(
                self._method, url, headers=self._headers, data=self._data, allow_redirects=False
            )
        except Exception as error:
            if self._outgoing is not None and isinstance(self._outgoing.failure, Exception):
                raise self._outgoing.failure from None
            raise _translated(error, self._origin) from error
        return AiohttpResponse(self._origin, self._response)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._response is None:
            return
        if self._response.content.at_eof():
            self._response.release()
        else:
            self._response.close()


def open_aiohttp(
    origin: str,
    *,
    ssl_context: ssl.SSLContext | None,
    connections: int,
    connect_timeout_seconds: float,
    idle_timeout_seconds: float,
) -> AiohttpClient:
    """A client of `origin`; call it inside a running event loop."""
    import aiohttp

    connector = aiohttp.TCPConnector(
        limit=connections, limit_per_host=connections, ssl=ssl_context if ssl_context is not None else True
    )
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=connect_timeout_seconds, sock_read=idle_timeout_seconds)
    session = aiohttp.ClientSession(
        connector=connector,
        timeout=timeout,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        skip_auto_headers=UNWANTED_HEADERS,
        read_bufsize=READ_BUFFER_BYTES,
        max_line_size=MAX_HEAD_BYTES,
        max_field_size=MAX_HEAD_BYTES,
    )
    return AiohttpClient(origin, session)


def _joined_headers(raw: Sequence[tuple[bytes, bytes]]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for raw_name, raw_value in raw:
        name = raw_name.decode("latin-1").lower()
        value = raw_value.decode("utf-8", "surrogateescape")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _translated(error: Exception, origin: str) -> Exception:
    """The error of this house for one of aiohttp or the operating system; any other is a bug and stays."""
    import aiohttp

    if isinstance(error, StoreError):
        return error
    if isinstance(error, aiohttp.ClientPayloadError):
        return Truncated(f"the answer of {origin} ended early: {error}")
    if isinstance(error, TimeoutError):
        return Unavailable(f"{origin} did not answer in time: {error or 'timeout'}")
    if isinstance(error, (aiohttp.ClientError, OSError)):
        return Unavailable(f"the connection to {origin} failed: {error or type(error).__name__}")
    return error
