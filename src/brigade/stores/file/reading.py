"""Looking at files and reading them, as one version or not at all. The functions block: they belong in a thread."""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Any, NamedTuple

from brigade.errors import Corrupt, NotFound, PreconditionFailed, Rejected, SourceChanged
from brigade.objects import Attributes, Checksum, ChecksumAlgorithm, ObjectInfo, is_md5_etag
from brigade.stores.base import ByteRange, Condition
from brigade.stores.conditions import holds
from brigade.stores.digests import md5_hex
from brigade.stores.file.places import Root
from brigade.stores.file.records import Record, current_attributes, format_seconds, plain_attributes
from brigade.stores.file.settings import Symlinks
from brigade.stores.file.sidecars import RecordKeeper
from brigade.stores.file.threads import DiskThreads

SMALL_BYTES = 1024 * 1024  # Up to here a file is opened, read, hashed and closed in one call of a thread.
STEP_BYTES = 1024 * 1024

# O_NONBLOCK: opening a pipe would wait for a writer for ever. It means nothing to a regular file.
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Seen(NamedTuple):
    """One object as it was found: its info, its record if it still fits, and whether it is a link."""

    info: ObjectInfo
    part_sizes: tuple[int, ...]
    is_link: bool = False


class Opened(NamedTuple):
    """An object that is ready to be read: in memory, or as an open file."""

    info: ObjectInfo
    data: bytes | None
    file: OpenFile | None


class OpenFile:
    """A range of an open file, read step by step. It notices when the file is another one at the end."""

    def __init__(
        self, descriptor: int, status: os.stat_result, first: int, length_bytes: int, store: str, key: str
    ) -> None:
        self._descriptor: int | None = descriptor
        self._status = status
        self._offset = first
        self._end = first + length_bytes
        self._store = store
        self._key = key
        self._lock = threading.Lock()

    def step(self) -> bytes:
        """The next bytes, `b""` at the end. The file is looked at again before the last step is handed out."""
        with self._lock:
            if self._offset >= self._end or self._descriptor is None:
                return b""
            wanted = min(STEP_BYTES, self._end - self._offset)
            data = os.pread(self._descriptor, wanted, self._offset)
            self._offset += len(data)
            if not data or self._offset >= self._end:
                require_unchanged(self._descriptor, self._status, self._store, self._key)
            if not data:
                raise _changed(self._store, self._key)
            return data

    def close(self) -> None:
        """Close it; twice is fine."""
        with self._lock:
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None


def _changed(store: str, key: str) -> SourceChanged:
    return SourceChanged("the file changed while it was read", store=store, operation="get", key=key)


def require_unchanged(descriptor: int, before: os.stat_result, store: str, key: str) -> None:
    """Raise `SourceChanged` unless size and mtime are what they were."""
    now = os.fstat(descriptor)
    if now.st_size != before.st_size or now.st_mtime_ns != before.st_mtime_ns:
        raise _changed(store, key)


class FileReader:
    """What `get` hands out."""

    __slots__ = ("_opened", "_threads", "info")

    def __init__(self, opened: Opened, threads: DiskThreads) -> None:
        self.info = opened.info
        self._opened = opened
        self._threads = threads

    async def chunks(self) -> AsyncIterator[bytes]:
        """The content in steps of up to a mebibyte, once."""
        _, data, file = self._opened
        if data:
            yield data
        if file is not None:
            while step := await self._threads.run(file.step):
                yield step

    async def read(self) -> bytes:
        """The whole content."""
        if self._opened.data is not None:
            return self._opened.data
        return b"".join([chunk async for chunk in self.chunks()])


class Opening:
    """What `get` returns: a context that opens the object in a thread and closes it there."""

    __slots__ = ("_arguments", "_file", "_open", "_threads")

    def __init__(self, threads: DiskThreads, open_object: Callable[..., Opened], arguments: tuple[Any, ...]) -> None:
        self._threads = threads
        self._open = open_object
        self._arguments = arguments
        self._file: OpenFile | None = None

    async def __aenter__(self) -> FileReader:
        opened = await self._threads.run(self._open, *self._arguments, discard=_discard)
        self._file = opened.file
        return FileReader(opened, self._threads)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._threads.submit(self._file.close)


def _discard(opened: Opened) -> None:
    if opened.file is not None:
        opened.file.close()


