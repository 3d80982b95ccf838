"""From a key to its place under the root, and never outside of it.

Writing walks down by open directories, each entered without following links, so that nobody can swap a directory
for a link between the check and the use.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from typing import NamedTuple

from brigade.errors import BucketMissing, InvalidKey, NotFound
from brigade.stores.file.casing import folds_case, other_spelling
from brigade.stores.file.keys import RESERVED_FOLDERS, has_place
from brigade.stores.file.settings import Symlinks

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class Parent(NamedTuple):
    """The open directory in which a key's name stands. `changed` are directories that got new names in them."""

    descriptor: int
    name: str
    changed: tuple[str, ...]


class Root:
    """One root directory. All calls block: they belong in a thread."""

    def __init__(self, path: str, symlinks: Symlinks, store: str) -> None:
        self.path = os.path.realpath(path)
        self._follows = symlinks is Symlinks.FOLLOW
        self._store = store
        self._identity: tuple[int, int] | None = None
        self.folds_case: bool | None = None

    def settle(self) -> None:
        """Remember which directory this is, so that a vanished mount is noticed later."""
        self._identity = None
        self.require("open")
        status = os.stat(self.path)
        self._identity = (status.st_dev, status.st_ino)
        self.folds_case = folds_case(self.path)

    def require(self, operation: str) -> None:
        """Raise `BucketMissing` unless the root is there and still the directory that was opened."""
        try:
            status = os.stat(self.path)
        except (FileNotFoundError, NotADirectoryError):
            hint = "create it, mount it, or correct the path"
            raise BucketMissing(
                f"the directory {self.path} does not exist", store=self._store, operation=operation, hint=hint
            ) from None
        if not stat.S_ISDIR(status.st_mode):
            raise BucketMissing(f"{self.path} is not a directory", store=self._store, operation=operation)
        if self._identity not in (None, (status.st_dev, status.st_ino)):
            raise BucketMissing(
                f"{self.path} is another directory than when it was opened",
                store=self._store,
                operation=operation,
                hint="it was unmounted or replaced: mount it again",
            )

    def is_misspelled(self, key: str) -> bool:
        """Whether a file system that ignores case would answer for a name spelled otherwise."""
        return bool(self.folds_case) and other_spelling(self.path, key) is not None

    def path_of(self, key: str) -> str:
        """The path of a key's file or folder, links and all."""
        return f"{self.path}/{key.rstrip('/')}"

    def readable_path(self, key: str, operation: str) -> str:
        """The path to read a key from. Raises `NotFound` where the listing would not show it."""
        if not has_place(key) or self.is_misspelled(key):
            raise self._absent(key, operation)
        if self._follows:
            return self._real_path(key, operation)
        path = self.path
        segments = key.rstrip("/").split("/")
        for segment in segments[:-1]:
            path = f"{path}/{segment}"
            if not stat.S_ISDIR(os.lstat(path).st_mode):
                raise self._absent(key, operation)
        return f"{path}/{segments[-1]}"

    def _real_path(self, key: str, operation: str) -> str:
        try:
            real = os.path.realpath(self.path_of(key), strict=True)
        except OSError:
            raise self._absent(key, operation) from None
        if self._inside(real) is None:
            raise self._absent(key, operation)
        return real

    def _inside(self, real: str) -> str | None:
        """The part of a real path below the root, None if it is outside or in a folder of our own."""
        inside = real.removeprefix(f"{self.path}/")
        if inside == real or inside.partition("/")[0] in RESERVED_FOLDERS:
            return None
        return inside

    def _absent(self, key: str, operation: str) -> NotFound:
        return NotFound("there is no such file", store=self._store, operation=operation, key=key)

    def refuse_conflict(self, key: str, operation: str) -> None:
        """Raise `InvalidKey` if a file stands where this key needs a directory, or the other way round."""
        if self.folds_case is not False:
            self._refuse_other_spelling(key, operation)
        path = self.path_of(key)
        try:
            status = os.lstat(path)
        except FileNotFoundError:
            return
        except NotADirectoryError:
            raise self._blocked(key, operation) from None
        if key.endswith("/"):
            if not stat.S_ISDIR(status.st_mode):
                raise self._conflict(key, operation, f"the file {key.rstrip('/')!r} stands where it needs a directory")
        elif stat.S_ISDIR(status.st_mode) and os.listdir(path):
            raise self.conflict_with_directory(key, operation)

    def _refuse_other_spelling(self, key: str, operation: str) -> None:
        if self.folds_case is None:
            self.folds_case = folds_case(self.path)
        other = other_spelling(self.path, key) if self.folds_case else None
        if other is not None:
            reason = f"{other!r} is there, and this file system does not tell the two names apart"
            raise self._conflict(key, operation, reason)

    def conflict_with_directory(self, key: str, operation: str) -> InvalidKey:
        """The error for a key in whose place there is a directory with something in it."""
        return self._conflict(key, operation, f"the directory {key + '/'!r} stands where it needs a file")

    def _blocked(self, key: str, operation: str) -> InvalidKey:
        segments = key.rstrip("/").split("/")
        for count in range(1, len(segments)):
            above = "/".join(segments[:count])
            try:
                is_directory = stat.S_ISDIR(os.stat(f"{self.path}/{above}").st_mode)
            except OSError:
                is_directory = False
            if not is_directory:
                return self._conflict(key, operation, f"the file {above!r} stands where it needs a directory")
        return self._conflict(key, operation, "a file stands where it needs a directory")

    def _conflict(self, key: str, operation: str, reason: str) -> InvalidKey:
        hint = "rename one of the two keys"
        return InvalidKey(
            f"a directory cannot hold this key: {reason}", store=self._store, operation=operation, key=key, hint=hint
        )

    def open_parent(self, key: str, operation: str, *, create: bool) -> Parent:
        """Open the directory of a key, made on the way down if `create`. The caller closes it."""
        segments = key.rstrip("/").split("/")
        name = segments.pop()
        if self._follows and segments:
            segments = self._followed_segments(key, "/".join(segments), operation)
        path = self.path
        changed: list[str] = []
        entering = path
        descriptor = os.open(path, _DIRECTORY)
        try:
            for segment in segments:
                entering = f"{path}/{segment}"
                inner = self._enter(descriptor, segment, path, changed, create=create)
                os.close(descriptor)
                descriptor = inner
                path = entering
        except NotADirectoryError:
            os.close(descriptor)
            raise self._not_entered(key, entering, operation) from None
        except BaseException:
            os.close(descriptor)
            raise
        return Parent(descriptor, name, (*changed, path))

    @staticmethod
    def _enter(descriptor: int, segment: str, path: str, changed: list[str], *, create: bool) -> int:
        flags = _DIRECTORY | os.O_NOFOLLOW
        try:
            return os.open(segment, flags, dir_fd=descriptor)
        except FileNotFoundError:
            if not create:
                raise
        with suppress(FileExistsError):  # Somebody else made it meanwhile; entering tells whether it is a directory.
            os.mkdir(segment, dir_fd=descriptor)
        changed.append(path)
        return os.open(segment, flags, dir_fd=descriptor)

    def _followed_segments(self, key: str, folder: str, operation: str) -> list[str]:
        inside = self._inside(os.path.realpath(f"{self.path}/{folder}"))
        if inside is None:
            raise self._conflict(key, operation, f"the symbolic link in {folder!r} leaves the root")
        return inside.split("/")

    def _not_entered(self, key: str, path: str, operation: str) -> InvalidKey:
        what = path.removeprefix(f"{self.path}/")
        if os.path.islink(path):
            return InvalidKey(
                f"a directory cannot hold this key: {what!r} is a symbolic link, and writing does not follow it",
                store=self._store,
                operation=operation,
                key=key,
                hint="replace the link by a directory, or set symlinks: follow",
            )
        return self._conflict(key, operation, f"the file {what!r} stands where it needs a directory")
