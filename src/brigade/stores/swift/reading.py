"""Opening an object for reading: the answer's head is checked before a byte is handed out."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, NamedTuple

from brigade.objects import Checksum, ObjectInfo
from brigade.stores.base import ByteRange, Condition
from brigade.stores.http.base import HttpResponse
from brigade.stores.http.calls import Answer
from brigade.stores.http.reader import CONTENT_RANGE, CountingReader, HeldExchange
from brigade.stores.swift.headers import HeaderList, match_value

if TYPE_CHECKING:
    from brigade.stores.swift.objects import ObjectCalls


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
        bounds = CONTENT_RANGE(response.headers.get("content-range", ""))
        return (
            bounds is not None
            and int(bounds[1]) == self.byte_range.first
            and size_bytes <= self.byte_range.length_bytes
        )


class Opening(HeldExchange):
    """The context of one `get`."""

    __slots__ = ("_store", "_wanted")

    def __init__(self, store: ObjectCalls, wanted: Wanted) -> None:
        super().__init__()
        self._store = store
        self._wanted = wanted

    async def __aenter__(self) -> CountingReader:
        self._wanted = await self._store.prepared(self._wanted)
        return await self._opened(self._store.caller, self._wanted.key, self._sent(), self._accepted)

    async def _sent(self) -> AbstractAsyncContextManager[HttpResponse]:
        store, wanted = self._store, self._wanted
        return store.caller.send("GET", store.path_of(wanted.key), wanted.headers())

    async def _accepted(self, response: HttpResponse) -> ObjectInfo:
        store, wanted = self._store, self._wanted
        if response.status >= 300:
            answer = Answer(response.status, response.headers, await response.read())
            raise await store.unreadable(wanted.key, answer)
        return store.accepted(wanted, response)
