"""An object that is being read over HTTP: how it is opened, read, and closed in any case."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from types import TracebackType

from brigade.errors import StoreError, Truncated
from brigade.objects import ObjectInfo
from brigade.stores.http.base import HttpResponse
from brigade.stores.http.calls import PlacingCaller

# RFC 9110, 14.4: first byte, last byte, and the length of the whole.
CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)").fullmatch


class CountingReader:
    """An open object; counts what comes against what was promised."""

    __slots__ = ("_response", "_store", "info")

    def __init__(self, info: ObjectInfo, response: HttpResponse, store: str) -> None:
        self.info = info
        self._response = response
        self._store = store

    async def chunks(self) -> AsyncIterator[bytes]:
        """The content, once."""
        missing = self.info.size_bytes
        try:
            async for chunk in self._response.chunks():
                missing -= len(chunk)
                if missing < 0:
                    break
                yield chunk
        except StoreError as error:
            raise self._placed(error) from error.__cause__
        if missing:
            raise self._wrong_length(self.info.size_bytes - missing)

    async def read(self) -> bytes:
        """The whole content."""
        try:
            data = await self._response.read()
        except StoreError as error:
            raise self._placed(error) from error.__cause__
        if len(data) != self.info.size_bytes:
            raise self._wrong_length(len(data))
        return data

    def _placed(self, error: StoreError) -> StoreError:
        error.store, error.operation, error.key = self._store, "get", self.info.key
        return error

    def _wrong_length(self, received: int) -> Truncated:
        text = f"{received} bytes came and {self.info.size_bytes} were promised"
        return Truncated(text, store=self._store, operation="get", key=self.info.key)


class HeldExchange:
    """What the contexts of a `get` share: the answer stays open until the context is left, or until it is not accepted."""

    __slots__ = ("_exchange",)

    def __init__(self) -> None:
        self._exchange: AbstractAsyncContextManager[HttpResponse] | None = None

    async def _opened(
        self,
        caller: PlacingCaller,
        key: str,
        sent: Awaitable[AbstractAsyncContextManager[HttpResponse]],
        accept: Callable[[HttpResponse], Awaitable[ObjectInfo]],
    ) -> CountingReader:
        """Open what was sent; `accept` tells of the object, and raises for an answer that is refused or not what was asked."""
        try:
            exchange = await sent
            response = await exchange.__aenter__()
        except StoreError as error:
            raise caller.placed(error, "get", key) from error.__cause__
        self._exchange = exchange
        try:
            return CountingReader(await accept(response), response, caller.store)
        except BaseException as error:
            await self.__aexit__(type(error), error, error.__traceback__)
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            await exchange.__aexit__(kind, error, trace)
