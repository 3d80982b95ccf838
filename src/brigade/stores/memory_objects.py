"""What a store in memory keeps of an object and of an upload, and how it hands an object out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace

from brigade.objects import NO_ATTRIBUTES, Attributes, Checksum, ObjectInfo, PartInfo
from brigade.stores.base import Capabilities

CHUNK_BYTES = 256 * 1024

MEMORY_CAPABILITIES = Capabilities(
    part_reads=True,
    conditional_writes=True,
    conditional_deletes=True,
    tags=True,
    storage_classes=True,
    acl=True,
    object_lock=True,
    min_part_bytes=1,
    modified_resolution_ns=1,
)


@dataclass(slots=True)
class Stored:
    data: bytes
    etag: str
    modified_ns: int
    attributes: Attributes
    part_sizes: tuple[int, ...] | None = None
    checksum: Checksum | None = None


@dataclass(slots=True)
class Upload:
    key: str
    attributes: Attributes
    initiated_ns: int
    parts: dict[int, tuple[bytes, str]] = field(default_factory=dict)

    def chosen(self, parts: Sequence[PartInfo], min_part_bytes: int) -> tuple[list[bytes], str]:
        """The content of these parts, and what is wrong with the choice, or `""`."""
        numbers = [part.number for part in parts]
        if not parts or numbers != sorted(set(numbers)):
            return [], "the parts must be given once each, in order"
        pieces = []
        for part in parts:
            data, etag = self.parts.get(part.number, (b"", ""))
            if etag != part.etag:
                return [], f"part {part.number} is not as it was uploaded"
            pieces.append(data)
        if any(len(piece) < min_part_bytes for piece in pieces[:-1]):
            return [], f"a part before the last one has fewer than {min_part_bytes} bytes"
        return pieces, ""


class MemoryReader:
    """Holds the bytes as they were when the object was opened."""

    __slots__ = ("_data", "info")

    def __init__(self, info: ObjectInfo, data: bytes) -> None:
        self.info = info
        self._data = data

    async def chunks(self) -> AsyncIterator[bytes]:
        data = self._data
        for first in range(0, len(data), CHUNK_BYTES):
            yield data[first : first + CHUNK_BYTES]

    async def read(self) -> bytes:
        return self._data


def carried(attributes: Attributes, can: Capabilities) -> tuple[Attributes, str]:
    """The attributes that a store with these capabilities keeps, and the word for what it refuses, or `""`."""
    if attributes is NO_ATTRIBUTES:
        return NO_ATTRIBUTES, ""  # Shared by all such objects: a test may hold a million of them.
    for wanted, able, word in (
        (attributes.tags, can.tags, "tags"),
        (attributes.acl, can.acl, "ACLs"),
        (attributes.lock, can.object_lock, "object lock"),
    ):
        if wanted and not able:
            return attributes, word
    metadata = {
        name: value
        for name, value in attributes.metadata.items()
        if can.metadata and (value or can.empty_metadata_values)
    }
    storage_class = attributes.storage_class if can.storage_classes else None
    if can.content_headers:
        return replace(attributes, metadata=metadata, storage_class=storage_class), ""
    return Attributes(
        metadata=metadata,
        tags=attributes.tags,
        storage_class=storage_class,
        lock=attributes.lock,
        acl=attributes.acl,
    ), ""
