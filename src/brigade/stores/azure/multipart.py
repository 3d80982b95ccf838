"""Uploads in parts: blocks under names that say all there is to know of an upload. See `brigade.stores.azure.blockids`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from brigade.errors import ListingBroken, NotFound
from brigade.objects import Attributes, Checksum, ChecksumAlgorithm, MultipartInfo, ObjectInfo, PartInfo
from brigade.stores.azure.blockids import (
    BlockId,
    BlockKind,
    aborted_name,
    initiated_ns,
    is_upload_id,
    manifest_names,
    parse_name,
    part_name,
    read_manifest,
)
from brigade.stores.azure.bodies import known_md5
from brigade.stores.azure.container import condition_headers
from brigade.stores.azure.listing import ListingCalls
from brigade.stores.azure.objects import written
from brigade.stores.base import ALWAYS, Body, BytesBody, Condition
from brigade.stores.together import for_each
from brigade.wire.azurexml import Block, parse_block_list

BLOCKS_AT_ONCE = 8
# Uploads that this process has ended are remembered, so that a late part is refused without asking the server each time.
_MOST_REMEMBERED = 10_000
_LISTED_AT_ONCE = 1000


class _Blocks(NamedTuple):
    """What lies under a key: our own blocks, each with what the server says of it, and uploads that are a blob by now."""

    open: list[tuple[BlockId, Block]]
    committed: set[str]

    def of(self, upload_id: str) -> list[tuple[BlockId, Block]]:
        return [pair for pair in self.open if pair[0].upload_id == upload_id]

    def uploads(self) -> list[str]:
        """The uploads that have begun and not ended, the oldest first."""
        ended = {block.upload_id for block, _ in self.open if block.kind is BlockKind.ABORTED}
        begun = {block.upload_id for block, _ in self.open if block.kind is BlockKind.MANIFEST}
        return sorted(begun - ended)


class MultipartCalls(ListingCalls):
    """The calls of an upload in parts, from its beginning to its end."""

    _ended: dict[str, None]

    async def create_multipart(self, key: str, *, attributes: Attributes) -> str:
        """Begin an upload: its attributes go into the names of blocks, for a later process to find."""
        self._check_key(key, "create_multipart")
        self._attribute_headers(attributes, "create_multipart", key)
        upload_id = self._new_upload_id()
        await self._put_marks("create_multipart", key, manifest_names(upload_id, attributes))
        return upload_id

    async def _put_marks(self, operation: str, key: str, names: Sequence[str]) -> None:
        """Put blocks that are there for their names; a block cannot be empty."""

        async def put(name: str) -> None:
            await self._put_block(operation, key, name, BytesBody(b"-"), None)

        await for_each(names, put, at_once=BLOCKS_AT_ONCE)

    async def put_part(
        self, key: str, upload_id: str, number: int, body: Body, *, expect: Checksum | None = None
    ) -> PartInfo:
        """Upload one part; its ETag is the name of its block."""
        if upload_id in self._ended or not is_upload_id(upload_id):
            raise self._no_upload("put_part", key)
        self._check_key(key, "put_part")
        with self._placing("put_part", key):
            md5 = known_md5(body, expect)
        name = part_name(upload_id, number, self._clock.now_ns(), md5)
        checksum = _md5_checksum(md5)
        await self._put_block("put_part", key, name, body, checksum or expect)
        return PartInfo(number, body.size_bytes, name, checksum)

    async def list_parts(self, key: str, upload_id: str) -> list[PartInfo]:
        """All parts that the upload has so far."""
        blocks = await self._blocks("list_parts", key)
        if upload_id not in blocks.uploads():
            raise self._no_upload("list_parts", key)
        latest: dict[int, tuple[int, PartInfo]] = {}
        for block, told in blocks.of(upload_id):
            if block.kind is BlockKind.PART:
                part = PartInfo(block.number, told.size_bytes, told.name, _md5_checksum(block.md5))
                one = (block.sequence, part)
                latest[block.number] = max(one, latest.get(block.number, one))
        return [part for _, (_, part) in sorted(latest.items())]

    async def complete_multipart(
        self, key: str, upload_id: str, parts: Sequence[PartInfo], *, condition: Condition = ALWAYS
    ) -> ObjectInfo:
        """Make the blob of its parts visible. Blocks of other uploads of this key are lost to them by that."""
        try:
            blocks = await self._blocks("complete_multipart", key)
        except NotFound:
            blocks = _Blocks([], set())
        if upload_id in blocks.committed:
            # An earlier try got through, and only its answer was lost.
            return await self.head(key)
        ordered = sorted(parts)
        attributes = self._attributes_of(blocks, key, upload_id)
        there = {told.name for block, told in blocks.of(upload_id) if block.kind is BlockKind.PART}
        missing = [part.number for part in ordered if part.etag not in there]
        if missing or not ordered:
            raise self._rejected(
                "complete_multipart", key, f"the server does not have the parts {missing} of the upload"
            )
        headers = self._attribute_headers(attributes, "complete_multipart", key) + condition_headers(condition)
        answer = await self._commit("complete_multipart", key, [part.etag for part in ordered], headers)
        self._remember_end(upload_id)
        return written(key, sum(part.size_bytes for part in ordered), answer, None)

    def _attributes_of(self, blocks: _Blocks, key: str, upload_id: str) -> Attributes:
        """What the blob shall carry. Raises where the upload was given up, or where another write has dropped its blocks."""
        if upload_id in blocks.uploads():
            attributes = read_manifest(block for block, _ in blocks.of(upload_id))
            if attributes is not None:
                return attributes
        aborted = any(block.kind is BlockKind.ABORTED for block, _ in blocks.of(upload_id))
        if aborted or upload_id in self._ended or not is_upload_id(upload_id):
            raise self._no_upload("complete_multipart", key)
        raise self._changed(
            "complete_multipart", key, "another write to this key has dropped the parts of the upload, as Azure does"
        )

    async def abort_multipart(self, key: str, upload_id: str) -> None:
        """Give an upload up; fine if it is unknown. Its blocks stay unseen until the server drops them, within a week.

        The only ways to drop them at once are to write the blob, or to make it anew of its blocks: both would touch what is there.
        """
        if upload_id in self._ended or not is_upload_id(upload_id):
            return
        with suppress(NotFound):
            blocks = await self._blocks("abort_multipart", key)
            if upload_id in blocks.uploads():
                await self._put_marks("abort_multipart", key, [aborted_name(upload_id)])
        self._remember_end(upload_id)

    async def list_multiparts(self, prefix: str = "") -> list[MultipartInfo]:
        """Uploads under a prefix. Where a blob is there already, its uploads are found only if `prefix` is its whole key."""
        keys = [prefix] if prefix else []
        cursor: str | None = None
        while True:
            page = await self._page(
                "list_multiparts", prefix, cursor, _LISTED_AT_ONCE, include="metadata,uncommittedblobs"
            )
            keys += page.uncommitted
            if page.marker is None:
                break
            if page.marker == cursor:
                text = "the server lists the same page again and again"
                raise ListingBroken(text, store=self.name, operation="list_multiparts")
            cursor = page.marker

        async def uploads_of(key: str) -> list[MultipartInfo]:
            try:
                found = (await self._blocks("list_multiparts", key)).uploads()
            except NotFound:
                return []
            return [MultipartInfo(key, upload_id, initiated_ns(upload_id)) for upload_id in found]

        uploads = await for_each(dict.fromkeys(keys), uploads_of, at_once=BLOCKS_AT_ONCE)
        return [upload for one in uploads for upload in one]

    async def _blocks(self, operation: str, key: str) -> _Blocks:
        """All of our blocks under a key. Raises `NotFound` where there is nothing at all."""
        query = [("comp", "blocklist"), ("blocklisttype", "all")]
        answer = await self.caller.call(operation, "GET", key, query)
        with self._reading(operation, key):
            lists = parse_block_list(answer.body)
        ours = [(block, told) for told in lists.uncommitted if (block := parse_name(told.name)) is not None]
        committed = {block.upload_id for told in lists.committed if (block := parse_name(told.name)) is not None}
        return _Blocks(ours, committed)

    def _remember_end(self, upload_id: str) -> None:
        self._ended[upload_id] = None
        while len(self._ended) > _MOST_REMEMBERED:
            del self._ended[next(iter(self._ended))]

    def _no_upload(self, operation: str, key: str) -> NotFound:
        return NotFound(
            "there is no such upload", store=self.name, operation=operation, key=key, hint="it was completed or aborted"
        )


def _md5_checksum(md5: str | None) -> Checksum | None:
    return None if md5 is None else Checksum(ChecksumAlgorithm.MD5, md5)
