"""Opening an object for reading: the answer's head is checked before a byte is handed out."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, NamedTuple

from brigade.objects import DYNAMIC, Checksum, ObjectInfo
from brigade.stores.base import ByteRange, Condition, ObjectReader
from brigade.stores.http.base import HttpResponse
from brigade.stores.http.calls import Answer
from brigade.stores.http.reader import CONTENT_RANGE, CountingReader, HeldExchange
from brigade.stores.swift.dynamic import JoinedReader, Piece
from brigade.stores.swift.headers import HeaderList, is_dynamic, match_value

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

    __slots__ = ("_is_dynamic", "_store", "_wanted")

    def __init__(self, store: ObjectCalls, wanted: Wanted) -> None:
        super().__init__()
        self._store = store
        self._wanted = wanted
        # A dynamic large object is read by its segments, never as Swift puts it together.
        self._is_dynamic = False

    async def __aenter__(self) -> ObjectReader:
        store = self._store
        wanted = self._wanted = await store.prepared(self._wanted)
        if not (wanted.condition.if_match or "").startswith(DYNAMIC):
            reader = await self._opened(store.caller, wanted.key, self._sent(), self._accepted)
            if not self._is_dynamic:
                return reader
            await self.__aexit__(None, None, None)
        info, pieces = await store.joined(wanted)
        return JoinedReader(info, pieces, self._open_piece, store.name)

    async def _sent(self) -> AbstractAsyncContextManager[HttpResponse]:
        store, wanted = self._store, self._wanted
        return store.caller.send("GET", store.path_of(wanted.key), wanted.headers())

    async def _open_piece(self, piece: Piece) -> CountingReader:
        """One piece after the other: the answer before has been read to its end."""
        await self.__aexit__(None, None, None)
        store, key = self._store, self._wanted.key

        async def accepted(response: HttpResponse) -> ObjectInfo:
            return await store.accepted_piece(key, piece, response)

        return await self._opened(store.caller, key, self._sent_for(piece), accepted)

    async def _sent_for(self, piece: Piece) -> AbstractAsyncContextManager[HttpResponse]:
        container, _, name = piece.segment.path.removeprefix("/").partition("/")
        headers = [("if-match", match_value(piece.segment.etag))]
        if not piece.is_whole:
            headers.append(("range", f"bytes={piece.first}-{piece.first + piece.length_bytes - 1}"))
        caller = self._store.caller
        return caller.send("GET", caller.path(container, name, "get"), headers)

    async def _accepted(self, response: HttpResponse) -> ObjectInfo:
        store, wanted = self._store, self._wanted
        if response.status >= 300:
            answer = Answer(response.status, response.headers, await response.read())
            raise await store.unreadable(wanted.key, answer)
        if is_dynamic(response.headers):
            self._is_dynamic = True
            return ObjectInfo(wanted.key, 0, None, 0)
        return store.accepted(wanted, response)
