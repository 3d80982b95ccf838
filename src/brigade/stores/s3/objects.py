"""Single objects: head, get, put, delete, and how an object was cut into parts."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import replace

from brigade.errors import InvalidKey, NotFound, StoreError, Unsupported
from brigade.objects import Attributes, Checksum, ObjectInfo
from brigade.stores.base import ALWAYS, Body, ByteRange, Condition, ObjectReader
from brigade.stores.http.base import HttpResponse
from brigade.stores.s3.bucket import Bucket, match_value
from brigade.stores.s3.headers import HeaderList, attribute_headers, customer_key, write_encryption
from brigade.stores.s3.reading import Opening, Wanted, promised_bytes, trouble_with
from brigade.wire.encoding import encode_value


class ObjectCalls(Bucket):
    """The calls on one object."""

    async def head(self, key: str, *, version_id: str | None = None) -> ObjectInfo:
        """The object with its attributes. Raises `NotFound`."""
        headers = customer_key(self.settings)
        if self._traits.checksums:
            headers.append(("x-amz-checksum-mode", "ENABLED"))
        answer = await self.caller.call("head", "HEAD", key, _version(version_id), headers)
        return self._info("head", key, answer.headers, int(answer.headers.get("content-length", "0")))

    def get(
        self,
        key: str,
        *,
        byte_range: ByteRange | None = None,
        part: int | None = None,
        condition: Condition = ALWAYS,
        version_id: str | None = None,
    ) -> AbstractAsyncContextManager[ObjectReader]:
        """Open the object, a range or a part of it."""
        headers = customer_key(self.settings)
        if condition.if_match is not None:
            headers.append(("if-match", match_value(condition.if_match)))
        if condition.if_none_match is not None:
            headers.append(("if-none-match", match_value(condition.if_none_match)))
        if byte_range is not None:
            if byte_range.length_bytes <= 0:
                raise self._rejected("get", key, "a range has at least one byte")
            headers.append(("range", f"bytes={byte_range.first}-{byte_range.first + byte_range.length_bytes - 1}"))
        query = _version(version_id)
        if part is not None:
            query = f"partNumber={part}&{query}" if query else f"partNumber={part}"
        return Opening(self, Wanted(key, byte_range, part, condition, query, headers))

    def accepted(self, wanted: Wanted, response: HttpResponse) -> ObjectInfo:
        """What an answer to `get` describes, if it is what was asked for."""
        size_bytes = promised_bytes(response.headers, self.name, wanted.key)
        info = self._info("get", wanted.key, response.headers, size_bytes)
        expected = wanted.condition.if_match
        if expected not in (None, "*", info.etag):
            raise self._changed("get", wanted.key, f"the object has the ETag {info.etag} and not {expected}")
        trouble = trouble_with(wanted, response, info)
        if trouble:
            if wanted.part is not None:
                self._capabilities = replace(self._capabilities, part_reads=False)
            raise Unsupported(trouble, store=self.name, operation="get", key=wanted.key)
        return info

    async def put(
        self,
        key: str,
        body: Body,
        *,
        attributes: Attributes,
        condition: Condition = ALWAYS,
        expect: Checksum | None = None,
    ) -> ObjectInfo:
        """Write the object whole."""
        self._check_key(key, "put")
        self._check_content(key, body.size_bytes, attributes, "put")
        content, headers, payload_hash = self._content(body, expect, "put", key)
        headers += self._attribute_headers(attributes, "put", key)
        headers += self._write_condition(condition, "put", key)
        headers += write_encryption(self.settings)
        try:
            answer = await self.caller.call("put", "PUT", key, "", headers, content, payload_hash)
        except NotFound as error:
            if condition != ALWAYS:
                raise
            # Nothing has to be there for a plain write, so it is the path itself that the server cannot make out.
            reason = f"the server has no place for this key: {error.message}"
            raise InvalidKey(reason, store=self.name, operation="put", key=key, status=error.status) from error
        etag = answer.headers.get("etag", "").strip('"') or None
        return ObjectInfo(key, body.size_bytes, etag, 0, version_id=answer.headers.get("x-amz-version-id"))

    def _attribute_headers(self, attributes: Attributes, operation: str, key: str) -> HeaderList:
        if attributes.tags:
            self._need("tags", operation, key)
        if attributes.acl is not None:
            self._need("acl", operation, key)
        try:
            return attribute_headers(attributes, encoded_metadata=self._traits.encoded_metadata)
        except StoreError as error:
            raise self.caller.placed(error, operation, key) from error.__cause__


def _version(version_id: str | None) -> str:
    return f"versionId={encode_value(version_id)}" if version_id is not None else ""
