"""Opening an object for reading: the answer's head is checked before a byte is handed out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple

from brigade.errors import StoreError, Unavailable
from brigade.objects import ObjectInfo, multipart_count
from brigade.stores.base import ByteRange, Condition
from brigade.stores.http.base import HttpResponse
from brigade.stores.http.reader import CountingReader

if TYPE_CHECKING:
    from brigade.stores.s3.objects import ObjectCalls

_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)").fullmatch


class Wanted(NamedTuple):
    """What a `get` asked for."""

    key: str
    byte_range: ByteRange | None
    part: int | None
    condition: Condition
    query: str
    headers: list[tuple[str, str]]


class Opening:
    """The context of one `get`."""

    __slots__ = ("_exchange", "_store", "_wanted")

    def __init__(self, store: ObjectCalls, wanted: Wanted) -> None:
        self._store = store
        self._wanted = wanted
        self._exchange: AbstractAsyncContextManager[HttpResponse] | None = None

    async def __aenter__(self) -> CountingReader:
        wanted, caller = self._wanted, self._store.caller
        try:
            exchange = await caller.send("get", "GET", wanted.key, wanted.query, wanted.headers)
            response = await exchange.__aenter__()
        except StoreError as error:
            raise caller.placed(error, "get", wanted.key) from error.__cause__
        self._exchange = exchange
        try:
            if response.status >= 300:
                body = await response.read()
                raise caller.refusal("get", wanted.key, response.status, response.headers, body)
            return CountingReader(self._store.accepted(wanted, response), response, caller.store)
        except BaseException as error:
            await exchange.__aexit__(type(error), error, error.__traceback__)
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._exchange is not None:
            await self._exchange.__aexit__(kind, error, trace)


def promised_bytes(headers: Mapping[str, str], store: str, key: str) -> int:
    """How long the body will be."""
    text = headers.get("content-length")
    if text is None:
        bounds = _CONTENT_RANGE(headers.get("content-range", ""))
        if bounds is None:
            raise Unavailable("the answer does not say how long it is", store=store, operation="get", key=key)
        return int(bounds[2]) - int(bounds[1]) + 1
    return int(text)


def trouble_with(wanted: Wanted, response: HttpResponse, info: ObjectInfo) -> str:
    """Why an answer is not what was asked for: the server ignored the range or the part. Empty if it is."""
    bounds = _CONTENT_RANGE(response.headers.get("content-range", ""))
    if wanted.byte_range is not None:
        first, length = wanted.byte_range
        right = bounds is not None and int(bounds[1]) == first and info.size_bytes <= length
        return "" if right else "the server does not answer byte ranges as asked"
    if wanted.part is not None:
        alone = wanted.part == 1 and multipart_count(info.etag) in (None, 1)
        right = alone or (info.parts_count is not None and response.status == 206)
        return "" if right else "the server does not read single parts"
    return ""
