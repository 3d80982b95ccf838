"""Blocks that nobody sees yet, and the step that makes a blob of them."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace

from brigade.errors import Corrupt
from brigade.objects import Checksum, ChecksumAlgorithm
from brigade.stores.azure.blockids import new_upload_id, part_name
from brigade.stores.azure.bodies import HashedBody, base64_of, checked, crc64_value, known_md5, plain
from brigade.stores.azure.container import Container
from brigade.stores.azure.headers import HeaderList
from brigade.stores.base import Body
from brigade.stores.http.calls import Answer
from brigade.wire.azurexml import build_block_list

_CRC = ChecksumAlgorithm.CRC64NVME
_MD5 = ChecksumAlgorithm.MD5


class StagingCalls(Container):
    """Put Block and Put Block List."""

    def _new_upload_id(self) -> str:
        return new_upload_id(self._clock.now_ns(), secrets.token_bytes(6))

    async def _put_block(self, operation: str, key: str, name: str, body: Body, expect: Checksum | None) -> bool:
        """Stage one block. True if the server holds just these bytes for sure; raises `Corrupt` if it holds others."""
        with self._placing(operation, key):
            md5 = known_md5(body, expect)
        query = [("comp", "block"), ("blockid", name)]
        if md5 is not None:
            await self.caller.call(operation, "PUT", key, query, [("content-md5", base64_of(md5))], plain(body))
            return True
        hashed = HashedBody(checked(body, expect), (_CRC,))
        answer = await self.caller.call(operation, "PUT", key, query, (), hashed)
        return self._held(operation, key, answer, hashed)

    async def _stage_whole(self, key: str, body: Body, expect: Checksum | None) -> tuple[str, Checksum, bool]:
        """Stage a body as the one block of a blob to be; returns the block, the MD5 that was found, whether it is proven."""
        name = part_name(self._new_upload_id(), 1, 0)
        hashed = HashedBody(checked(body, expect), (_CRC, _MD5))
        answer = await self.caller.call("put", "PUT", key, [("comp", "block"), ("blockid", name)], (), hashed)
        proven = self._held("put", key, answer, hashed)
        return name, Checksum(_MD5, hashed.found[_MD5]), proven

    def _held(self, operation: str, key: str, answer: Answer, hashed: HashedBody) -> bool:
        """Whether the CRC64 that the server tells is that of what was sent."""
        told = answer.headers.get("x-ms-content-crc64")
        if told is None:
            # Azurite tells none. Whoever wants proof has to read back, and is told so from now on.
            self._proves_writes = False
            self._capabilities = replace(self._capabilities, proves_writes=False)
            return False
        if told != crc64_value(hashed.found[_CRC]):
            text = "the server holds other bytes than it was sent: their CRC64 differ"
            raise Corrupt(text, store=self.name, operation=operation, key=key)
        return True

    async def _commit(self, operation: str, key: str, names: Sequence[str], headers: HeaderList) -> Answer:
        """Make the blob of these blocks, in one step. All other uncommitted blocks of the key are dropped."""
        body = build_block_list(names)
        headers = [*headers, ("content-type", "application/xml; charset=utf-8")]
        return await self.caller.call(operation, "PUT", key, [("comp", "blocklist")], headers, body)
