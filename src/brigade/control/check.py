"""Use case: try out what a store really does, step by step, and clean up behind."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from brigade.clock import Clock
from brigade.errors import AccessDenied, BucketMissing, NotFound, PreconditionFailed, StoreError, Unsupported
from brigade.objects import Attributes
from brigade.stores.base import BytesBody, Condition, ListingOrder, Store

_CONTENT = b"Brigade was here and will clean up.\n"
_ATTRIBUTES = Attributes(
    content_type="text/x-brigade", cache_control="max-age=60", metadata={"brigade": "Check 1 %&", "utf8": "ü€"}
)
_TAGS = {"brigade": "check", "colour": "dark blue"}
# Told apart by these three: bytes, path components, or no order at all.
_ORDER_KEYS = ("a-b", "a/b", "a0")


class Verdict(StrEnum):
    """How a step ended: it works, the store does not have it, it is broken, or it was not tried."""

    OK = "ok"
    NO = "no"
    FAILED = "failed"
    SKIPPED = "skipped"


class Step(NamedTuple):
    """One thing that was tried."""

    name: str
    verdict: Verdict
    detail: str = ""


class _Missing(Exception):
    """The store answers, and does not do this."""


async def check_store(store: Store, clock: Clock, *, read_only: bool) -> AsyncIterator[Step]:
    """Every step with its result, in order. Writes only below a key of its own, and removes all of it.

    Nothing is raised for what a store refuses: that is what the steps tell.
    """
    trial = _Trial(store, f".brigade-check-{int(clock.random() * 2**40):010x}/")
    reached = True
    for step in await _opened(store):
        reached = reached and step.verdict is Verdict.OK
        yield step
    if not reached:
        return
    try:
        for name, attempt, writes in trial.steps():
            if writes and not store.capabilities.writable:
                yield Step(name, Verdict.SKIPPED, "a source only (versions: all)")
            elif writes and read_only:
                yield Step(name, Verdict.SKIPPED, "nothing is to be written")
            else:
                yield await _tried(name, attempt)
    finally:
        await trial.clean_up()


async def _opened(store: Store) -> list[Step]:
    try:
        await store.open()
    except AccessDenied as error:
        return [Step("reach", Verdict.OK), Step("sign", Verdict.FAILED, str(error))]
    except BucketMissing as error:
        return [Step("reach", Verdict.OK), Step("sign", Verdict.OK), Step("list", Verdict.FAILED, str(error))]
    except StoreError as error:
        return [Step("reach", Verdict.FAILED, str(error))]
    return [Step("reach", Verdict.OK, store.identity), Step("sign", Verdict.OK)]


async def _tried(name: str, attempt: Callable[[], Awaitable[str]]) -> Step:
    try:
        return Step(name, Verdict.OK, await attempt())
    except (_Missing, Unsupported) as missing:
        return Step(name, Verdict.NO, getattr(missing, "message", "") or str(missing))
    except StoreError as error:
        return Step(name, Verdict.FAILED, str(error))


@dataclass(slots=True)
class _Trial:
    """The attempts, on keys of their own."""

    store: Store
    prefix: str
    _written: set[str] = field(default_factory=set)

    def steps(self) -> list[tuple[str, Callable[[], Awaitable[str]], bool]]:
        """Name, attempt, and whether it writes."""
        return [
            ("list", self.list, False),
            ("write", self.write, True),
            ("read", self.read, True),
            ("metadata", self.metadata, True),
            ("tags", self.tags, True),
            ("multipart", self.multipart, True),
            ("part reads", self.part_reads, True),
            ("conditional writes", self.conditional_writes, True),
            ("delete", self.delete, True),
            ("byte-order listing", self.byte_order, True),
        ]

    async def list(self) -> str:
        page = await self.store.list_page(limit=1)
        return "" if page.entries else "nothing there"

    async def write(self) -> str:
        await self._put("object", _CONTENT)
        return f"below {self.prefix}"

    async def read(self) -> str:
        async with self.store.get(self.prefix + "object") as reader:
            if await reader.read() != _CONTENT:
                raise _Missing("other bytes came back than were written")
        return ""

    async def metadata(self) -> str:
        found = (await self.store.head(self.prefix + "object")).attributes
        if found is None or not found.metadata:
            raise _Missing("user metadata does not come back")
        if dict(found.metadata) != dict(_ATTRIBUTES.metadata):
            raise _Missing("user metadata comes back changed")
        if (found.content_type, found.cache_control) != (_ATTRIBUTES.content_type, _ATTRIBUTES.cache_control):
            raise _Missing("content headers come back changed")
        return ""

    async def tags(self) -> str:
        if not self.store.capabilities.tags:
            raise _Missing("not to be had here")
        await self.store.write_tags(self.prefix + "object", _TAGS)
        if await self.store.read_tags(self.prefix + "object") != _TAGS:
            raise _Missing("tags come back changed")
        return ""

    async def multipart(self) -> str:
        able = self.store.capabilities
        if not able.multipart:
            raise _Missing("not to be had here")
        key = self.prefix + "parts"
        upload_id = await self.store.create_multipart(key, attributes=_ATTRIBUTES)
        try:
            bodies = (bytes(able.min_part_bytes), b"end")
            parts = [await self.store.put_part(key, upload_id, n + 1, BytesBody(b)) for n, b in enumerate(bodies)]
            self._written.add(key)
            await self.store.complete_multipart(key, upload_id, parts)
        except StoreError:
            await self.store.abort_multipart(key, upload_id)
            raise
        return f"smallest part {able.min_part_bytes} bytes"

    async def part_reads(self) -> str:
        if not self.store.capabilities.part_reads:
            raise _Missing("the whole object comes back" if self.store.capabilities.multipart else "no multipart")
        async with self.store.get(self.prefix + "parts", part=2) as reader:
            if await reader.read() != b"end":
                raise _Missing("another part comes back")
        return ""

    async def conditional_writes(self) -> str:
        try:
            await self._put("object", _CONTENT, Condition(if_none_match="*"))
        except PreconditionFailed:
            return ""
        raise _Missing("If-None-Match is ignored")

    async def delete(self) -> str:
        answers = await self.store.delete([self.prefix + "object"])
        for error in answers.values():
            if error is not None:
                raise error
        try:
            await self.store.head(self.prefix + "object")
        except NotFound:
            return ""
        raise _Missing("the object is still there")

    async def byte_order(self) -> str:
        for key in _ORDER_KEYS:
            await self._put(key, b"x")
        page = await self.store.list_page(self.prefix)
        keys = [info.key.removeprefix(self.prefix) for info in page.entries]
        listed = tuple(key for key in keys if key in _ORDER_KEYS)
        if listed == _ORDER_KEYS:
            return ""
        declared = self.store.capabilities.listing_order
        if declared is ListingOrder.BYTES:
            raise _Missing(f"lists {', '.join(listed)}; set listing_order of this store to components or none")
        raise _Missing("listings are sorted here" if declared is ListingOrder.NONE else "by path components")

    async def clean_up(self) -> None:
        """Remove every key that was written, whatever became of the steps."""
        if self._written:
            await self.store.delete(sorted(self._written))

    async def _put(self, name: str, content: bytes, condition: Condition | None = None) -> None:
        key = self.prefix + name
        self._written.add(key)
        await self.store.put(key, BytesBody(content), attributes=_ATTRIBUTES, condition=condition or Condition())
