"""Opening an object for reading: one generation of it, with the attributes it has in that moment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from brigade.errors import PreconditionFailed, Rejected, SourceChanged
from brigade.objects import ObjectInfo
from brigade.stores.base import ByteRange, Condition
from brigade.stores.gcs.attributes import Resource
from brigade.stores.http.base import HttpResponse
from brigade.stores.http.reader import CONTENT_RANGE, CountingReader, HeldExchange

if TYPE_CHECKING:
    from brigade.stores.gcs.objects import ObjectCalls

# Before the server's word that it is another one is taken, the object is looked at so often.
_LOOKS = 3
# Without the word Google would decompress what is stored compressed.
_AS_STORED = ("accept-encoding", "gzip")


class Wanted(NamedTuple):
    """What a `get` asked for."""

    key: str
    byte_range: ByteRange | None
    condition: Condition
    version_id: str | None


class Opening(HeldExchange):
    """The context of one `get`.

    The content comes without the attributes, so they are taken from a resource: one that a listing told lately, or one
    asked for now. The download is bound to its generation and metageneration; a server that finds others answers 412,
    and the object is looked at again.
    """

    __slots__ = ("_store", "_wanted")

    def __init__(self, store: ObjectCalls, wanted: Wanted) -> None:
        super().__init__()
        self._store = store
        self._wanted = wanted

    async def __aenter__(self) -> CountingReader:
        store, wanted = self._store, self._wanted
        known = store.remembered(wanted.key) if wanted.version_id is None and store.binds_reads else None
        for _ in range(_LOOKS):
            now = known or await store.look("get", wanted.key, version_id=wanted.version_id)
            try:
                store.check_condition(wanted.condition, "get", wanted.key, now)
                return await self._open(now, from_memory=known is not None)
            except PreconditionFailed as error:
                store.forget(wanted.key)
                if known is None and error.status != 412:
                    raise
                known = None
        raise SourceChanged(
            "the object changes too often to be read", store=store.name, operation="get", key=wanted.key
        )

    async def _open(self, now: Resource, *, from_memory: bool) -> CountingReader:
        store, wanted = self._store, self._wanted
        caller = store.caller

        async def accepted(response: HttpResponse) -> ObjectInfo:
            if response.status >= 300:
                body = await response.read()
                raise await caller.refusal("get", wanted.key, response.status, response.headers, body)
            self._check_generation(now, response.headers, from_memory)
            return self._info(now, response)

        sent = caller.send("GET", caller.path(wanted.key), self._query(now), self._headers(now))
        reader = await self._opened(caller, wanted.key, sent, accepted)
        if wanted.version_id is None:
            store.remember(wanted.key, now)
        return reader

    def _query(self, now: Resource) -> list[tuple[str, str]]:
        if self._wanted.version_id is not None:
            return [("alt", "media"), ("generation", self._wanted.version_id)]
        query = [("alt", "media"), ("ifGenerationMatch", str(now.get("generation", "")))]
        if "metageneration" in now:
            query.append(("ifMetagenerationMatch", str(now["metageneration"])))
        return query

    def _headers(self, now: Resource) -> list[tuple[str, str]]:
        headers = [_AS_STORED] if now.get("contentEncoding") else []
        if self._wanted.byte_range is not None:
            first, length_bytes = self._wanted.byte_range
            headers.append(("range", f"bytes={first}-{first + length_bytes - 1}"))
        return headers

    def _check_generation(self, now: Resource, headers: Mapping[str, str], from_memory: bool) -> None:
        """The server's word that this is what was looked at, in case it does not heed preconditions."""
        for header, field in (("x-goog-generation", "generation"), ("x-goog-metageneration", "metageneration")):
            told = headers.get(header)
            if told is None and from_memory:
                # It does not say what it gives, so what was told before is no longer used.
                self._store.binds_reads = False
                raise self._another("the server does not say which generation it gives")
            if told is not None and field in now and told != str(now[field]):
                raise self._another(f"the server gives the {field} {told} and not {now[field]}")

    def _another(self, text: str) -> PreconditionFailed:
        error = self._store.changed("get", self._wanted.key, text)
        error.status = 412
        return error

    def _info(self, now: Resource, response: HttpResponse) -> ObjectInfo:
        wanted = self._wanted
        info = self._store.info("get", wanted.key, now, attributes=True)
        if wanted.byte_range is not None:
            first, length_bytes = wanted.byte_range
            bounds = CONTENT_RANGE(response.headers.get("content-range", ""))
            size_bytes = min(length_bytes, info.size_bytes - first)
            if bounds is None or (int(bounds[1]), int(bounds[2])) != (first, first + size_bytes - 1):
                raise self._refused("the server does not answer byte ranges as asked")
            info = info._replace(size_bytes=size_bytes, checksum=None)
        length = response.headers.get("content-length")
        if length is not None and int(length) != info.size_bytes:
            raise self._refused(f"the server gives {length} bytes of an object that has {info.size_bytes}")
        return info

    def _refused(self, text: str) -> Rejected:
        return self._store.rejected("get", self._wanted.key, text)
