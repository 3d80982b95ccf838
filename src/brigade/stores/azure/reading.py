"""Opening a blob for reading: the answer's head is checked before a byte is handed out."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from brigade.errors import Unavailable, Unsupported
from brigade.objects import ObjectInfo
from brigade.stores.base import ByteRange, Condition
from brigade.stores.http.base import HttpResponse
from brigade.stores.http.reader import CONTENT_RANGE, CountingReader, HeldExchange

if TYPE_CHECKING:
    from brigade.stores.azure.objects import ObjectCalls


class Wanted(NamedTuple):
    """What a `get` asked for."""

    key: str
    byte_range: ByteRange | None
    condition: Condition
    query: list[tuple[str, str]]
    headers: list[tuple[str, str]]


class Opening(HeldExchange):
    """The context of one `get`."""

    __slots__ = ("_store", "_wanted")

    def __init__(self, store: ObjectCalls, wanted: Wanted) -> None:
        super().__init__()
        self._store = store
        self._wanted = wanted

    async def __aenter__(self) -> CountingReader:
        wanted, caller = self._wanted, self._store.caller
        sent = caller.send("get", "GET", wanted.key, wanted.query, wanted.headers)
        return await self._opened(caller, wanted.key, sent, self._accepted)

    async def _accepted(self, response: HttpResponse) -> ObjectInfo:
        wanted, caller = self._wanted, self._store.caller
        if response.status >= 300:
            body = await response.read()
            raise caller.refusal("get", wanted.key, response.status, response.headers, body)
        return self._store.accepted(wanted, response)


def promised_bytes(wanted: Wanted, response: HttpResponse, store: str) -> int:
    """How long the body will be, if the answer is the range that was asked for."""
    bounds = CONTENT_RANGE(response.headers.get("content-range", ""))
    if wanted.byte_range is not None:
        first, length_bytes = wanted.byte_range
        if bounds is None or int(bounds[1]) != first or int(bounds[2]) - first + 1 > length_bytes:
            text = "the server does not answer byte ranges as asked"
            raise Unsupported(text, store=store, operation="get", key=wanted.key)
    if bounds is not None:
        return int(bounds[2]) - int(bounds[1]) + 1
    text = response.headers.get("content-length", "")
    if not text.isdigit():
        raise Unavailable("the answer does not say how long it is", store=store, operation="get", key=wanted.key)
    return int(text)


def described(info: ObjectInfo, wanted: Wanted) -> bool:
    """Whether this is the version that the condition names."""
    return wanted.condition.if_match in (None, "*", info.etag)
