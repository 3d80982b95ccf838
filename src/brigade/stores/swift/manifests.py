"""What large objects are made of: their manifests or listings, their parts, and why one cannot be read."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from brigade.clock import Clock
from brigade.errors import Corrupt, Rejected, StoreError
from brigade.objects import DYNAMIC, SEGMENTED
from brigade.stores.http.calls import Answer
from brigade.stores.swift.dynamic import MOST_SEGMENTS, DynamicCalls
from brigade.stores.swift.headers import is_dynamic, is_slo
from brigade.stores.swift.settings import DynamicObjects, SwiftSettings
from brigade.stores.together import for_each
from brigade.wire.swift import Segment, parse_manifest, whole_etag

_LOOKS_AT_ONCE = 8
# A manifest is read once for all parts of an object; these are the objects whose parts are read at the same time.
_REMEMBERED = 32


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a large object is made of; `raw` is the document as Swift gave it, nothing for one that has none."""

    segments: tuple[Segment, ...]
    etag: str
    raw: bytes

    @property
    def filled(self) -> tuple[Segment, ...]:
        """The segments that give something; one, where none does."""
        return tuple(segment for segment in self.segments if segment.size_bytes) or self.segments[:1]

    @property
    def size_bytes(self) -> int:
        """The size of the whole."""
        return sum(segment.size_bytes for segment in self.segments)


def manifest_of(segments: tuple[Segment, ...]) -> Manifest:
    """What stands for the manifest of a dynamic large object, under the ETag that Swift makes of its segments."""
    return Manifest(segments, DYNAMIC + whole_etag(segments), b"")


class ManifestCalls(DynamicCalls):
    """Reading manifests, and what stands for one."""

    def __init__(self, settings: SwiftSettings, clock: Clock) -> None:
        super().__init__(settings, clock)
        self._remembered: OrderedDict[tuple[str, str], Manifest] = OrderedDict()

    async def part_sizes(self, key: str, *, etag: str) -> list[int] | None:
        """The sizes of the segments of exactly this large object; None for an object that has none."""
        keeps_dynamic = self.settings.dlo is DynamicObjects.SEGMENTS and etag.startswith(DYNAMIC)
        if not (keeps_dynamic or etag.startswith(SEGMENTED)):
            return None
        manifest = await self._manifest_of("part_sizes", key, etag)
        return [segment.size_bytes for segment in manifest.filled] if manifest is not None else None

    async def read_manifest(self, key: str) -> bytes | None:
        """The manifest of a static large object as Swift gives it (JSON); None for any other object."""
        manifest = await self._read_manifest("read_manifest", key)
        return manifest.raw if manifest is not None else None

    async def _manifest_of(self, operation: str, key: str, etag: str | None) -> Manifest | None:
        """The manifest of the object with this ETag (None: of whatever is there). Raises `PreconditionFailed`."""
        if etag is not None and (known := self._remembered.get((key, etag))) is not None:
            self._remembered.move_to_end((key, etag))
            return known
        if etag is not None and etag.startswith(DYNAMIC):
            manifest = await self._list_dynamic(operation, key)
        else:
            manifest = await self._read_manifest(operation, key)
        if manifest is None:
            return None
        if etag not in (None, "*", manifest.etag):
            raise self._changed(operation, key, f"the object has the ETag {manifest.etag} and not {etag}")
        self._remembered[key, manifest.etag] = manifest
        while len(self._remembered) > 1 and not self._is_little_remembered():
            self._remembered.popitem(last=False)
        return manifest

    def _is_little_remembered(self) -> bool:
        segments = sum(len(each.segments) for each in self._remembered.values())
        return len(self._remembered) <= _REMEMBERED and segments <= MOST_SEGMENTS

    async def _list_dynamic(self, operation: str, key: str) -> Manifest | None:
        """What a dynamic large object is made of now; None for any other object."""
        answer = await self._call(operation, key, "HEAD")
        if not is_dynamic(answer.headers):
            return None
        segments = await self._listed_segments(operation, key, answer.headers)
        return manifest_of(segments)

    async def _read_manifest(self, operation: str, key: str, *, newest: bool = False) -> Manifest | None:
        """The manifest as it is now. Of an object that has none nothing is read. Raises `NotFound`."""
        headers = [("x-newest", "true")] if newest else []
        target = f"{self._path(key, operation)}?multipart-manifest=get"
        try:
            async with self.caller.send("GET", target, headers) as response:
                if response.status < 300 and not is_slo(response.headers):
                    return None
                answer = Answer(response.status, response.headers, await response.read())
        except StoreError as error:
            raise self.caller.placed(error, operation, key) from error.__cause__
        if answer.status >= 300:
            raise await self._refusal(operation, key, answer)
        try:
            segments = tuple(parse_manifest(answer.body))
        except ValueError as error:
            raise Corrupt(
                f"the manifest cannot be read: {error}", store=self.name, operation=operation, key=key
            ) from error
        return Manifest(segments, SEGMENTED + whole_etag(segments), answer.body)

    async def unreadable(self, key: str, answer: Answer) -> StoreError:
        """The error for a refused GET: where a large object is not whole, it names the segment."""
        error = await self._refusal("get", key, answer)
        if answer.status not in (409, 500):
            return error
        try:
            manifest = await self._read_manifest("get", key)
            reason = await self._missing_segment(manifest) if manifest is not None else ""
        except StoreError:
            return error
        if not reason and answer.status == 500:
            return error
        text = f"the static large object is not whole: {reason or 'a segment is missing or was changed'}"
        return Rejected(text, store=self.name, operation="get", key=key, status=answer.status)

    async def _missing_segment(self, manifest: Manifest) -> str:
        """The first segment that is not what its manifest says, in words."""
        reasons = await for_each(
            [each for each in manifest.segments if each.path], self._trouble, at_once=_LOOKS_AT_ONCE
        )
        return next((reason for reason in reasons if reason), "")

    async def _trouble(self, segment: Segment) -> str:
        container, _, name = segment.path.removeprefix("/").partition("/")
        answer = await self.caller.ask("get", None, "HEAD", self.caller.path(container, name, "get"))
        if answer.status == 404:
            return f"{segment.path} is missing"
        if answer.status >= 300:
            return f"{segment.path} cannot be looked at (HTTP status {answer.status})"
        if answer.headers.get("etag", "").strip('"') != segment.etag:
            return f"{segment.path} was changed"
        return ""
