"""Copying inside the account, without moving the bytes through here."""

from __future__ import annotations

import asyncio

from brigade.errors import Rejected
from brigade.objects import DYNAMIC, SEGMENTED, Attributes, ObjectInfo, PartInfo
from brigade.stores.base import ALWAYS, Condition
from brigade.stores.swift.deleting import DeletingCalls
from brigade.stores.swift.headers import etag_from, match_value
from brigade.stores.swift.multipart import MultipartCalls
from brigade.stores.swift.uploads import segment_name
from brigade.stores.together import for_each
from brigade.wire.encoding import encode_key
from brigade.wire.swift import Segment

COPIES_AT_ONCE = 8


class CopyCalls(MultipartCalls, DeletingCalls):
    """`copy` by POST where only attributes change, else by COPY."""

    async def copy(
        self,
        source_key: str,
        target_key: str,
        *,
        attributes: Attributes | None = None,
        condition: Condition = ALWAYS,
    ) -> ObjectInfo:
        """Copy one object; `attributes` replaces all of them, `condition` is on the source.

        A large object becomes a plain one if it fits into one, else its segments are copied one by one.
        """
        self._check_key(target_key, "copy")
        source = await self.head(source_key)
        if condition.if_match not in (None, "*", source.etag):
            raise self._changed("copy", source_key, f"the object has the ETag {source.etag} by now")
        if source_key == target_key and attributes is not None:
            return await self._replace_attributes(source, attributes)
        chosen = attributes or source.attributes or Attributes()
        if source.size_bytes > self._limits.max_file_bytes:
            return await self._copy_segments(source, target_key, chosen)
        headers = [
            *self._attribute_headers(chosen, "copy", target_key),
            ("destination", self._destination(self.settings.container, target_key)),
            ("x-fresh-metadata", "true"),
        ]
        if source.etag is not None:
            headers.append(("if-match", match_value(source.etag)))
        answer = await self._call("copy", source_key, "COPY", "", headers)
        if self._has_segments:
            await self._sweep(target_key)
        return ObjectInfo(target_key, source.size_bytes, etag_from(answer.headers), 0)

    def _destination(self, container: str, key: str) -> str:
        return f"{encode_key(container)}/{encode_key(key)}"

    async def _replace_attributes(self, source: ObjectInfo, attributes: Attributes) -> ObjectInfo:
        """POST replaces all attributes at once. A dynamic large object would forget that it is one, so that is said again."""
        headers = self._attribute_headers(attributes, "copy", source.key)
        if (source.etag or "").startswith(DYNAMIC):
            answer = await self._call("copy", source.key, "HEAD")
            headers += [(name, value) for name, value in answer.headers.items() if name == "x-object-manifest"]
        await self._call("copy", source.key, "POST", "", headers)
        return ObjectInfo(source.key, source.size_bytes, source.etag, 0)

    async def _copy_segments(self, source: ObjectInfo, target_key: str, attributes: Attributes) -> ObjectInfo:
        manifest = await self._manifest_of("copy", source.key, source.etag) if self._is_large(source) else None
        if manifest is None or any(segment.md5 is None or segment.data for segment in manifest.segments):
            raise Rejected(
                "it is too large for one copy and not made of plain segments", store=self.name, key=source.key
            )
        upload_id = await self.create_multipart(target_key, attributes=attributes)

        async def copy_one(numbered: tuple[int, Segment]) -> PartInfo:
            number, segment = numbered
            container, _, name = segment.path.removeprefix("/").partition("/")
            target = self._destination(self.settings.segments, segment_name(self._base(target_key), upload_id, number))
            headers = [("destination", target), ("if-match", match_value(segment.etag))]
            path = self.caller.path(container, name, "copy")
            await self.caller.call("copy", source.key, "COPY", path, headers)
            return PartInfo(number, segment.size_bytes, segment.etag)

        try:
            parts = await for_each(list(enumerate(manifest.segments, 1)), copy_one, at_once=COPIES_AT_ONCE)
            return await self.complete_multipart(target_key, upload_id, parts)
        except BaseException:
            await asyncio.shield(self.abort_multipart(target_key, upload_id))
            raise

    def _is_large(self, info: ObjectInfo) -> bool:
        return (info.etag or "").startswith(SEGMENTED)
