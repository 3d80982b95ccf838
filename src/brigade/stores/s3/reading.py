"""Opening an object for reading: the answer's head is checked before a byte is handed out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from brigade.errors import Unavailable
from brigade.objects import ObjectInfo, multipart_count
from brigade.stores.base import ByteRange, Condition
from brigade.stores.http.base import HttpResponse
from brigade.stores.http.reader import CONTENT_RANGE, CountingReader, HeldExchange

if TYPE_CHECKING:
    from brigade.stores.s3.objects import ObjectCalls


class Wanted(NamedTuple):
    """What a `get` asked for."""

    key: str
    byte_range: ByteRange | None
    part: int | None
    condition: Condition
    query: str
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


def promised_bytes(headers: Mapping[str, str], store: str, key: str) -> int:
    """How long the body will be."""
    text = headers.get("content-length")
    if text is None:
        bounds = CONTENT_RANGE(headers.get("content-range", ""))
        if bounds is None:
            raise Unavailable("the answer does not say how long it is", store=store, operation="get", key=key)
        return int(bounds[2]) - int(bounds[1]) + 1
    return int(text)


def trouble_with(wanted: Wanted, response: HttpResponse, info: ObjectInfo) -> str:
    """Why an answer is not what was asked for: the server ignored the range or the part. Empty if it is."""
    bounds = CONTENT_RANGE(response.headers.get("content-range", ""))
    if wanted.byte_range is not None:
        first, length = wanted.byte_range
        right = bounds is not None and int(bounds[1]) == first and info.size_bytes <= length
        return "" if right else "the server does not answer byte ranges as asked"
    if wanted.part is not None:
        alone = wanted.part == 1 and multipart_count(info.etag) in (None, 1)
        right = alone or (info.parts_count is not None and response.status == 206)
        return "" if right else "the server does not read single parts"
    return ""
