"""A lazy walk over a directory tree in the order of the keys.

A directory sorts as its name and `/`, so that `a-b` comes before `a/b` as the bytes demand. Names are compared as Python
text, which is the order of the UTF-8 bytes. Held in memory: the names of the directories on the way down.
"""

from __future__ import annotations

import os
import stat
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from typing import NamedTuple

from brigade.objects import ObjectInfo
from brigade.stores.file.keys import RESERVED_FOLDERS, has_place
from brigade.stores.file.places import Root
from brigade.stores.file.records import glance
from brigade.stores.file.settings import FileSettings, Symlinks
from brigade.stores.file.sidecars import RecordKeeper


class _Frame(NamedTuple):
    """One directory on the way down: `names` are those still to come, the next one last."""

    path: str
    prefix: str
    names: list[str]
    identity: tuple[int, int]


class Walk:
    """One listing under way. `page` blocks: it belongs in a thread, and in one at a time."""

    def __init__(
        self,
        root: Root,
        settings: FileSettings,
        keeper: RecordKeeper,
        skip: Callable[[str, str], None],
        *,
        prefix: str,
        start_after: str,
    ) -> None:
        self._root = root.path
        self._settings = settings
        self._keeper = keeper
        self._skip = skip
        self._prefix = prefix
        self._after = start_after
        self._stack: list[_Frame] = []
        self._device = os.stat(root.path).st_dev
        self._needs_identity = settings.one_file_system or settings.symlinks is Symlinks.FOLLOW
        self._waiting: ObjectInfo | None = None
        folder = prefix.rpartition("/")[0]
        if not (folder and root.is_misspelled(folder)):
            self._begin(folder)

    def page(self, limit: int) -> tuple[list[ObjectInfo], bool]:
        """The next entries, and whether more follow."""
        entries: list[ObjectInfo] = []
        if self._waiting is not None:
            entries.append(self._waiting)
            self._waiting = None
        while (entry := self._next()) is not None:
            if len(entries) == limit:
                self._waiting = entry
                return entries, True
            entries.append(entry)
        return entries, False

    def _begin(self, folder: str) -> None:
        """Go straight to the directory that holds the prefix, through no link that the walk would not take."""
        path, prefix = self._root, ""
        if folder and (not has_place(folder) or folder.partition("/")[0] in RESERVED_FOLDERS):
            return
        for segment in folder.split("/") if folder else ():
            # A directory above, with no names to come from it: a loop must be seen from inside, too.
            identity = self._entry_permit(path, prefix)
            if identity is None:
                return
            self._stack.append(_Frame(path, prefix, [], identity))
            path, prefix = f"{path}/{segment}", f"{prefix}{segment}/"
            if not self._is_directory(path, prefix[:-1]):
                return
        self._waiting = self._folder(path, prefix) if folder else self._descend(path, prefix, is_root=True)

    def _is_directory(self, path: str, key: str) -> bool:
        try:
            status = os.lstat(path)
            if stat.S_ISLNK(status.st_mode):
                followed = self._followed(path, key)
                return followed is not None and stat.S_ISDIR(followed.st_mode)
        except (FileNotFoundError, NotADirectoryError):
            return False
        return stat.S_ISDIR(status.st_mode)

    def _next(self) -> ObjectInfo | None:
        stack = self._stack
        while stack:
            path, prefix, names, _ = stack[-1]
            if not names:
                stack.pop()
                continue
            name = names.pop()
            if name[-1] == "/":
                entry = self._folder(f"{path}/{name[:-1]}", f"{prefix}{name}")
            else:
                entry = self._file(f"{path}/{name}", f"{prefix}{name}")
            if entry is not None:
                return entry
        return None

    def _file(self, path: str, key: str) -> ObjectInfo | None:
        try:
            status = os.lstat(path)
            if not stat.S_ISREG(status.st_mode):
                if not stat.S_ISLNK(status.st_mode):
                    # A directory here was a file when its name was read; the next listing sees it.
                    if not stat.S_ISDIR(status.st_mode):
                        self._skip(key, "not a regular file: a socket, pipe or device")
                    return None
                if self._settings.symlinks is not Symlinks.STORE:
                    followed = self._followed(path, key)
                    if followed is None or not stat.S_ISREG(followed.st_mode):
                        return None
                    status = followed
                else:
                    return self._described(path, key, status, is_link=True)
            return self._described(path, key, status)
        except FileNotFoundError:
            return None

    def _described(self, path: str, key: str, status: os.stat_result, *, is_link: bool = False) -> ObjectInfo:
        size_bytes, modified_ns = status.st_size, status.st_mtime_ns
        # Links cannot carry attributes of their own, and asking would answer for what they point to.
        raw = self._keeper.raw_sidecar(key) if is_link else self._keeper.raw(path, key)
        if raw is not None and (record := glance(raw)) is not None:
            fits = (
                record.size_bytes == size_bytes
                and record.modified_ns == modified_ns
                and record.inode in (0, status.st_ino)
            )
            etag = record.etag if fits else None
            return ObjectInfo(key, size_bytes, etag, modified_ns, None, None, None, record.tag_count)
        return ObjectInfo(key, size_bytes, None, modified_ns, None, None, None, 0)

    def _followed(self, path: str, key: str) -> os.stat_result | None:
        """What a link leads to, None (and counted) if it is not to be followed."""
        if self._settings.symlinks is not Symlinks.FOLLOW:
            if self._settings.symlinks is Symlinks.SKIP:
                self._skip(key, "symbolic link")
            return None
        try:
            real = os.path.realpath(path, strict=True)
            status = os.stat(real)
        except FileNotFoundError:
            self._skip(key, "symbolic link that leads nowhere")
            return None
        except OSError:
            self._skip(key, "symbolic link that leads into itself")
            return None
        inside = real.removeprefix(self._root)
        if real != self._root and (inside == real or not inside.startswith("/")):
            self._skip(key, "symbolic link that leaves the root")
            return None
        if inside.strip("/").partition("/")[0] in RESERVED_FOLDERS:
            self._skip(key, "symbolic link into the store's own files")
            return None
        return status

    def _folder(self, path: str, prefix: str) -> ObjectInfo | None:
        try:
            return self._descend(path, prefix, is_root=False)
        except (FileNotFoundError, NotADirectoryError):
            # Gone since its name was read: not there, as long as the root still is.
            os.stat(self._root)
            return None

    def _descend(self, path: str, prefix: str, *, is_root: bool) -> ObjectInfo | None:
        """Go into a directory; its own entry if it is marked as a folder object."""
        identity = self._entry_permit(path, prefix)
        if identity is None:
            return None
        self._stack.append(_Frame(path, prefix, self._names(path, prefix), identity))
        if is_root or prefix <= self._after or not prefix.startswith(self._prefix):
            return None
        return folder_object(self._keeper, path, prefix)

    def _entry_permit(self, path: str, prefix: str) -> tuple[int, int] | None:
        """The identity of a directory that may be entered, None (and counted) for one that may not."""
        if not self._needs_identity:
            return (0, 0)
        status = os.stat(path)
        if self._settings.one_file_system and status.st_dev != self._device:
            self._skip(prefix, "on another file system")
            return None
        identity = (status.st_dev, status.st_ino)
        if any(frame.identity == identity for frame in self._stack):
            self._skip(prefix, "symbolic link to a directory that holds it")
            return None
        return identity

    def _names(self, path: str, prefix: str) -> list[str]:
        names = []
        with os.scandir(path) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    names.append(f"{entry.name}/")
                elif self._settings.symlinks is Symlinks.FOLLOW and entry.is_symlink():
                    name = self._link_name(entry, prefix)
                    if name is not None:
                        names.append(name)
                else:
                    names.append(entry.name)
        if not prefix:
            names = [name for name in names if name.rstrip("/") not in RESERVED_FOLDERS]
        names.sort()
        names = self._from_start(names, prefix)
        wanted = self._prefix[len(prefix) :]
        if wanted:
            names = [name for name in names if name.startswith(wanted)]
        names.reverse()
        return names

    def _link_name(self, entry: os.DirEntry[str], prefix: str) -> str | None:
        """The name of a link that is followed, as what it leads to; None if it is not."""
        status = self._followed(entry.path, f"{prefix}{entry.name}")
        if status is None:
            return None
        return f"{entry.name}/" if stat.S_ISDIR(status.st_mode) else entry.name

    def _from_start(self, names: list[str], prefix: str) -> list[str]:
        """The names from which something can come after `start_after`."""
        after = self._after
        if not after.startswith(prefix):
            return names if after <= prefix else []
        rest = after[len(prefix) :]
        if not rest:
            return names
        head, slash, _ = rest.partition("/")
        if slash:
            return names[bisect_left(names, f"{head}/") :]
        return names[bisect_right(names, rest) :]


def folder_object(keeper: RecordKeeper, path: str, key: str) -> ObjectInfo | None:
    """The entry of a directory that is marked as a folder object, None for any other directory."""
    raw = keeper.raw(path, key)
    record = None if raw is None else glance(raw)
    if record is None:
        return None
    # A directory's own mtime moves with every name in it; the mark remembers when the object was written.
    return ObjectInfo(key, 0, record.etag, record.modified_ns, None, None, None, record.tag_count)
