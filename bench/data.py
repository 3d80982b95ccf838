"""The data of the benchmarks: files made by a rule, so that every run and every machine has the same bytes."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_FILES_PER_DIRECTORY = 100
_SEED_STEP = 1_000_003
# Python makes less than 256 MiB at once.
_PIECE_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Data:
    """A directory of files, and the ETags that their objects may have: MD5, or that of an upload in parts."""

    directory: Path
    size_bytes: int
    etags: Mapping[str, frozenset[str]] = field(repr=False)

    @property
    def objects(self) -> int:
        return len(self.etags)

    @property
    def total_bytes(self) -> int:
        return self.objects * self.size_bytes


def key_of(number: int) -> str:
    """The key of an object, which is also its path below the directory; in the order of the numbers."""
    return f"{number // _FILES_PER_DIRECTORY:05d}/{number:08d}.bin"


def make_data(directory: Path, *, objects: int, size_bytes: int, part_bytes: int | None = None) -> Data:
    """Write the files. `part_bytes`: their objects may also be uploaded in parts of that size."""
    etags = {}
    for number in range(objects):
        key = key_of(number)
        content = _content(random.Random(number * _SEED_STEP + size_bytes), size_bytes)
        path = directory / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        accepted = {_md5(content).hex()}
        if part_bytes is not None:
            accepted.add(_multipart_etag(content, part_bytes))
        etags[key] = frozenset(accepted)
    return Data(directory, size_bytes, etags)


def _content(source: random.Random, size_bytes: int) -> bytes:
    pieces = range(0, size_bytes, _PIECE_BYTES)
    return b"".join(source.randbytes(min(_PIECE_BYTES, size_bytes - first)) for first in pieces)


def _md5(content: bytes | memoryview) -> bytes:
    return hashlib.md5(content, usedforsecurity=False).digest()


def _multipart_etag(content: bytes, part_bytes: int) -> str:
    view = memoryview(content)
    digests = [_md5(view[first : first + part_bytes]) for first in range(0, len(content), part_bytes)]
    return f"{_md5(b''.join(digests)).hex()}-{len(digests)}"
