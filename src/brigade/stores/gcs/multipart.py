"""Uploads in parts: parallel composite uploads, kept in the bucket itself so that any process can go on with them.

Under `HIDDEN` an upload has a record, `uploads/<id>`, with the key and what the object shall carry, and its parts,
`parts/<id>/<number>`. Parts and what is composed of them on the way are of the STANDARD class, whose deletion costs
nothing. They are composed in groups of 32 until one object is left, which is held to the checksums of the parts. Only
then it is rewritten to its key, in one step and with its attributes; what lies under `HIDDEN` is deleted last.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from contextlib import suppress

from brigade.errors import Corrupt, NotFound, StoreError, Truncated, Unavailable
from brigade.objects import Attributes, Checksum, ChecksumAlgorithm, MultipartInfo, ObjectInfo, PartInfo
from brigade.stores.base import ALWAYS, Body, BytesBody, Condition
from brigade.stores.digests import combined
from brigade.stores.gcs.attributes import FIELDS, Resource
from brigade.stores.gcs.bucket import HIDDEN, parsed
from brigade.stores.gcs.copying import CopyCalls
from brigade.stores.together import for_each
from brigade.wire.gcs import hex_of, rfc3339_ns

UPLOADS = f"{HIDDEN}uploads/"
PARTS = f"{HIDDEN}parts/"
GROUP = 32
_COMPOSED_AT_ONCE = 8
_PART: Resource = {"contentType": "application/octet-stream", "storageClass": "STANDARD"}
# What comes without a digest and is no larger is taken into memory for it, larger things go by way of an upload.
_HELD_BYTES = 8 * 1024 * 1024


class MultipartCalls(CopyCalls):
    """The calls of an upload in parts, and `put`, which takes the same way where only the end shows a digest."""

    async def put(
        self,
        key: str,
        body: Body,
        *,
        attributes: Attributes,
        condition: Condition = ALWAYS,
        expect: Checksum | None = None,
    ) -> ObjectInfo:
        """Write the object whole. Other bytes than were sent never become visible."""
        self.check_key(key, "put")
        resource = self.resource(attributes, "put", key)
        told = expect is not None and expect.algorithm in (ChecksumAlgorithm.MD5, ChecksumAlgorithm.CRC32C)
        if type(body) is not BytesBody and not told:
            if body.size_bytes > _HELD_BYTES:
                return await self._put_by_upload(key, body, attributes, condition, expect)
            body = BytesBody(await self._held(key, body))
        query = await self.write_condition(condition, "put", key)
        answer = await self.upload("put", key, key, body, resource, query=query, expect=expect)
        self.forget(key)
        return self.info("put", key, answer)

    async def _held(self, key: str, body: Body) -> bytes:
        data = b"".join([chunk async for chunk in body.chunks()])
        if len(data) != body.size_bytes:
            kind = Truncated if len(data) < body.size_bytes else Corrupt
            text = f"the body has {len(data)} bytes and was said to have {body.size_bytes}"
            raise kind(text, store=self.name, operation="put", key=key)
        return data

    async def _put_by_upload(
        self, key: str, body: Body, attributes: Attributes, condition: Condition, expect: Checksum | None
    ) -> ObjectInfo:
        upload_id = await self.create_multipart(key, attributes=attributes)
        try:
            part = await self.put_part(key, upload_id, 1, body, expect=expect)
            return await self.complete_multipart(key, upload_id, [part], condition=condition)
        except BaseException:
            # What is left by a failure here is an upload on record, which the next run finds.
            with suppress(StoreError):
                await asyncio.shield(self.abort_multipart(key, upload_id))
            raise

    async def create_multipart(self, key: str, *, attributes: Attributes) -> str:
        """Begin an upload; the answer is its id."""
        self.check_key(key, "create_multipart")
        resource = self.resource(attributes, "create_multipart", key)
        upload_id = secrets.token_hex(16)
        record = BytesBody(json.dumps({"key": key, "resource": resource}).encode())
        # Also where a listing tells it, so that all uploads are known without reading their records.
        named = {**_PART, "metadata": {"key": urlsafe_b64encode(key.encode()).decode()}}
        await self.upload("create_multipart", key, UPLOADS + upload_id, record, named)
        return upload_id

    async def put_part(
        self, key: str, upload_id: str, number: int, body: Body, *, expect: Checksum | None = None
    ) -> PartInfo:
        """Upload one part."""
        await self._check_upload("put_part", key, upload_id)
        name = f"{PARTS}{upload_id}/{number:05}"
        written = await self.upload("put_part", key, name, body, _PART, expect=expect)
        return PartInfo(number, body.size_bytes, _md5(written))

    async def list_parts(self, key: str, upload_id: str) -> list[PartInfo]:
        """All parts that the upload has so far."""
        await self._check_upload("list_parts", key, upload_id)
        parts = await self._parts("list_parts", upload_id)
        return [PartInfo(number, int(item["size"]), _md5(item)) for number, item in sorted(parts.items())]

    async def complete_multipart(
        self, key: str, upload_id: str, parts: Sequence[PartInfo], *, condition: Condition = ALWAYS
    ) -> ObjectInfo:
        """Make the object of its parts visible."""
        resource = await self._record(key, upload_id)
        there = await self._parts("complete_multipart", upload_id)
        chosen = []
        for part in sorted(parts):
            item = there.get(part.number)
            if item is None or (_md5(item), int(item["size"])) != (part.etag, part.size_bytes):
                raise self.rejected("complete_multipart", key, f"the upload has no such part {part.number}")
            chosen.append(item)
        if not chosen:
            raise self.rejected("complete_multipart", key, "an upload has at least one part")
        query = await self.write_condition(condition, "complete_multipart", key)
        whole = await self._composed(key, upload_id, chosen)
        written = await self.rewrite("complete_multipart", whole, key, resource, query)
        self.forget(key)
        # The object is whole and visible; what cannot be cleared away now is an upload on record for the next run.
        with suppress(StoreError):
            await self._clear(upload_id)
        return self.info("complete_multipart", key, written)

    async def abort_multipart(self, key: str, upload_id: str) -> None:
        """Drop an upload and its parts; fine if it is unknown."""
        for error in (await self._clear(upload_id)).values():
            if error is not None:
                error.operation, error.key = "abort_multipart", key
                raise error

    async def list_multiparts(self, prefix: str = "") -> list[MultipartInfo]:
        """All uploads under a prefix that have begun and not ended."""
        uploads = []
        for item in await self.all_items("list_multiparts", UPLOADS):
            key = _key_of(item)
            if key is not None and key.startswith(prefix):
                begun_ns = rfc3339_ns(item.get("timeCreated") or item.get("updated") or "")
                uploads.append(MultipartInfo(key, item["name"].removeprefix(UPLOADS), begun_ns))
        return uploads

    async def _check_upload(self, operation: str, key: str, upload_id: str) -> None:
        try:
            record = await self.look(operation, UPLOADS + upload_id)
        except NotFound:
            raise self._no_upload(operation, key) from None
        if _key_of(record) != key:
            raise self._no_upload(operation, key)

    async def _record(self, key: str, upload_id: str) -> Resource:
        """What the object of an upload shall carry."""
        try:
            async with self.get(UPLOADS + upload_id) as reader:
                record = parsed(await reader.read())
        except NotFound:
            raise self._no_upload("complete_multipart", key) from None
        except ValueError as error:
            text = f"the record of the upload cannot be read: {error}"
            raise Unavailable(text, store=self.name, operation="complete_multipart", key=key) from error
        resource = record.get("resource")
        if record.get("key") != key or not isinstance(resource, dict):
            raise self._no_upload("complete_multipart", key)
        return resource

    def _no_upload(self, operation: str, key: str) -> NotFound:
        text = "there is no such upload in parts: it was completed or aborted"
        return NotFound(text, store=self.name, operation=operation, key=key)

    async def _parts(self, operation: str, upload_id: str) -> dict[int, Resource]:
        below = f"{PARTS}{upload_id}/"
        items = await self.all_items(operation, below)
        named = ((item["name"].removeprefix(below), item) for item in items)
        return {int(name): item for name, item in named if name.isdecimal()}

    async def _composed(self, key: str, upload_id: str, parts: list[Resource]) -> Resource:
        """One object of all parts, proven by their checksums; a single part is that object itself."""
        expected = _checksum_of(parts)
        items, level = parts, 0
        while len(items) > 1:
            level += 1
            groups = [items[first : first + GROUP] for first in range(0, len(items), GROUP)]
            name = f"{PARTS}{upload_id}/composed-{level}-"

            async def compose(numbered: tuple[int, list[Resource]], name: str = name) -> Resource:
                number, group = numbered
                return group[0] if len(group) == 1 else await self._compose(key, f"{name}{number}", group)

            items = await for_each(enumerate(groups), compose, at_once=_COMPOSED_AT_ONCE)
        found = hex_of(items[0].get("crc32c"))
        size_bytes = sum(int(part["size"]) for part in parts)
        if found != expected.hex or int(items[0]["size"]) != size_bytes:
            text = f"the parts give the CRC32C {expected.hex}, and what the server made of them has {found}"
            raise Corrupt(text, store=self.name, operation="complete_multipart", key=key)
        return items[0]

    async def _compose(self, key: str, name: str, group: list[Resource]) -> Resource:
        sources = [{"name": item["name"], "generation": str(item["generation"])} for item in group]
        document = {"sourceObjects": sources, "destination": _PART}
        path = f"{self.caller.path(name)}/compose"
        return await self.caller.call("complete_multipart", key, "POST", path, [("fields", FIELDS)], document=document)

    async def _clear(self, upload_id: str) -> dict[str, StoreError | None]:
        """Delete all of an upload, its record last: what is left by a failure is still known as an upload."""
        names = [item["name"] for item in await self.all_items("abort_multipart", f"{PARTS}{upload_id}/")]
        outcome = await self.delete(names)
        if not any(outcome.values()):
            outcome |= await self.delete([UPLOADS + upload_id])
        return outcome


def _md5(item: Resource) -> str:
    return hex_of(item.get("md5Hash")) or ""


def _key_of(item: Resource) -> str | None:
    """The key that a record of an upload names."""
    try:
        return urlsafe_b64decode((item.get("metadata") or {})["key"]).decode()
    except (KeyError, ValueError):
        return None


def _checksum_of(parts: list[Resource]) -> Checksum:
    """The CRC32C of the whole, from those of its parts."""
    pieces = [(Checksum(ChecksumAlgorithm.CRC32C, hex_of(part["crc32c"]) or ""), int(part["size"])) for part in parts]
    return combined(pieces)
