"""Single blobs: head, get, put."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from hashlib import md5

from brigade.errors import NotFound, Unsupported
from brigade.objects import Attributes, Checksum, ChecksumAlgorithm, ObjectInfo
from brigade.stores.azure.bodies import base64_of, known_md5, plain
from brigade.stores.azure.container import condition_headers
from brigade.stores.azure.headers import HeaderList
from brigade.stores.azure.keys import never_held
from brigade.stores.azure.reading import Opening, Wanted, described, promised_bytes
from brigade.stores.azure.staging import StagingCalls
from brigade.stores.azure.tags import version_query
from brigade.stores.base import ALWAYS, Body, ByteRange, Condition, ObjectReader
from brigade.stores.http.base import HttpResponse
from brigade.stores.http.calls import Answer
from brigade.wire.s3time import http_date_ns


class ObjectCalls(StagingCalls):
    """The calls on one blob."""

    async def head(self, key: str, *, version_id: str | None = None) -> ObjectInfo:
        """The blob with its attributes. Raises `NotFound`."""
        self._check_readable(key, "head")
        answer = await self.caller.call("head", "HEAD", key, version_query(version_id))
        return self._info("head", key, answer.headers, int(answer.headers.get("content-length", "0")))

    async def part_sizes(self, key: str, *, etag: str) -> list[int] | None:
        """Azure's blocks are no parts that could be read alone, and its ETags tell nothing of them."""
        del key, etag
        return None

    def get(
        self,
        key: str,
        *,
        byte_range: ByteRange | None = None,
        part: int | None = None,
        condition: Condition = ALWAYS,
        version_id: str | None = None,
    ) -> AbstractAsyncContextManager[ObjectReader]:
        """Open the blob, or a range of it."""
        if part is not None:
            raise Unsupported("Azure does not read single parts", store=self.name, operation="get", key=key)
        self._check_readable(key, "get")
        headers = condition_headers(condition)
        if byte_range is not None:
            first, length_bytes = byte_range
            if length_bytes <= 0:
                raise self._rejected("get", key, "a range has at least one byte")
            headers.append(("x-ms-range", f"bytes={first}-{first + length_bytes - 1}"))
        return Opening(self, Wanted(key, byte_range, condition, version_query(version_id), headers))

    def accepted(self, wanted: Wanted, response: HttpResponse) -> ObjectInfo:
        """What an answer to `get` describes, if it is what was asked for."""
        info = self._info("get", wanted.key, response.headers, promised_bytes(wanted, response, self.name))
        if not described(info, wanted):
            raise self._changed("get", wanted.key, f"the blob has the ETag {info.etag} by now")
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
        """Write the blob whole. The answer has a checksum if the server holds just these bytes for sure.

        The server checks an MD5 that is known before the body goes. Without one the body becomes a block that nobody
        sees, whose CRC the server tells, and only then a blob.
        """
        self._check_key(key, "put")
        headers = self._attribute_headers(attributes, "put", key)
        with self._placing("put", key):
            known = known_md5(body, expect)
        if known is None and body.size_bytes:
            return await self._put_staged(key, body, headers, condition, expect)
        headers += condition_headers(condition)
        digest = known or md5(usedforsecurity=False).hexdigest()
        headers += [("x-ms-blob-type", "BlockBlob"), ("content-md5", base64_of(digest))]
        answer = await self.caller.call("put", "PUT", key, (), headers, plain(body))
        return written(key, body.size_bytes, answer, Checksum(ChecksumAlgorithm.MD5, digest))

    async def _put_staged(
        self, key: str, body: Body, headers: HeaderList, condition: Condition, expect: Checksum | None
    ) -> ObjectInfo:
        block, checksum, proven = await self._stage_whole(key, body, expect)
        headers += [*condition_headers(condition), ("x-ms-blob-content-md5", base64_of(checksum.hex))]
        answer = await self._commit("put", key, [block], headers)
        return written(key, body.size_bytes, answer, checksum if proven else None)

    def _check_readable(self, key: str, operation: str) -> None:
        """A key with `..` and the like would be read as another one; nothing can be under it."""
        if never_held(key):
            raise NotFound("there is no such blob", store=self.name, operation=operation, key=key)


def written(key: str, size_bytes: int, answer: Answer, checksum: Checksum | None) -> ObjectInfo:
    """What the answer to a write tells of the new blob."""
    etag = answer.headers.get("etag", "").strip('"') or None
    modified_ns = http_date_ns(answer.headers.get("last-modified", ""))
    version_id = answer.headers.get("x-ms-version-id")
    return ObjectInfo(key, size_bytes, etag, modified_ns, version_id=version_id, checksum=checksum)
