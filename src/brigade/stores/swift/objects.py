"""Single objects: head, get, put."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager

from brigade.errors import Corrupt, NotFound, Rejected, SourceChanged, StoreError, Unavailable, Unsupported
from brigade.objects import Attributes, Checksum, ChecksumAlgorithm, ObjectInfo
from brigade.stores.base import ALWAYS, Body, ByteRange, BytesBody, Condition, ObjectReader
from brigade.stores.checked import CheckedBody
from brigade.stores.digests import md5_hex
from brigade.stores.http.base import HttpResponse
from brigade.stores.http.calls import Answer
from brigade.stores.swift.bodies import HashedBody
from brigade.stores.swift.dynamic import Piece, pieces_of
from brigade.stores.swift.headers import HeaderList, etag_from, info_from, is_dynamic
from brigade.stores.swift.manifests import Manifest, manifest_of
from brigade.stores.swift.reading import Opening, Wanted
from brigade.stores.swift.sweeping import SweepingCalls

_NO_LENGTH = "the server does not tell its size"
OVERTAKEN = 202
"""What Swift answers, instead of 201, to a PUT that does not stay."""


class ObjectCalls(SweepingCalls):
    """The calls on one object."""

    async def head(self, key: str, *, version_id: str | None = None) -> ObjectInfo:
        """The object with its attributes. Raises `NotFound`."""
        self._no_versions(version_id, "head", key)
        return await self._told("head", key)

    async def _told(self, operation: str, key: str, manifest: Manifest | None = None) -> ObjectInfo:
        """What HEAD tells. Of a dynamic large object with too many segments it tells no size, and `manifest` or a listing does."""
        headers = (await self._call(operation, key, "HEAD")).headers
        length = headers.get("content-length")
        if length is not None:
            return self._info(key, headers, int(length))
        if not is_dynamic(headers):
            raise self._rejected(operation, key, _NO_LENGTH)
        if manifest is None:
            manifest = manifest_of(await self._listed_segments(operation, key, headers))
        return self._info(key, headers, manifest.size_bytes)._replace(etag=manifest.etag)

    def _info(self, key: str, headers: Mapping[str, str], size_bytes: int) -> ObjectInfo:
        return info_from(key, headers, size_bytes, encoded_names=self.settings.encode_metadata_names)

    def get(
        self,
        key: str,
        *,
        byte_range: ByteRange | None = None,
        part: int | None = None,
        condition: Condition = ALWAYS,
        version_id: str | None = None,
    ) -> AbstractAsyncContextManager[ObjectReader]:
        """Open the object, a range or a segment of it."""
        self._no_versions(version_id, "get", key)
        if byte_range is not None and byte_range.length_bytes <= 0:
            raise self._rejected("get", key, "a range has at least one byte")
        return Opening(self, Wanted(key, byte_range, part, condition))

    async def put(
        self,
        key: str,
        body: Body,
        *,
        attributes: Attributes,
        condition: Condition = ALWAYS,
        expect: Checksum | None = None,
    ) -> ObjectInfo:
        """Write the object whole. What it replaces may have had segments of ours: they go afterwards."""
        self._check_key(key, "put")
        headers = self._attribute_headers(attributes, "put", key) + await self._write_condition(condition, "put", key)
        etag = await self._send_content("put", key, self._path(key, "put"), body, headers, expect)
        if self._has_segments:
            await self._sweep(key)
        return ObjectInfo(key, body.size_bytes, etag, 0)

    async def _send_content(
        self, operation: str, key: str, path: str, body: Body, headers: HeaderList, expect: Checksum | None
    ) -> str:
        """PUT the content and return its MD5, which Swift has computed itself.

        Swift holds the content to an MD5 that is known beforehand. A stream without one is hashed on its way and
        compared afterwards; what is wrong then does not stay.
        """
        if body.size_bytes > self._limits.max_file_bytes:
            raise self._rejected(
                operation, key, f"an object of more than {self._limits.max_file_bytes} bytes needs parts"
            )
        promised = _promised(body, expect)
        content: Body | HashedBody = body
        if promised is None:
            content = HashedBody(CheckedBody(body, expect) if expect is not None else body)
        sent = headers + ([("etag", promised)] if promised else [])
        answer = await self.caller.ask(operation, key, "PUT", path, sent, content)
        if answer.status >= 300:
            raise self._write_refusal(operation, key, answer)
        if answer.status == OVERTAKEN:
            raise self._overtaken(operation, key)
        etag = answer.headers.get("etag", "").strip('"')
        ours = promised or (content.hexdigest() if isinstance(content, HashedBody) else "")
        if etag != ours and (etag or promised is None):
            await self._withdraw(path, etag)
            told = f"has the MD5 {etag}" if etag else "does not tell what it has"
            raise Corrupt(f"the server {told} and was sent {ours}", store=self.name, operation=operation, key=key)
        return ours

    def _overtaken(self, operation: str, key: str) -> StoreError:
        """The error for a write that Swift has dropped, because by its clocks a newer one of the key is there."""
        text = "a newer write of this key is there already, so this one was dropped"
        hint = "if it goes on, the clocks of the proxy servers differ"
        return Unavailable(text, store=self.name, operation=operation, key=key, status=OVERTAKEN, hint=hint)

    def _write_refusal(self, operation: str, key: str, answer: Answer) -> StoreError:
        # A write asks for no object, so what is not found is the container.
        return self.caller.refusal(operation, None if answer.status == 404 else key, answer)

    async def _withdraw(self, path: str, etag: str) -> None:
        """Remove damaged content, unless somebody has written over it meanwhile."""
        answer = await self.caller.ask("put", None, "HEAD", path)
        if answer.headers.get("etag", "").strip('"') == etag:
            await self.caller.ask("put", None, "DELETE", path)

    async def _write_condition(self, condition: Condition, operation: str, key: str) -> HeaderList:
        """What Swift looks at itself (the key must be absent) as a header; all else is looked at here, just before."""
        if condition.if_none_match == "*" and condition.if_match is None:
            return [("if-none-match", "*")]
        if condition.if_match is None and condition.if_none_match is None:
            return []
        try:
            found = (await self.head(key)).etag
        except NotFound:
            found = None
        wanted, unwanted = condition.if_match, condition.if_none_match
        if (wanted is not None and (found is None or wanted not in ("*", found))) or (
            unwanted is not None and found is not None and unwanted in ("*", found)
        ):
            raise self._changed(operation, key, f"the object has the ETag {found} by now")
        return []

    def _no_versions(self, version_id: str | None, operation: str, key: str) -> None:
        if version_id is not None:
            raise self._lacks("versions that Brigade reads", operation, key)

    def path_of(self, key: str) -> str:
        """The encoded path of an object."""
        return self._path(key, "get")

    async def prepared(self, wanted: Wanted) -> Wanted:
        """A part as the range of the whole that it is; the condition makes sure that it is the whole of that manifest."""
        if wanted.part is None:
            return wanted
        key, number = wanted.key, wanted.part
        manifest = await self._manifest_of("get", key, wanted.condition.if_match)
        if manifest is None and wanted.condition.if_match in (None, "*"):
            manifest = await self._list_dynamic("get", key)
        if manifest is None:
            if number != 1:
                raise Unsupported("the object is in one piece", store=self.name, operation="get", key=key)
            return wanted
        segments = manifest.filled
        if not 1 <= number <= len(segments):
            raise self._rejected("get", key, f"the object has {len(segments)} segments and no number {number}")
        segment = segments[number - 1]
        first = sum(before.size_bytes for before in segments[: number - 1])
        checksum = Checksum(ChecksumAlgorithm.MD5, segment.md5) if segment.md5 else None
        condition = wanted.condition._replace(if_match=manifest.etag)
        byte_range = ByteRange(first, segment.size_bytes) if segment.size_bytes else None
        return Wanted(key, byte_range, number, condition, checksum)

    async def joined(self, wanted: Wanted) -> tuple[ObjectInfo, list[Piece]]:
        """A dynamic large object as `get` shall give it, and what to read of which segment.

        Its segments are listed under the ETag that was seen. HEAD comes after that, and tells whether that is still so.
        """
        key, etag = wanted.key, wanted.condition.if_match
        if etag in (None, "*"):
            etag = (await self._told("get", key)).etag
        manifest = await self._manifest_of("get", key, etag)
        info = await self._told("get", key, manifest)
        if manifest is None or info.etag != manifest.etag:
            raise self._changed("get", key, f"the object has the ETag {info.etag} and not {etag}")
        first, length_bytes = wanted.byte_range or ByteRange(0, info.size_bytes)
        if wanted.byte_range is not None and first >= info.size_bytes:
            raise Rejected("the range begins behind the end", store=self.name, operation="get", key=key, status=416)
        length_bytes = min(length_bytes, info.size_bytes - first)
        pieces = pieces_of(manifest.segments, first, length_bytes, checked=wanted.checksum is None)
        return info._replace(size_bytes=length_bytes, checksum=wanted.checksum), pieces

    async def accepted_piece(self, key: str, piece: Piece, response: HttpResponse) -> ObjectInfo:
        """The head of an answer for one segment, which must be the one that was listed."""
        path = piece.segment.path
        if response.status in (404, 412):
            raise self._segment_changed(key, path)
        if response.status >= 300:
            answer = Answer(response.status, response.headers, await response.read())
            raise self.caller.refusal("get", key, answer)
        if etag_from(response.headers) != piece.segment.etag:
            raise self._segment_changed(key, path)
        if response.headers.get("content-length") != str(piece.length_bytes):
            text = f"the server does not answer a range of {path} as asked"
            raise Unsupported(text, store=self.name, operation="get", key=key)
        return ObjectInfo(key, piece.length_bytes, None, 0)

    def _segment_changed(self, key: str, path: str) -> SourceChanged:
        text = f"its segment {path} is gone or another one since it was listed"
        return SourceChanged(text, store=self.name, operation="get", key=key)

    def accepted(self, wanted: Wanted, response: HttpResponse) -> ObjectInfo:
        """What an answer to `get` describes, if it is what was asked for."""
        length = response.headers.get("content-length")
        if length is None:
            raise self._rejected("get", wanted.key, _NO_LENGTH)
        info = self._info(wanted.key, response.headers, int(length))
        expected = wanted.condition.if_match
        if expected not in (None, "*", info.etag):
            raise self._changed("get", wanted.key, f"the object has the ETag {info.etag} and not {expected}")
        if not wanted.is_answered(response, info.size_bytes):
            raise Unsupported(
                "the server does not answer byte ranges as asked", store=self.name, operation="get", key=wanted.key
            )
        return info._replace(checksum=wanted.checksum)


def _promised(body: Body, expect: Checksum | None) -> str | None:
    """The MD5 that Swift shall hold the content to, if it is known before the content is sent."""
    if expect is not None and expect.algorithm is ChecksumAlgorithm.MD5:
        return expect.hex
    if isinstance(body, BytesBody) and expect is None:
        return md5_hex(body.data)
    return None
