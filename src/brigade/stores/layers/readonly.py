"""Refuses every write: for dry runs, and for sources that nothing may touch."""

# ruff: noqa: ARG002 (a refusal looks at no arguments, the contract names them)

from __future__ import annotations

from collections.abc import Mapping, Sequence

from brigade.errors import Rejected, StoreError
from brigade.objects import Attributes, Checksum, Grant, ObjectInfo, PartInfo
from brigade.stores.base import ALWAYS, Body, Condition
from brigade.stores.layers.forward import ForwardingStore


class ReadOnlyStore(ForwardingStore):
    """Reads go through; a write raises before anything is sent."""

    def _refusal(self, operation: str, key: str | None) -> Rejected:
        return Rejected("this store was opened for reading only", store=self.name, operation=operation, key=key)

    async def put(
        self,
        key: str,
        body: Body,
        *,
        attributes: Attributes,
        condition: Condition = ALWAYS,
        expect: Checksum | None = None,
    ) -> ObjectInfo:
        raise self._refusal("put", key)

    async def copy(
        self,
        source_key: str,
        target_key: str,
        *,
        attributes: Attributes | None = None,
        condition: Condition = ALWAYS,
    ) -> ObjectInfo:
        raise self._refusal("copy", target_key)

    async def delete(self, keys: Sequence[str], *, condition: Condition = ALWAYS) -> dict[str, StoreError | None]:
        raise self._refusal("delete", keys[0] if len(keys) == 1 else None)

    async def write_tags(self, key: str, tags: Mapping[str, str]) -> None:
        raise self._refusal("write_tags", key)

    async def write_acl(self, key: str, acl: Sequence[Grant]) -> None:
        raise self._refusal("write_acl", key)

    async def create_multipart(self, key: str, *, attributes: Attributes) -> str:
        raise self._refusal("create_multipart", key)

    async def put_part(
        self, key: str, upload_id: str, number: int, body: Body, *, expect: Checksum | None = None
    ) -> PartInfo:
        raise self._refusal("put_part", key)

    async def complete_multipart(
        self, key: str, upload_id: str, parts: Sequence[PartInfo], *, condition: Condition = ALWAYS
    ) -> ObjectInfo:
        raise self._refusal("complete_multipart", key)

    async def abort_multipart(self, key: str, upload_id: str) -> None:
        raise self._refusal("abort_multipart", key)

    async def put_segment(self, path: str, body: Body, *, expect: Checksum | None = None) -> PartInfo:
        raise self._refusal("put_segment", path)

    async def write_manifest(self, key: str, manifest: bytes, *, attributes: Attributes) -> ObjectInfo:
        raise self._refusal("write_manifest", key)

    async def create_bucket(self) -> None:
        raise self._refusal("create_bucket", None)

    async def delete_bucket(self) -> None:
        raise self._refusal("delete_bucket", None)
