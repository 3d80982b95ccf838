"""Copying inside the store, without moving the bytes through here."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import accumulate

from brigade.decide.parts import plan_parts
from brigade.objects import MEBIBYTE, Attributes, ObjectInfo, PartInfo
from brigade.stores.base import ALWAYS, Condition
from brigade.stores.s3.bucket import match_value
from brigade.stores.s3.headers import HeaderList, customer_key, write_encryption
from brigade.stores.s3.multipart import MultipartCalls
from brigade.stores.s3.parts import PartCalls
from brigade.stores.s3.tags import TagCalls
from brigade.stores.together import for_each
from brigade.wire.encoding import encode_key, encode_value
from brigade.wire.s3xml import parse_written

PART_COPIES_AT_ONCE = 8
PART_COPY_BYTES = 512 * MEBIBYTE


class CopyCalls(MultipartCalls, PartCalls, TagCalls):
    """`copy` by CopyObject, or by UploadPartCopy where the object is too large for that."""

    async def copy(
        self,
        source_key: str,
        target_key: str,
        *,
        attributes: Attributes | None = None,
        condition: Condition = ALWAYS,
    ) -> ObjectInfo:
        """Copy one object; `attributes` replaces all of them, `condition` is on the source.

        The source is looked at first. That gives its size, fixes the version that is copied, and checks the
        condition for servers that would ignore it.
        """
        self._check_key(target_key, "copy")
        source = await self.head(source_key)
        if condition.if_match not in (None, "*", source.etag):
            raise self._changed("copy", source_key, f"the object has the ETag {source.etag} by now")
        if source.size_bytes > self._capabilities.max_copy_bytes:
            return await self._copy_in_parts(source, target_key, await self._all_attributes(source, attributes))
        answer = await self.caller.call(
            "copy", "PUT", target_key, "", self._copy_headers(source, target_key, attributes)
        )
        self._not_hidden(answer, "copy", target_key)
        with self._reading("copy", target_key):
            etag = parse_written(answer.body).etag
        if attributes is not None and attributes.tags is not None and not self._traits.copy_tags:
            await self.write_tags(target_key, attributes.tags)
        return ObjectInfo(target_key, source.size_bytes, etag, 0, version_id=answer.headers.get("x-amz-version-id"))

    def _copy_headers(self, source: ObjectInfo, target_key: str, attributes: Attributes | None) -> HeaderList:
        headers = self._from(source) + write_encryption(self.settings)
        if attributes is None:
            # Without the word the copy would fall back to the standard class.
            kept = source.storage_class
            return headers + ([("x-amz-storage-class", kept)] if kept is not None else [])
        headers.append(("x-amz-metadata-directive", "REPLACE"))
        if attributes.tags is not None and self._traits.copy_tags:
            headers.append(("x-amz-tagging-directive", "REPLACE"))
            return headers + self._attribute_headers(attributes, "copy", target_key)
        return headers + self._attribute_headers(attributes.with_tags(None), "copy", target_key)

    def _from(self, source: ObjectInfo) -> HeaderList:
        place = f"/{encode_value(self.settings.bucket)}/{encode_key(source.key)}"
        headers = [("x-amz-copy-source", place)]
        if source.etag is not None:
            headers.append(("x-amz-copy-source-if-match", match_value(source.etag)))
        return headers + customer_key(self.settings, copy_source=True)

    async def _all_attributes(self, source: ObjectInfo, attributes: Attributes | None) -> Attributes:
        """The attributes for an upload, which carries nothing over by itself."""
        chosen = attributes or source.attributes or Attributes()
        if chosen.tags is None and self._capabilities.tags:
            chosen = chosen.with_tags(await self.read_tags(source.key))
        return chosen

    async def _copy_in_parts(self, source: ObjectInfo, target_key: str, attributes: Attributes) -> ObjectInfo:
        sizes = await self.part_sizes(source.key, etag=source.etag or "") if source.etag else None
        if sizes is None or max(sizes) > self._capabilities.max_copy_bytes:
            limits = self._capabilities
            part_bytes = min(PART_COPY_BYTES, limits.max_copy_bytes)
            sizes = plan_parts(
                source.size_bytes, part_bytes, max_parts=limits.max_parts, max_part_bytes=limits.max_copy_bytes
            )
        upload_id = await self.create_multipart(target_key, attributes=attributes)
        try:
            parts = await self._copy_parts(source, target_key, upload_id, sizes)
            info = await self.complete_multipart(target_key, upload_id, parts)
        except BaseException:
            await asyncio.shield(self.abort_multipart(target_key, upload_id))
            raise
        if attributes.tags and not self._capabilities.multipart_tags:
            await self.write_tags(target_key, attributes.tags)
        return info

    async def _copy_parts(
        self, source: ObjectInfo, target_key: str, upload_id: str, sizes: Sequence[int]
    ) -> list[PartInfo]:
        async def copy_one(part: tuple[int, int, int]) -> PartInfo:
            number, first, size_bytes = part
            headers = [*self._from(source), ("x-amz-copy-source-range", f"bytes={first}-{first + size_bytes - 1}")]
            headers += customer_key(self.settings)
            query = f"partNumber={number}&uploadId={encode_value(upload_id)}"
            answer = await self.caller.call("copy", "PUT", target_key, query, headers)
            self._not_hidden(answer, "copy", target_key)
            with self._reading("copy", target_key):
                return PartInfo(number, size_bytes, parse_written(answer.body).etag or "")

        starts = accumulate(sizes, initial=0)
        pieces = [(number, first, size) for number, (first, size) in enumerate(zip(starts, sizes, strict=False), 1)]
        return await for_each(pieces, copy_one, at_once=PART_COPIES_AT_ONCE)
