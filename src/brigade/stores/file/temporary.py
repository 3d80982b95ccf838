"""Files on their way: written under `.brigade-tmp/` on the same file system, seen by no listing.

Each process has a folder of its own there and holds a lock on it, which the kernel drops when the process dies.
Whoever writes next sweeps the folders that nobody holds, so a kill leaves nothing behind for long.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
import threading
from collections.abc import Sequence
from contextlib import suppress

from brigade.clock import Clock
from brigade.objects import Checksum, ChecksumAlgorithm
from brigade.stores.digests import Digest, new_digest
from brigade.stores.file.keys import TEMPORARY_FOLDER
from brigade.stores.file.places import Root

_FOLDER_MARK = "w-"
_NAME_SPACE = 1 << 48
_COPY_STEP_BYTES = 1 << 30
_NO_COPY_RANGE = frozenset((errno.EXDEV, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP))


class TemporaryFile:
    """One file being written, hashed on the way. The lock lets a cancelled caller discard it at any moment."""

    def __init__(self, path: str, expect: Checksum | None = None) -> None:
        self.path = path
        self.size_bytes = 0
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._other: Digest | None = None
        if expect is not None and expect.algorithm is not ChecksumAlgorithm.MD5:
            self._other = new_digest(expect.algorithm)
        self._lock = threading.Lock()
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        self._descriptor: int | None = os.open(path, flags, 0o666)

    @property
    def descriptor(self) -> int:
        """The open file."""
        if self._descriptor is None:
            raise RuntimeError(f"{self.path} was closed while it was written")
        return self._descriptor

    def write(self, chunks: Sequence[bytes]) -> None:
        """Append these bytes."""
        with self._lock:
            descriptor = self.descriptor
            for chunk in chunks:
                self._md5.update(chunk)
                if self._other is not None:
                    self._other.update(chunk)
                write_all(descriptor, chunk)
                self.size_bytes += len(chunk)

    def append_from(self, source: int, size_bytes: int) -> None:
        """Append so many bytes of an open file from its position, inside the kernel. They are not hashed."""
        with self._lock:
            remaining = size_bytes
            while remaining:
                copied = _copy_inside_kernel(source, self.descriptor, remaining)
                if not copied:
                    return  # The source is shorter than it was; whoever promised the size compares.
                remaining -= copied
                self.size_bytes += copied

    def md5_hex(self) -> str:
        """The MD5 of what was written so far."""
        return self._md5.hexdigest()

    def matches(self, expect: Checksum | None) -> bool:
        """Whether what was written has this checksum."""
        if expect is None:
            return True
        digest: Digest = self._md5 if self._other is None else self._other
        return digest.hexdigest() == expect.hex

    def close(self) -> None:
        """Close it; the file stays."""
        with self._lock:
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None

    def discard(self) -> None:
        """Close and remove it. It may be gone already."""
        self.close()
        remove_quietly(self.path)


def write_all(descriptor: int, chunk: bytes) -> None:
    """Write the whole chunk: the kernel may take less at a time."""
    written = os.write(descriptor, chunk)
    if written != len(chunk):
        view = memoryview(chunk)
        while written < len(chunk):
            written += os.write(descriptor, view[written:])


def _copy_inside_kernel(source: int, target: int, size_bytes: int) -> int:
    try:
        return os.copy_file_range(source, target, min(size_bytes, _COPY_STEP_BYTES))
    except OSError as error:
        if error.errno not in _NO_COPY_RANGE:
            raise
    return os.sendfile(target, source, None, min(size_bytes, _COPY_STEP_BYTES))


def remove_quietly(path: str) -> None:
    """Unlink a file of our own that may be gone already."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return


class TemporaryFolder:
    """This process's folder for files on their way, made with the first one. All calls block."""

    def __init__(self, root: Root, clock: Clock) -> None:
        self.parent = f"{root.path}/{TEMPORARY_FOLDER}"
        self._root = root
        self._clock = clock
        self._lock = threading.Lock()
        self._held: int | None = None
        self._path = ""
        self._serial = 0

    def new_path(self) -> str:
        """A path that no file has yet."""
        with self._lock:
            if self._held is None:
                self._claim()
            self._serial += 1
            return f"{self._path}/{self._serial:x}"

    def new_file(self, expect: Checksum | None = None) -> TemporaryFile:
        """An open file to write into."""
        try:
            return TemporaryFile(self.new_path(), expect)
        except FileNotFoundError:
            self._release()  # Somebody tidied up behind our back.
            return TemporaryFile(self.new_path(), expect)

    def _release(self) -> None:
        with self._lock:
            if self._held is not None:
                os.close(self._held)
                self._held = None

    def make_folder(self, mark: str) -> str:
        """Make a folder under a new name beginning with `mark`; its path."""
        self._root.require("put")  # Never into the empty directory that an unmounted disk leaves.
        with suppress(FileExistsError):
            os.mkdir(self.parent)
        number = int(self._clock.random() * _NAME_SPACE)
        while True:
            path = f"{self.parent}/{mark}{number:012x}"
            try:
                os.mkdir(path)
            except FileExistsError:
                number += 1  # Chance may repeat itself, and does in tests.
            else:
                return path

    def _claim(self) -> None:
        while self._held is None:
            self._path = self.make_folder(_FOLDER_MARK)
            self._held = _lock_folder(self._path)
        self._sweep()

    def _sweep(self) -> None:
        """Remove the folders of processes that died."""
        with os.scandir(self.parent) as entries:
            paths = [entry.path for entry in entries if entry.name.startswith(_FOLDER_MARK)]
        for path in paths:
            if path != self._path and (held := _lock_folder(path)) is not None:
                shutil.rmtree(path, ignore_errors=True)
                os.close(held)

    def close(self) -> None:
        """Remove the folder, and `.brigade-tmp/` itself if nothing else is in it."""
        with self._lock:
            if self._held is None:
                return
            shutil.rmtree(self._path, ignore_errors=True)
            os.close(self._held)
            self._held = None
        try:
            os.rmdir(self.parent)
        except OSError:
            return  # Others are at work in it, or an upload waits there to be resumed.


def _lock_folder(path: str) -> int | None:
    """Hold a folder for this process; None if another process holds it, or has swept it away."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(descriptor), os.stat(path)):
            return descriptor
    except OSError:
        pass  # Held by another process, or gone: both mean that it is not ours.
    os.close(descriptor)
    return None
