"""Where records are kept: in one extended attribute, or, where that cannot be, in a sidecar file.

Sidecars lie under `.brigade-meta/` at the root, named by a digest of the key, so that neither long names nor a file
beside a directory can collide. A sidecar belongs to a key; the inode in its record ties its ETag to one content.
"""

from __future__ import annotations

import errno
import hashlib
import os
import threading
from pathlib import Path

from brigade.stores.file.keys import SIDECAR_FOLDER
from brigade.stores.file.records import Record, decode_record, encode_record

RECORD_XATTR = "user.brigade"

_NO_SUCH_ATTRIBUTE = frozenset((errno.ENODATA,))
# No attributes on this file system, or on this kind of file (links): EPERM. Too big for it: the other three.
_NOT_TO_BE_HAD = frozenset((errno.ENOTSUP, errno.EPERM, errno.ENOSPC, errno.E2BIG, errno.ERANGE))

_NONE_TO_READ = _NO_SUCH_ATTRIBUTE | _NOT_TO_BE_HAD | {errno.EACCES}


class RecordKeeper:
    """Reads and writes the records of one root. All calls block: they belong in a thread."""

    def __init__(self, root: str, *, fsync: bool) -> None:
        self._folder = f"{root}/{SIDECAR_FOLDER}"
        self._fsync = fsync
        self.has_sidecars = False

    def look(self) -> None:
        """Notice sidecars that another process has made."""
        self.has_sidecars = Path(self._folder).is_dir()

    def raw(self, place: int | str, key: str) -> bytes | None:
        """The bytes of a record by open file or path, None if there is none."""
        try:
            return os.getxattr(place, RECORD_XATTR)
        except OSError as error:
            # EACCES: the file cannot be read. Whoever reads its content will hear of it; a listing goes on.
            if error.errno not in _NONE_TO_READ:
                raise
        return self.raw_sidecar(key)

    def load(self, place: int | str, key: str) -> Record | None:
        """The record by open file or path, None if there is none that can be read."""
        raw = self.raw(place, key)
        return None if raw is None else decode_record(raw)

    def load_sidecar(self, key: str) -> Record | None:
        """The record that is kept in a sidecar, None if there is none that can be read."""
        raw = self.raw_sidecar(key)
        return None if raw is None else decode_record(raw)

    def save(self, place: int | str, key: str, record: Record, inode: int) -> None:
        """Keep this record, replacing the one before in one step. `inode` is that of the file."""
        try:
            os.setxattr(place, RECORD_XATTR, encode_record(record._replace(inode=0)))
        except OSError as error:
            if error.errno not in _NOT_TO_BE_HAD:
                raise
            self.save_sidecar(key, record, inode)
            self._remove_xattr(place)
            return
        if self.has_sidecars:
            self._remove_sidecar(key)

    def save_sidecar(self, key: str, record: Record, inode: int) -> None:
        """Keep this record in a sidecar: for links, which take no attributes."""
        self._write_sidecar(key, encode_record(record._replace(inode=inode)))

    def forget(self, place: int | str | None, key: str) -> None:
        """Remove the record; `place` is None when the file itself is gone."""
        if place is not None:
            self._remove_xattr(place)
        if self.has_sidecars:
            self._remove_sidecar(key)

    @staticmethod
    def _remove_xattr(place: int | str) -> None:
        try:
            os.removexattr(place, RECORD_XATTR)
        except OSError as error:
            if error.errno not in _NO_SUCH_ATTRIBUTE and error.errno not in _NOT_TO_BE_HAD:
                raise

    def _path(self, key: str) -> str:
        digest = hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()
        return f"{self._folder}/{digest[:2]}/{digest[2:]}"

    def raw_sidecar(self, key: str) -> bytes | None:
        """The bytes of a record that is kept in a sidecar, None if there is none."""
        if not self.has_sidecars:
            return None
        try:
            return Path(self._path(key)).read_bytes()
        except FileNotFoundError:
            return None

    def _write_sidecar(self, key: str, raw: bytes) -> None:
        path = self._path(key)
        folder = os.path.dirname(path)
        os.makedirs(folder, exist_ok=True)
        self.has_sidecars = True
        # Two writers of one key need two names, and so do two processes.
        temporary = f"{path}.{os.getpid()}.{threading.get_ident()}"
        try:
            write_file(temporary, raw, fsync=self._fsync)
        except BaseException:
            os.unlink(temporary)
            raise
        os.replace(temporary, path)
        if self._fsync:
            sync_directory(folder)

    def _remove_sidecar(self, key: str) -> None:
        try:
            os.unlink(self._path(key))
        except FileNotFoundError:
            return


def write_file(path: str, content: bytes, *, fsync: bool) -> None:
    """Write a small file of our own."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
    try:
        os.write(descriptor, content)
        if fsync:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_directory(path: str) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
