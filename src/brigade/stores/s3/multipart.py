"""Multipart uploads."""

from __future__ import annotations

from collections.abc import Sequence

from brigade.errors import NotFound, Unavailable
from brigade.objects import Attributes, Checksum, MultipartInfo, ObjectInfo, PartInfo
from brigade.stores.base import ALWAYS, Body, Condition
from brigade.stores.s3.caller import payload_hash_of
from brigade.stores.s3.headers import customer_key, write_encryption
from brigade.stores.s3.objects import ObjectCalls
from brigade.wire.encoding import encode_query, encode_value
from brigade.wire.s3xml import (
    PartsPage,
    UploadsPage,
    build_complete,
    parse_parts,
    parse_upload_id,
    parse_uploads,
    parse_written,
)


class MultipartCalls(ObjectCalls):
    """The calls of a multipart upload, from its beginning to its end."""

    async def create_multipart(self, key: str, *, attributes: Attributes) -> str:
        """Begin an upload; the answer is its id."""
        self._check_key(key, "create_multipart")
        self._check_content(key, 1, attributes, "create_multipart")
        sent = attributes if self._capabilities.multipart_tags else attributes.with_tags(None)
        headers = self._attribute_headers(sent, "create_multipart", key) + write_encryption(self.settings)
        answer = await self.caller.call("create_multipart", "POST", key, "uploads=", headers)
        with self._reading("create_multipart", key):
            return parse_upload_id(answer.body)

    async def put_part(
        self, key: str, upload_id: str, number: int, body: Body, *, expect: Checksum | None = None
    ) -> PartInfo:
        """Upload one part."""
        content, headers, payload_hash = self._content(body, expect, "put_part", key)
        headers += customer_key(self.settings)
        query = f"partNumber={number}&uploadId={encode_value(upload_id)}"
        answer = await self.caller.call("put_part", "PUT", key, query, headers, content, payload_hash)
        etag = answer.headers.get("etag", "").strip('"')
        return PartInfo(number, body.size_bytes, etag)

    async def list_parts(self, key: str, upload_id: str) -> list[PartInfo]:
        """All parts that the upload has so far."""
        parts: list[PartInfo] = []
        marker: str | None = "0"
        while marker is not None:
            page = await self._parts_page(key, upload_id, marker)
            parts += page.parts
            if page.next_marker == marker:
                raise self._rejected("list_parts", key, "the server lists the same parts again and again")
            marker = page.next_marker
        return parts

    async def _parts_page(self, key: str, upload_id: str, marker: str) -> PartsPage:
        pairs = [("uploadId", upload_id), ("part-number-marker", marker), ("max-parts", "1000")]
        answer = await self.caller.call("list_parts", "GET", key, encode_query(pairs))
        with self._reading("list_parts", key):
            return parse_parts(answer.body)

    async def complete_multipart(
        self, key: str, upload_id: str, parts: Sequence[PartInfo], *, condition: Condition = ALWAYS
    ) -> ObjectInfo:
        """Make the object of its parts visible."""
        ordered = sorted(parts)
        headers = self._write_condition(condition, "complete_multipart", key)
        if headers and not self._traits.conditional_complete:
            await self._check_before_complete(key, condition)
            headers = []
        body = build_complete(ordered)
        headers.append(("content-type", "application/xml"))
        headers += customer_key(self.settings)
        query = f"uploadId={encode_value(upload_id)}"
        try:
            answer = await self.caller.call(
                "complete_multipart", "POST", key, query, headers, body, payload_hash_of(body)
            )
            self._not_hidden(answer, "complete_multipart", key)
        except Unavailable as error:
            if error.status == 500:
                # Ceph 16 says this of an upload that is no more; then the parts are gone too, and NotFound is raised here.
                await self._parts_page(key, upload_id, "0")
            raise
        with self._reading("complete_multipart", key):
            etag = parse_written(answer.body).etag
        size_bytes = sum(part.size_bytes for part in ordered)
        if etag is None:
            # Ceph 16 says nothing here, but knows the ETag when asked.
            etag = (await self.head(key)).etag
        return ObjectInfo(key, size_bytes, etag, 0, version_id=answer.headers.get("x-amz-version-id"))

    async def _check_before_complete(self, key: str, condition: Condition) -> None:
        """The condition, looked at just before: this server would not look at it itself."""
        try:
            found = (await self.head(key)).etag
        except NotFound:
            found = None
        if condition.if_match is not None and condition.if_match != found:
            raise self._changed("complete_multipart", key, f"the object has the ETag {found} by now")
        if condition.if_none_match is not None and found is not None:
            raise self._changed("complete_multipart", key, "the object exists by now")

    async def abort_multipart(self, key: str, upload_id: str) -> None:
        """Drop an upload and its parts; fine if it is unknown."""
        try:
            await self.caller.call("abort_multipart", "DELETE", key, f"uploadId={encode_value(upload_id)}")
        except NotFound:
            return

    async def list_multiparts(self, prefix: str = "") -> list[MultipartInfo]:
        """All uploads under a prefix that have begun and not ended."""
        uploads: list[MultipartInfo] = []
        marker = ("", "")
        while True:
            page = await self._uploads_page(prefix, *marker)
            uploads += page.uploads
            if page.next_key is None:
                return uploads
            if (page.next_key, page.next_upload) == marker:
                raise self._rejected("list_multiparts", None, "the server lists the same uploads again and again")
            marker = (page.next_key, page.next_upload)

    async def _uploads_page(self, prefix: str, key_marker: str, upload_marker: str) -> UploadsPage:
        pairs = [("uploads", ""), ("encoding-type", "url"), ("max-uploads", "1000")]
        pairs += [("prefix", prefix)] if prefix else []
        pairs += [("key-marker", key_marker), ("upload-id-marker", upload_marker)] if key_marker else []
        answer = await self.caller.call("list_multiparts", "GET", None, encode_query(pairs))
        with self._reading("list_multiparts", None):
            return parse_uploads(answer.body, always_encoded=self._traits.encodes_uploads)
