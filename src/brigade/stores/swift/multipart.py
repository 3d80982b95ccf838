"""Uploads in parts: each part is a segment, and the manifest that makes them one object comes last."""

from __future__ import annotations

from collections.abc import Sequence

from brigade.errors import BucketMissing, Corrupt, NotFound, PreconditionFailed, Unavailable
from brigade.objects import SEGMENTED, Attributes, Checksum, MultipartInfo, ObjectInfo, PartInfo
from brigade.stores.base import ALWAYS, Body, Condition
from brigade.stores.swift.bulk import SINGLE_DELETES_AT_ONCE
from brigade.stores.swift.headers import NO_CONTENT_TYPE, HeaderList
from brigade.stores.swift.objects import OVERTAKEN, ObjectCalls
from brigade.stores.swift.uploads import (
    MARKS,
    folder_name,
    is_upload_id,
    long_folder,
    mark_name,
    new_upload_id,
    parse_segment_name,
    read_mark,
    segment_name,
    write_mark,
)
from brigade.stores.together import for_each
from brigade.wire.swift import Segment, build_manifest, parse_manifest, whole_etag

_MANIFEST_QUERY = "multipart-manifest=put&heartbeat=on"


class MultipartCalls(ObjectCalls):
    """The calls of a multipart upload, from its beginning to its end."""

    async def create_multipart(self, key: str, *, attributes: Attributes) -> str:
        """Begin an upload: its mark keeps the attributes until the manifest is written."""
        if not self._capabilities.multipart:
            raise self._lacks("static large objects in this cluster", "create_multipart", key)
        self._check_key(key, "create_multipart")
        self._attribute_headers(attributes, "create_multipart", key)
        upload_id = new_upload_id(self._clock.now_ns(), self._clock.random())
        path = self._segment_path(mark_name(self._base(key), upload_id), "create_multipart")
        data = write_mark(key, attributes)
        headers = [("content-type", "application/json")]
        answer = await self.caller.ask("create_multipart", key, "PUT", path, headers, data)
        if answer.status == 404:
            await self._create_segments_container()
            answer = await self.caller.ask("create_multipart", key, "PUT", path, headers, data)
        if answer.status >= 300:
            raise self._write_refusal("create_multipart", key, answer)
        self._has_segments = True
        return upload_id

    async def _create_segments_container(self) -> None:
        """The container for segments, of the same policy; never one for a container that is not there."""
        own = await self.caller.call("create_multipart", None, "HEAD", self._path(None, "create_multipart"))
        policy = own.headers.get("x-storage-policy") or self._policy
        headers = [("x-storage-policy", policy)] if policy else []
        path = self._segment_path(None, "create_multipart")
        await self.caller.call("create_multipart", None, "PUT", path, headers)

    async def put_part(
        self, key: str, upload_id: str, number: int, body: Body, *, expect: Checksum | None = None
    ) -> PartInfo:
        """Write one segment, checked against its MD5."""
        await self._require_open("put_part", key, upload_id)
        path = self._segment_path(segment_name(self._base(key), upload_id, number), "put_part")
        headers = [("content-type", NO_CONTENT_TYPE)]
        etag = await self._send_content("put_part", key, path, body, headers, expect)
        return PartInfo(number, body.size_bytes, etag)

    async def _require_open(self, operation: str, key: str, upload_id: str) -> None:
        if not is_upload_id(upload_id) or not await self._is_open(key, upload_id):
            raise NotFound(
                "there is no such upload",
                store=self.name,
                operation=operation,
                key=key,
                hint="it was completed or aborted",
            )

    async def list_parts(self, key: str, upload_id: str) -> list[PartInfo]:
        """All parts that the upload has so far."""
        await self._require_open("list_parts", key, upload_id)
        base = self._base(key)
        found = await self._segment_pages("list_parts", folder_name(base, upload_id))
        parts = []
        for info in found.entries:
            parsed = parse_segment_name(info.key)
            if parsed is not None and parsed.base == base:
                parts.append(PartInfo(parsed.number, info.size_bytes, info.etag or ""))
        return parts

    async def complete_multipart(
        self, key: str, upload_id: str, parts: Sequence[PartInfo], *, condition: Condition = ALWAYS
    ) -> ObjectInfo:
        """Write the manifest: that makes the object visible. Then its mark goes, and what it replaced."""
        attributes = await self._attributes_of(key, upload_id)
        base, place = self._base(key), f"/{self.settings.segments}/"
        segments = [
            Segment(place + segment_name(base, upload_id, part.number), part.size_bytes, part.etag)
            for part in sorted(parts)
        ]
        headers = self._attribute_headers(attributes, "complete_multipart", key)
        headers += await self._write_condition(condition, "complete_multipart", key)
        etag = await self._put_manifest("complete_multipart", key, segments, headers)
        await self._drop_mark(key, upload_id)
        await self._sweep(key)
        size_bytes = sum(segment.size_bytes for segment in segments)
        return ObjectInfo(key, size_bytes, etag, 0, parts_count=len(segments))

    async def _attributes_of(self, key: str, upload_id: str) -> Attributes:
        await self._require_open("complete_multipart", key, upload_id)
        path = self._segment_path(mark_name(self._base(key), upload_id), "complete_multipart")
        answer = await self.caller.call("complete_multipart", key, "GET", path)
        try:
            return read_mark(answer.body)[1]
        except ValueError as error:
            raise Corrupt(str(error), store=self.name, operation="complete_multipart", key=key) from error

    async def _put_manifest(self, operation: str, key: str, segments: Sequence[Segment], headers: HeaderList) -> str:
        """Write a manifest; Swift holds each segment to its size and ETag, and the whole to the ETag that they give.

        With many segments this takes a while; the heartbeat keeps the connection from looking dead.
        """
        etag = whole_etag(segments)
        target = f"{self._path(key, operation)}?{_MANIFEST_QUERY}"
        sent = [*headers, ("etag", etag), ("accept", "application/json")]
        answer = await self.caller.ask(operation, key, "PUT", target, sent, build_manifest(segments))
        if answer.status >= 300:
            raise self._write_refusal(operation, key, answer)
        status, told = answer.status, answer.headers.get("etag", "").strip('"')
        if not told:
            # With a heartbeat the answer begins before the work does, and ends with how that went.
            outcome = self._outcome(answer, operation, key)
            status, told = outcome.status, outcome.etag
            if status >= 300:
                said = ", ".join(f"{path}: {words}" for path, words in outcome.failed) or outcome.words
                raise self._failed(operation, key, f"{status} {said}")
        if status == OVERTAKEN:
            raise self._overtaken(operation, key)
        if told and told != etag:
            raise Corrupt(
                f"the whole has the ETag {told} and not {etag}", store=self.name, operation=operation, key=key
            )
        return SEGMENTED + etag

    async def _drop_mark(self, key: str, upload_id: str) -> None:
        error = await self._remove_one(self.settings.segments, mark_name(self._base(key), upload_id), "upload")
        if error is not None:
            raise Unavailable(
                f"the upload is done, but its mark could not be removed: {error.message}", store=self.name, key=key
            )

    async def abort_multipart(self, key: str, upload_id: str) -> None:
        """Drop an upload and its segments, unless they have become the object; fine if it is unknown."""
        if not is_upload_id(upload_id):
            return
        await self._drop_mark(key, upload_id)
        if upload_id not in await self._live_uploads(key):
            await self._remove_segments(key, upload_id)

    async def list_multiparts(self, prefix: str = "") -> list[MultipartInfo]:
        """All uploads under a prefix that have begun and not ended."""
        ours = f"{MARKS}{self.settings.container}/"
        found = await self._segment_pages("list_multiparts", ours + prefix)
        result = []
        for info in found.entries:
            key, _, upload_id = info.key.removeprefix(ours).rpartition("/")
            if key.startswith(prefix) and is_upload_id(upload_id):
                result.append(MultipartInfo(key, upload_id, info.modified_ns))
        long = await self._segment_pages("list_multiparts", MARKS + long_folder(self.settings.container))
        named = await for_each(long.entries, self._long_upload, at_once=SINGLE_DELETES_AT_ONCE)
        result += [upload for upload in named if upload is not None and upload.key.startswith(prefix)]
        return sorted(result)

    async def _long_upload(self, info: ObjectInfo) -> MultipartInfo | None:
        """An upload whose key stands in its mark."""
        upload_id = info.key.rpartition("/")[2]
        answer = await self.caller.ask("list_multiparts", None, "GET", self._segment_path(info.key, "list_multiparts"))
        if answer.status == 404 or not is_upload_id(upload_id):
            return None
        if answer.status >= 300:
            raise self.caller.refusal("list_multiparts", None, answer)
        try:
            return MultipartInfo(read_mark(answer.body)[0], upload_id, info.modified_ns)
        except ValueError:
            return None

    async def write_manifest(self, key: str, manifest: bytes, *, attributes: Attributes) -> ObjectInfo:
        """Make the static large object again that `read_manifest` described; its segments must be in their places."""
        self._check_key(key, "write_manifest")
        try:
            segments = parse_manifest(manifest)
        except ValueError as error:
            raise self._rejected("write_manifest", key, f"this is no manifest: {error}") from error
        headers = self._attribute_headers(attributes, "write_manifest", key)
        etag = await self._put_manifest("write_manifest", key, segments, headers)
        if self._has_segments:
            await self._sweep(key)
        return ObjectInfo(key, sum(each.size_bytes for each in segments), etag, 0, parts_count=len(segments))

    async def put_segment(self, path: str, body: Body, *, expect: Checksum | None = None) -> PartInfo:
        """Write the object that a manifest names as `/container/object`, if nothing lies there yet.

        The container is made where it is missing. What an earlier attempt has written is taken for what it is.
        """
        container, name = self._segment_place("put_segment", path)
        target = self.caller.path(container, name, "put_segment")
        headers = [("content-type", NO_CONTENT_TYPE), ("if-none-match", "*")]
        try:
            etag = await self._send_content("put_segment", path, target, body, headers, expect)
        except PreconditionFailed:
            if expect is None or await self.segment_etag(path) != expect.hex:
                raise
            etag = expect.hex
        except BucketMissing:
            if not body.replayable:
                await self._make(container)
                raise Unavailable(
                    "the container for the segment is only there now", store=self.name, key=path
                ) from None
            await self._make(container)
            etag = await self._send_content("put_segment", path, target, body, headers, expect)
        return PartInfo(0, body.size_bytes, etag)

    async def segment_etag(self, path: str) -> str | None:
        """The ETag of what lies at `/container/object`, None where nothing does."""
        container, name = self._segment_place("segment_etag", path)
        answer = await self.caller.ask("segment_etag", path, "HEAD", self.caller.path(container, name, "segment_etag"))
        if answer.status == 404:
            return None
        if answer.status >= 300:
            raise self.caller.refusal("segment_etag", path, answer)
        return answer.headers.get("etag", "").strip('"')

    def _segment_place(self, operation: str, path: str) -> tuple[str, str]:
        """Container and name of a segment. In the container itself each object is one by itself, that may be deleted."""
        container, _, name = path.removeprefix("/").partition("/")
        if not container or not name:
            raise self._rejected(operation, path, "this is no path of a segment")
        if container == self.settings.container:
            raise self._rejected(operation, path, "the segment would be an object of the same container")
        return container, name

    async def _make(self, container: str) -> None:
        await self.caller.call("put_segment", None, "PUT", self.caller.path(container, None, "put_segment"))
