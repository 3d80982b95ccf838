"""An object that is being read over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator

from brigade.errors import StoreError, Truncated
from brigade.objects import ObjectInfo
from brigade.stores.http.base import HttpResponse


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
