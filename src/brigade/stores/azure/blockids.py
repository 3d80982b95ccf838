"""Names of blocks: they say which upload a block belongs to, which part it is, and carry the upload's attributes.

Azure keeps uncommitted blocks by key, not by upload, and tells of each only its name and size. So the name carries all: 48
bytes, since within a key all names must have the same length. A block of an upload is one of

- a piece of its manifest: the attributes that the blob shall have, as compressed JSON;
- a part, with its number, a sequence, of which the highest is the last that was sent, and its MD5 where the server was
  told it beforehand: what lies under such a name has that MD5, or the server would have refused it;
- the mark that the upload was given up, because uncommitted blocks cannot be removed: the server drops them after a week.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from enum import Enum
from typing import NamedTuple

from brigade.objects import Attributes

_TOKEN_BYTES = 12
_TIME_BYTES = 6
_NUMBER_BYTES = 4
_NAME_BYTES = 48
_PAYLOAD_BYTES = _NAME_BYTES - _TOKEN_BYTES - 1 - _NUMBER_BYTES
_LENGTH_BYTES = 4
_SEQUENCE_BYTES = 8
_NO_MD5 = bytes(16)
_NAME_CHARACTERS = 64


class BlockKind(Enum):
    """What a block is to its upload."""

    MANIFEST = ord("M")
    PART = ord("P")
    ABORTED = ord("A")


class BlockId(NamedTuple):
    """A block's name, read. `number` counts parts from 1, pieces of the manifest from 0."""

    upload_id: str
    kind: BlockKind
    number: int
    payload: bytes

    @property
    def sequence(self) -> int:
        """The order in which blocks of one number were sent."""
        return int.from_bytes(self.payload[:_SEQUENCE_BYTES], "big")

    @property
    def md5(self) -> str | None:
        """The MD5 that the server has held a part to, None where it was told none."""
        digest = self.payload[_SEQUENCE_BYTES : _SEQUENCE_BYTES + len(_NO_MD5)]
        return None if digest == _NO_MD5 else digest.hex()


def new_upload_id(now_ns: int, chance: bytes) -> str:
    """An id that tells when the upload began, in milliseconds; `chance` is six random bytes."""
    return (now_ns // 1_000_000).to_bytes(_TIME_BYTES, "big").hex() + chance.hex()


def initiated_ns(upload_id: str) -> int:
    """When an upload began, by the clock of the machine that began it."""
    return int(upload_id[: 2 * _TIME_BYTES], 16) * 1_000_000


def is_upload_id(text: str) -> bool:
    """True for what `new_upload_id` makes."""
    try:
        return len(bytes.fromhex(text)) == _TOKEN_BYTES and text == text.lower()
    except ValueError:
        return False


def part_name(upload_id: str, number: int, sequence: int, md5: str | None = None) -> str:
    """The name of a part's block. Whoever names an MD5 has the server check the content against it."""
    digest = _NO_MD5 if md5 is None else bytes.fromhex(md5)
    return _name(upload_id, BlockKind.PART, number, sequence.to_bytes(_SEQUENCE_BYTES, "big") + digest)


def aborted_name(upload_id: str) -> str:
    """The name of the block that says that an upload was given up."""
    return _name(upload_id, BlockKind.ABORTED, 0, b"")


def manifest_names(upload_id: str, attributes: Attributes) -> list[str]:
    """The names of the blocks that carry the attributes of an upload."""
    packed = zlib.compress(json.dumps(_filled(attributes), sort_keys=True).encode(), 9)
    packed = len(packed).to_bytes(_LENGTH_BYTES, "big") + packed
    pieces = [packed[first : first + _PAYLOAD_BYTES] for first in range(0, len(packed), _PAYLOAD_BYTES)]
    return [_name(upload_id, BlockKind.MANIFEST, number, piece) for number, piece in enumerate(pieces)]


def read_manifest(blocks: Iterable[BlockId]) -> Attributes | None:
    """The attributes that the blocks of one upload carry, None unless all of them are there."""
    pieces = {block.number: block.payload for block in blocks if block.kind is BlockKind.MANIFEST}
    packed = b"".join(_consecutive(pieces))
    length = int.from_bytes(packed[:_LENGTH_BYTES], "big")
    if len(packed) < _LENGTH_BYTES + max(length, 1):
        return None
    said = json.loads(zlib.decompress(packed[_LENGTH_BYTES : _LENGTH_BYTES + length]))
    return Attributes(**said)


def parse_name(name: str) -> BlockId | None:
    """The block that a name stands for, None for one of another program."""
    if len(name) != _NAME_CHARACTERS:
        return None
    try:
        raw = base64.b64decode(name, validate=True)
        kind = BlockKind(raw[_TOKEN_BYTES])
    except (binascii.Error, ValueError, IndexError):
        return None
    number = int.from_bytes(raw[_TOKEN_BYTES + 1 : _NAME_BYTES - _PAYLOAD_BYTES], "big")
    return BlockId(raw[:_TOKEN_BYTES].hex(), kind, number, raw[_NAME_BYTES - _PAYLOAD_BYTES :])


def _name(upload_id: str, kind: BlockKind, number: int, payload: bytes) -> str:
    head = bytes.fromhex(upload_id) + bytes((kind.value,)) + number.to_bytes(_NUMBER_BYTES, "big")
    return base64.b64encode(head + payload.ljust(_PAYLOAD_BYTES, b"\0")).decode()


def _consecutive(pieces: dict[int, bytes]) -> Iterator[bytes]:
    number = 0
    while number in pieces:
        yield pieces[number]
        number += 1


def _filled(attributes: Attributes) -> dict[str, object]:
    """What an upload carries; lock and ACL are not Azure's."""
    said = {
        **asdict(attributes),
        "metadata": dict(attributes.metadata),
        "tags": attributes.tags and dict(attributes.tags),
    }
    return {name: value for name, value in said.items() if value not in (None, {}) and name not in ("lock", "acl")}