class Reader:
    """Finds and opens the objects of one root."""

    def __init__(self, root: Root, keeper: RecordKeeper, symlinks: Symlinks, store: str) -> None:
        self._root = root
        self._keeper = keeper
        self._stores_links = symlinks is Symlinks.STORE
        self._store = store

    def look(self, key: str, operation: str = "head") -> Seen:
        """What is there under this key. Raises `NotFound` for what the listing would not show."""
        path = self._root.readable_path(key, operation)
        status = os.lstat(path)
        if key[-1] == "/":
            return self._look_at_folder(path, key, status, operation)
        if stat.S_ISREG(status.st_mode):
            return self._described(key, status, self._keeper.load(path, key))
        if stat.S_ISLNK(status.st_mode) and self._stores_links:
            return self._described_link(key, status)
        raise self._absent(key, operation)

    def _look_at_folder(self, path: str, key: str, status: os.stat_result, operation: str) -> Seen:
        record = self._keeper.load(path, key) if stat.S_ISDIR(status.st_mode) else None
        if record is None:
            raise self._absent(key, operation)
        attributes = current_attributes(record.attributes, status, with_mtime=False)
        info = ObjectInfo(
            key, 0, record.etag, record.modified_ns, attributes=attributes, tag_count=len(attributes.tags or {})
        )
        return Seen(info, ())

    def _described(self, key: str, status: os.stat_result, record: Record | None) -> Seen:
        size_bytes, modified_ns = status.st_size, status.st_mtime_ns
        if record is None:
            return Seen(ObjectInfo(key, size_bytes, None, modified_ns, None, None, plain_attributes(status), 0), ())
        attributes = current_attributes(record.attributes, status)
        tag_count = len(attributes.tags or {})
        if not record.fits(status):
            return Seen(ObjectInfo(key, size_bytes, None, modified_ns, None, None, attributes, tag_count), ())
        parts = record.part_sizes
        count = len(parts) or None
        return Seen(
            ObjectInfo(key, size_bytes, record.etag, modified_ns, None, None, attributes, tag_count, count), parts
        )

    def _described_link(self, key: str, status: os.stat_result) -> Seen:
        raw = self._keeper.load_sidecar(key)
        if raw is not None:
            return self._described(key, status, raw)._replace(is_link=True)
        attributes = Attributes(metadata={"symlink": "true", "mtime": format_seconds(status.st_mtime_ns)}, tags={})
        info = ObjectInfo(key, status.st_size, None, status.st_mtime_ns, attributes=attributes, tag_count=0)
        return Seen(info, (), is_link=True)

    def open(
        self, key: str, byte_range: ByteRange | None = None, part: int | None = None, condition: Condition | None = None
    ) -> Opened:
        """Open an object, or read it at once if it is small."""
        path = self._root.readable_path(key, "get")
        try:
            descriptor = os.open(path, _READ)
        except OSError as error:
            if error.errno == errno.ELOOP and self._stores_links:
                return self._open_link(key, path, byte_range, part, condition)
            raise
        keep = False
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or key[-1] == "/":
                return self._open_folder(key, condition)
            seen = self._described(key, status, self._keeper.load(descriptor, key))
            self.check(key, seen.info, condition, "get")
            first, length_bytes = self._span(key, seen, byte_range, part)
            is_whole = byte_range is None and part is None
            info = seen.info if is_whole else seen.info._replace(size_bytes=length_bytes)
            if length_bytes > SMALL_BYTES:
                keep = True
                file = OpenFile(descriptor, status, first, length_bytes, self._store, key)
                return Opened(info, None, file)
            data = _read_exactly(descriptor, first, length_bytes)
            require_unchanged(descriptor, status, self._store, key)
            if len(data) != length_bytes:
                raise _changed(self._store, key)
            return Opened(self._hashed(info, data) if is_whole else info, data, None)
        finally:
            if not keep:
                os.close(descriptor)

    def _hashed(self, info: ObjectInfo, data: bytes) -> ObjectInfo:
        digest = md5_hex(data)
        if info.etag is not None and info.etag != digest and is_md5_etag(info.etag):
            raise Corrupt(
                "the content is not what was written, though size and mtime are",
                store=self._store,
                operation="get",
                key=info.key,
                hint="the disk is failing, or a program put the mtime back: restore the file, or touch it to accept it",
            )
        return info._replace(checksum=Checksum(ChecksumAlgorithm.MD5, digest))

    def _open_folder(self, key: str, condition: Condition | None) -> Opened:
        seen = self.look(key, "get")
        self.check(key, seen.info, condition, "get")
        return Opened(seen.info, b"", None)

    def _open_link(
        self, key: str, path: str, byte_range: ByteRange | None, part: int | None, condition: Condition | None
    ) -> Opened:
        seen = self.look(key, "get")
        self.check(key, seen.info, condition, "get")
        data = os.fsencode(os.readlink(path))
        if len(data) != seen.info.size_bytes:
            raise _changed(self._store, key)
        first, length_bytes = self._span(key, seen, byte_range, part)
        return Opened(seen.info._replace(size_bytes=length_bytes), data[first : first + length_bytes], None)

    def _span(self, key: str, seen: Seen, byte_range: ByteRange | None, part: int | None) -> ByteRange:
        """Where to read, cut to what there is."""
        size_bytes = seen.info.size_bytes
        if part is not None:
            sizes = seen.part_sizes or (size_bytes,)
            if not 1 <= part <= len(sizes):
                raise Rejected(f"there is no part {part} of {len(sizes)}", store=self._store, operation="get", key=key)
            return ByteRange(sum(sizes[: part - 1]), sizes[part - 1])
        if byte_range is None:
            return ByteRange(0, size_bytes)
        first, length_bytes = byte_range
        if first >= size_bytes:
            raise Rejected(f"offset {first} is behind the end", store=self._store, operation="get", key=key)
        return ByteRange(first, min(length_bytes, size_bytes - first))

    def check(self, key: str, info: ObjectInfo | None, condition: Condition | None, operation: str) -> None:
        """Raise `PreconditionFailed` if the condition does not hold for what is there."""
        if condition is None:
            return
        etag, modified_ns = (info.etag, info.modified_ns) if info is not None else (None, 0)
        if not holds(condition, present=info is not None, etag=etag, modified_ns=modified_ns):
            raise PreconditionFailed(
                "the file is another one by now" if info is not None else "the file is not there",
                store=self._store,
                operation=operation,
                key=key,
            )

    def _absent(self, key: str, operation: str) -> NotFound:
        return NotFound("there is no such file", store=self._store, operation=operation, key=key)


def _read_exactly(descriptor: int, first: int, length_bytes: int) -> bytes:
    """So many bytes; fewer only at the end of the file."""
    data = os.pread(descriptor, length_bytes, first)
    while len(data) < length_bytes:
        more = os.pread(descriptor, length_bytes - len(data), first + len(data))
        if not more:
            break
        data += more
    return data
