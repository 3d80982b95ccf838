"""Single objects: head, get, put."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from brigade.errors import Corrupt, StoreError
from brigade.objects import Checksum, ChecksumAlgorithm, ObjectInfo
from brigade.stores.base import ALWAYS, Body, ByteRange, BytesBody, Condition, ObjectReader
from brigade.stores.checked import CheckedBody
from brigade.stores.digests import new_digest
from brigade.stores.gcs.attributes import FIELDS, Resource, info_of
from brigade.stores.gcs.bodies import Related
from brigade.stores.gcs.deleting import DeletingCalls
from brigade.stores.gcs.reading import Opening, Wanted
from brigade.wire.gcs import base64_of, hex_of

Query = list[tuple[str, str]]

# The server checks these before the object is visible.
_CHECKED_THERE = {ChecksumAlgorithm.MD5: "md5Hash", ChecksumAlgorithm.CRC32C: "crc32c"}
_JOINED_BYTES = 64 * 1024


class ObjectCalls(DeletingCalls):
    """The calls on one object. `binds_reads`: the server says which generation a download gives."""

    binds_reads = True

    async def head(self, key: str, *, version_id: str | None = None) -> ObjectInfo:
        """The object with its attributes. Raises `NotFound`."""
        return self.info("head", key, await self.look("head", key, version_id=version_id), attributes=True)

    def info(self, operation: str, key: str, resource: Resource, *, attributes: bool = False) -> ObjectInfo:
        """The object that an answer describes."""
        try:
            return info_of(key, resource, attributes=attributes)
        except StoreError as error:
            raise self.caller.placed(error, operation, key) from None
        except (ValueError, TypeError, AttributeError) as error:
            raise self.rejected(operation, key, f"the answer describes no object: {error}") from error

    def get(
        self,
        key: str,
        *,
        byte_range: ByteRange | None = None,
        part: int | None = None,
        condition: Condition = ALWAYS,
        version_id: str | None = None,
    ) -> AbstractAsyncContextManager[ObjectReader]:
        """Open the object or a range of it."""
        if part is not None:
            raise self.lacks("parts of objects that could be read", "get", key)
        if byte_range is not None and byte_range.length_bytes <= 0:
            raise self.rejected("get", key, "a range has at least one byte")
        return Opening(self, Wanted(key, byte_range, condition, version_id))

    async def upload(
        self,
        operation: str,
        key: str,
        name: str,
        body: Body,
        resource: Resource,
        *,
        query: Query | None = None,
        expect: Checksum | None = None,
    ) -> Resource:
        """Write one object, and hold what the server says it has to what was sent.

        With a digest that Google knows, the server itself refuses other bytes. Else what came is compared afterwards
        with what was sent, and taken back if it differs: callers use that for names that nobody sees.
        """
        resource = {**resource, "name": name}
        if expect is not None and expect.algorithm not in _CHECKED_THERE:
            body, expect = await self._checked_here(operation, key, body, expect)
        if expect is None and type(body) is BytesBody:
            expect = crc32c_of(body.data)
        if expect is not None:
            resource[_CHECKED_THERE[expect.algorithm]] = base64_of(expect.hex)
        related = Related(resource, body, hashed=expect is None)
        answer = await self.caller.call(
            operation,
            key,
            "POST",
            self.caller.uploads,
            [("uploadType", "multipart"), ("name", name), ("fields", FIELDS), *(query or ())],
            headers=[("content-type", related.content_type)],
            body=related.whole(body.data) if type(body) is BytesBody and body.size_bytes <= _JOINED_BYTES else related,
        )
        await self._hold_to(operation, key, name, answer, body.size_bytes, expect or related.crc32c)
        return answer

    async def _checked_here(
        self, operation: str, key: str, body: Body, expect: Checksum
    ) -> tuple[Body, Checksum | None]:
        """A body with a digest that Google does not know: what is in memory is checked at once, a stream before its end."""
        try:
            checked = CheckedBody(body, expect)
            if type(body) is not BytesBody:
                return checked, None
            async for _ in checked.chunks():
                pass
        except StoreError as error:
            raise self.caller.placed(error, operation, key) from error.__cause__
        return body, None

    async def _hold_to(
        self, operation: str, key: str, name: str, answer: Resource, size_bytes: int, sent: Checksum | None
    ) -> None:
        told = hex_of(answer.get(_CHECKED_THERE[sent.algorithm])) if sent is not None else None
        if sent is None or told != sent.hex or int(answer.get("size", -1)) != size_bytes:
            await self.delete_generation(operation, name, str(answer.get("generation", "")))
            raise Corrupt(
                f"the server has the {sent.algorithm if sent else 'digest'} {told} and was sent {sent.hex if sent else ''}",
                store=self.name,
                operation=operation,
                key=key,
            )


def crc32c_of(data: bytes) -> Checksum:
    """The CRC32C of bytes in memory."""
    digest = new_digest(ChecksumAlgorithm.CRC32C)
    digest.update(data)
    return Checksum(ChecksumAlgorithm.CRC32C, digest.hexdigest())
