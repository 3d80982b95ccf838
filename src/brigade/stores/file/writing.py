"""Writing files: whole or not at all, with their record in place before they become visible.

The functions block: they belong in a thread.
"""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from brigade.errors import Corrupt, InvalidKey, NotFound, Rejected, Truncated
from brigade.objects import Attributes, Checksum, ChecksumAlgorithm, ObjectInfo
from brigade.stores.base import ALWAYS, Condition
from brigade.stores.digests import md5_hex
from brigade.stores.file.places import Parent, Root
from brigade.stores.file.reading import Reader, Seen, require_unchanged
from brigade.stores.file.records import Record, carried, requested_times
from brigade.stores.file.settings import FileSettings, Symlinks
from brigade.stores.file.sidecars import RecordKeeper
from brigade.stores.file.temporary import TemporaryFile, TemporaryFolder

_STEP_BYTES = 1024 * 1024
_TRIES = 8  # A directory of ours may be pruned by a delete between being made and being used.
_NO_HARD_LINKS = frozenset((errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK))


class Written(NamedTuple):
    """What a write made, and the directories to flush before it is durable."""

    info: ObjectInfo
    changed: tuple[str, ...]


class Writer:
    """Puts objects of one root in place."""

    def __init__(
        self,
        root: Root,
        keeper: RecordKeeper,
        folder: TemporaryFolder,
        reader: Reader,
        settings: FileSettings,
        store: str,
    ) -> None:
        self._root = root
        self._keeper = keeper
        self._folder = folder
        self._reader = reader
        self._fsync = settings.fsync
        self._stores_links = settings.symlinks is Symlinks.STORE
        self._store = store
        # One conditional write at a time, so that in this process nothing comes between check and rename.
        self._conditional = threading.Lock()

    def begin(self, key: str, operation: str, expect: Checksum | None = None) -> TemporaryFile:
        """A file to write into, once it is sure that the key has a place."""
        self._root.refuse_conflict(key, operation)
        return self._folder.new_file(expect)

    def put_whole(
        self,
        key: str,
        chunks: Sequence[bytes],
        size_bytes: int,
        attributes: Attributes,
        condition: Condition,
        expect: Checksum | None,
    ) -> Written:
        """A put of content that is in memory, from its begin to its end."""
        if key[-1] == "/" or (self._stores_links and attributes.metadata.get("symlink") == "true"):
            return self._put_special(key, b"".join(chunks), size_bytes, attributes, condition, expect)
        file = self.begin(key, "put", expect)
        try:
            file.write(chunks)
        except BaseException:
            file.discard()
            raise
        return self.finish(file, key, size_bytes, attributes, condition, expect)

    def finish(
        self,
        file: TemporaryFile,
        key: str,
        size_bytes: int,
        attributes: Attributes,
        condition: Condition = ALWAYS,
        expect: Checksum | None = None,
        *,
        operation: str = "put",
        etag: str | None = None,
        part_sizes: tuple[int, ...] = (),
    ) -> Written:
        """Check what was written, dress it and make it visible; leave nothing behind if that fails."""
        try:
            self.check_content(operation, key, file.size_bytes, size_bytes, file.matches(expect), expect)
            etag = etag or file.md5_hex()
            modified_ns = self._dress(file.descriptor, key, carried(attributes), etag, part_sizes)
            file.close()
            changed = self._publish(file.path, key, condition, operation)
        except BaseException:
            file.discard()
            raise
        return Written(ObjectInfo(key, size_bytes, etag, modified_ns), changed)

    def check_content(
        self, operation: str, key: str, came_bytes: int, promised_bytes: int, matches: bool, expect: Checksum | None
    ) -> None:
        """Raise unless as many bytes came as promised, with the checksum expected."""
        if came_bytes < promised_bytes:
            reason = f"{came_bytes} of {promised_bytes} promised bytes came"
            raise Truncated(reason, store=self._store, operation=operation, key=key)
        if came_bytes > promised_bytes:
            reason = f"{came_bytes} bytes came where {promised_bytes} were promised"
            raise Corrupt(reason, store=self._store, operation=operation, key=key)
        if not matches and expect is not None:
            reason = f"the {expect.algorithm} of what came is not the one promised"
            raise Corrupt(reason, store=self._store, operation=operation, key=key)

    def _dress(
        self, descriptor: int, key: str, attributes: Attributes, etag: str | None, part_sizes: tuple[int, ...]
    ) -> int:
        """Set mtime, mode and record of an open file and flush it; the mtime that it has then."""
        modified_ns, mode = requested_times(attributes.metadata)
        if mode is not None:
            os.fchmod(descriptor, mode)
        status = os.fstat(descriptor)
        if modified_ns is not None:
            os.utime(descriptor, ns=(status.st_atime_ns, modified_ns))
            status = os.fstat(descriptor)
        record = Record(status.st_size, status.st_mtime_ns, 0, etag, attributes, part_sizes)
        self._keeper.save(descriptor, key, record, status.st_ino)
        if self._fsync:
            os.fsync(descriptor)
        return status.st_mtime_ns

    # Making it visible

    def _publish(self, temporary: str, key: str, condition: Condition, operation: str) -> tuple[str, ...]:
        for attempt in range(1, _TRIES + 1):
            parent: Parent | None = None
            try:
                parent = self._root.open_parent(key, operation, create=True)
                self._rename(temporary, key, parent, condition, operation)
                return parent.changed
            except FileNotFoundError:
                if attempt == _TRIES or not os.path.lexists(temporary):
                    raise
            except IsADirectoryError:
                if parent is None or attempt == _TRIES:
                    raise
                self._make_way(key, parent, operation)
            finally:
                if parent is not None:
                    os.close(parent.descriptor)
        raise AssertionError("the last try returns or raises")

    def _make_way(self, key: str, parent: Parent, operation: str) -> None:
        """An empty directory is no object and gives way to one; a folder object does not."""
        if self._current(f"{key}/") is None:
            with suppress(OSError):
                os.rmdir(parent.name, dir_fd=parent.descriptor)
                return
        raise self._root.conflict_with_directory(key, operation)

    def _rename(self, temporary: str, key: str, parent: Parent, condition: Condition, operation: str) -> None:
        if condition == ALWAYS:
            os.replace(temporary, parent.name, dst_dir_fd=parent.descriptor)
            return
        with self._conditional:
            self._reader.check(key, self._current(key), condition, operation)
            if condition.if_none_match != "*" or not self._link(temporary, key, parent, condition, operation):
                os.replace(temporary, parent.name, dst_dir_fd=parent.descriptor)

    def _link(self, temporary: str, key: str, parent: Parent, condition: Condition, operation: str) -> bool:
        """Make a name that must be new in one step, so that another process cannot come between."""
        try:
            os.link(temporary, parent.name, dst_dir_fd=parent.descriptor, follow_symlinks=False)
        except FileExistsError as error:
            self._reader.check(key, self._current(key), condition, operation)
            raise IsADirectoryError(error.errno, error.strerror) from error
        except OSError as error:
            if error.errno in _NO_HARD_LINKS:
                return False
            raise
        os.unlink(temporary)
        return True

    def _current(self, key: str) -> ObjectInfo | None:
        try:
            return self._reader.look(key, "put").info
        except (NotFound, FileNotFoundError, NotADirectoryError):
            return None

    # Folder objects and links

    def _put_special(
        self,
        key: str,
        content: bytes,
        size_bytes: int,
        attributes: Attributes,
        condition: Condition,
        expect: Checksum | None,
    ) -> Written:
        matches = expect is None or (expect.algorithm is ChecksumAlgorithm.MD5 and expect.hex == md5_hex(content))
        self.check_content("put", key, len(content), size_bytes, matches, expect)
        self._root.refuse_conflict(key, "put")
        if key[-1] == "/":
            return self._put_folder(key, content, attributes, condition)
        return self._put_link(key, content, attributes, condition)

    def _put_folder(self, key: str, content: bytes, attributes: Attributes, condition: Condition) -> Written:
        if content:
            raise self._full_folder(key, "put")
        self._reader.check(key, self._current(key), condition, "put")
        # Opening the parent of a name inside the folder makes the folder itself.
        inside = self._root.open_parent(f"{key}.", "put", create=True)
        try:
            modified_ns, mode = requested_times(attributes.metadata)
            if mode is not None:
                os.fchmod(inside.descriptor, mode | stat.S_IRWXU)
            if modified_ns is None:
                modified_ns = os.fstat(inside.descriptor).st_mtime_ns
            etag = md5_hex(b"")
            record = Record(0, modified_ns, 0, etag, carried(attributes))
            self._keeper.save(inside.descriptor, key, record, 0)
        finally:
            os.close(inside.descriptor)
        return Written(ObjectInfo(key, 0, etag, modified_ns), inside.changed)

    def _full_folder(self, key: str, operation: str) -> InvalidKey:
        reason = "a directory cannot hold this key: it ends with `/` and has content"
        return InvalidKey(reason, store=self._store, operation=operation, key=key)

    def _put_link(self, key: str, content: bytes, attributes: Attributes, condition: Condition) -> Written:
        if not content or b"\0" in content:
            reason = "the text of a symbolic link cannot be empty or hold NUL"
            raise Rejected(reason, store=self._store, operation="put", key=key)
        temporary = self._folder.new_path()
        os.symlink(os.fsdecode(content), temporary)
        try:
            modified_ns, _ = requested_times(attributes.metadata)
            if modified_ns is not None:
                os.utime(temporary, ns=(modified_ns, modified_ns), follow_symlinks=False)
            status = os.lstat(temporary)
            etag = md5_hex(content)
            record = Record(status.st_size, status.st_mtime_ns, 0, etag, carried(attributes))
            self._keeper.save_sidecar(key, record, status.st_ino)
            changed = self._publish(temporary, key, condition, "put")
        except BaseException:
            os.unlink(temporary)
            raise
        return Written(ObjectInfo(key, len(content), etag, status.st_mtime_ns), changed)

    # Copying inside, and attributes alone

    def copy(self, source_key: str, target_key: str, attributes: Attributes | None, condition: Condition) -> Written:
        """Copy the content inside the kernel where its ETag is known, else hash it on the way."""
        seen = self._reader.look(source_key, "copy")
        self._reader.check(source_key, seen.info, condition, "copy")
        wanted = seen.info.attributes if attributes is None else attributes
        assert wanted is not None
        if source_key == target_key:
            return self.redress(source_key, wanted)
        if target_key[-1] == "/" and seen.info.size_bytes:
            raise self._full_folder(target_key, "copy")
        if seen.is_link or source_key[-1] == "/" or target_key[-1] == "/":
            data = self._reader.open(source_key).data or b""  # Links and folder objects are always small.
            return self.put_whole(target_key, [data], len(data), wanted, ALWAYS, None)
        return self._copy_file(source_key, target_key, seen, wanted)

    def _copy_file(self, source_key: str, target_key: str, seen: Seen, attributes: Attributes) -> Written:
        source = os.open(self._root.readable_path(source_key, "copy"), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            status = os.fstat(source)
            if (status.st_size, status.st_mtime_ns) != (seen.info.size_bytes, seen.info.modified_ns):
                require_unchanged(source, status, self._store, source_key)
                seen = self._reader.look(source_key, "copy")
            file = self.begin(target_key, "copy")
            try:
                if seen.info.etag is None:
                    while chunk := os.read(source, _STEP_BYTES):
                        file.write([chunk])
                else:
                    file.append_from(source, status.st_size)
                require_unchanged(source, status, self._store, source_key)
            except BaseException:
                file.discard()
                raise
        finally:
            os.close(source)
        return self.finish(
            file,
            target_key,
            status.st_size,
            attributes,
            operation="copy",
            etag=seen.info.etag,
            part_sizes=seen.part_sizes,
        )

    def redress(self, key: str, attributes: Attributes) -> Written:
        """Replace the attributes and leave the content; its ETag holds on."""
        seen = self._reader.look(key, "copy")
        etag = seen.info.etag
        wanted = carried(attributes)
        path = self._root.readable_path(key, "copy")
        if seen.is_link:
            status = os.lstat(path)
            record = Record(status.st_size, status.st_mtime_ns, 0, etag, wanted)
            self._keeper.save_sidecar(key, record, status.st_ino)
            return Written(seen.info, ())
        if key[-1] == "/":
            self._keeper.save(path, key, Record(0, seen.info.modified_ns, 0, etag, wanted), 0)
            return Written(seen.info, ())
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            status = os.fstat(descriptor)
            if status.st_mtime_ns != seen.info.modified_ns or status.st_size != seen.info.size_bytes:
                etag = None
            modified_ns = self._dress(descriptor, key, wanted, etag, seen.part_sizes if etag else ())
        finally:
            os.close(descriptor)
        return Written(ObjectInfo(key, status.st_size, etag, modified_ns), ())

    def write_tags(self, key: str, tags: Mapping[str, str]) -> None:
        """Replace the tags and nothing else."""
        attributes = self._reader.look(key, "write_tags").info.attributes
        assert attributes is not None
        self.redress(key, attributes.with_tags(dict(tags)))
