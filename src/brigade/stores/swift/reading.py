"""Opening an object for reading: the answer's head is checked before a byte is handed out."""

from __future__ import annotations

import re
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple

from brigade.errors import StoreError
from brigade.objects import Checksum
from brigade.stores.base import ByteRange, Condition
from brigade.stores.http.base import HttpResponse
from brigade.stores.http.reader import CountingReader
from brigade.stores.swift.caller import Answer
from brigade.stores.swift.headers import HeaderList, match_value

if TYPE_CHECKING:
    from brigade.stores.swift.objects import ObjectCalls

_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)").fullmatch


class Wanted(NamedTuple):
    """What a `get` asked for; `checksum` is that of the part, where its manifest tells one."""

    key: str
    byte_range: ByteRange | None
    part: int | None
    condition: Condition
    checksum: Checksum | None = None

    def headers(self) -> HeaderList:
        """The headers of the request."""
        headers = []
        if self.condition.if_match is not None:
            headers.append(("if-match", match_value(self.condition.if_match)))
        if self.condition.if_none_match is not None:
            headers.append(("if-none-match", match_value(self.condition.if_none_match)))
        if self.byte_range is not None:
            first, length_bytes = self.byte_range
            headers.append(("range", f"bytes={first}-{first + length_bytes - 1}"))
        return headers

    def is_answered(self, response: HttpResponse, size_bytes: int) -> bool:
        """False where the server did not give the range that was asked for."""
        if self.byte_range is None:
            return True
        bounds = _CONTENT_RANGE(response.headers.get("content-range", ""))
        return (
            bounds is not None
            and int(bounds[1]) == self.byte_range.first
            and size_bytes <= self.byte_range.length_bytes
        )


class Opening:
    """The context of one `get`."""

    __slots__ = ("_exchange", "_store", "_wanted")

    def __init__(self, store: ObjectCalls, wanted: Wanted) -> None:
        self._store = store
        self._wanted = wanted
        self._exchange: AbstractAsyncContextManager[HttpResponse] | None = None

    async def __aenter__(self) -> CountingReader:
        store = self._store
        wanted = await store.prepared(self._wanted)
        try:
            exchange = store.caller.send("GET", store.path_of(wanted.key), wanted.headers())
            response = await exchange.__aenter__()
        except StoreError as error:
            raise store.caller.placed(error, "get", wanted.key) from error.__cause__
        self._exchange = exchange
        try:
            if response.status >= 300:
                answer = Answer(response.status, response.headers, await response.read())
                raise await store.unreadable(wanted.key, answer)
            return CountingReader(store.accepted(wanted, response), response, store.name)
        except BaseException as error:
            await exchange.__aexit__(type(error), error, error.__traceback__)
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._exchange is not None:
            await self._exchange.__aexit__(kind, error, trace)
