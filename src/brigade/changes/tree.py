"""A watched directory as the file store names its keys: looking at paths, walking new subtrees. All calls block.

Which directories there were is remembered, because the word that a path is gone does not say what it was. They
are fewer than what the kernel must remember to watch them.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from pathlib import Path
from typing import NamedTuple

from brigade.changes.settling import Stat

MAX_FOUND = 100_000
"""A new subtree with more files than this is not remembered file by file but rescanned as a whole."""


class Links(StrEnum):
    """What becomes of symbolic links, as for the file store."""

    SKIP = "skip"
    FOLLOW = "follow"
    STORE = "store"


class Kind(Enum):
    """What a path is."""

    FILE = "file"
    DIRECTORY = "directory"
    ABSENT = "absent"
    OTHER = "other"


class Look(NamedTuple):
    """What a path is now; `stat` of a file."""

    kind: Kind
    stat: Stat = Stat(0, 0)


ABSENT = Look(Kind.ABSENT)
OTHER = Look(Kind.OTHER)
DIRECTORY = Look(Kind.DIRECTORY)


@dataclass(slots=True)
class Found:
    """What a walk found; `is_whole` False where there was too much to remember."""

    files: dict[str, Stat] = field(default_factory=dict)
    is_whole: bool = True


class Tree:
    """One root directory."""

    def __init__(self, root: str, links: Links, ignored_folders: Collection[str]) -> None:
        self.root = os.path.realpath(root)
        self.directories: set[str] = set()
        self._links = links
        self._ignored = frozenset(ignored_folders)
        self._identity: tuple[int, int] | None = None
        self._targets: dict[str, str] = {}

    def settle(self) -> None:
        """Remember which directory the root is, and what directories are in it. Raises `OSError`."""
        self._identity = self._root_identity()
        self.directories.clear()
        self._targets.clear()
        self._walk("", None)

    def is_there(self) -> bool:
        """Whether the root is still the directory it was: what vanished with a mount was not deleted."""
        try:
            return self._root_identity() == self._identity
        except OSError:
            return False

    def key_of(self, path: str) -> str | None:
        """The key of a path, None for the root itself, for what lies outside and for Brigade's own files."""
        if not path.startswith(f"{self.root}/"):
            return None
        key = path[len(self.root) + 1 :]
        return None if not key or key.partition("/")[0] in self._ignored else key

    def look(self, keys: Iterable[str]) -> dict[str, Look]:
        """What these keys are now. Keys behind links that are not followed are `OTHER`."""
        reachable: dict[str, bool] = {"": True}
        return {key: self._look(key, reachable) for key in keys}

    def names(self, key: str) -> list[str]:
        """All keys that a change of this one may show under, through links that are followed."""
        if self._links is not Links.FOLLOW:
            return [key]
        real = self._real_key(key)
        names = [key] if real is None or real == key else [key, real]
        for link, target in self._targets.items():
            if real is not None and (real == target or real.startswith(f"{target}/")):
                names.append(link + real[len(target) :])
        return list(dict.fromkeys(names))

    def walk(self, directory: str) -> Found:
        """The files under a directory; the directories in it are remembered."""
        found = Found()
        self.directories.add(directory)
        self._walk(directory, found)
        return found

    def forget(self, directory: str) -> None:
        """A directory is gone, and all that were in it."""
        below = f"{directory}/"
        gone = {one for one in self.directories if one == directory or one.startswith(below)}
        self.directories -= gone
        for link in [one for one in self._targets if one == directory or one.startswith(below)]:
            del self._targets[link]

    def _root_identity(self) -> tuple[int, int]:
        status = Path(self.root).stat()
        if not stat.S_ISDIR(status.st_mode):
            raise NotADirectoryError(20, os.strerror(20), self.root)
        return status.st_dev, status.st_ino

    def _look(self, key: str, reachable: dict[str, bool]) -> Look:
        parent = key.rpartition("/")[0]
        if not self._is_reachable(parent, reachable):
            return OTHER
        try:
            status = os.lstat(f"{self.root}/{key}")
            if stat.S_ISLNK(status.st_mode) and self._links is not Links.STORE:
                if self._links is Links.SKIP or not self._remember_link(key):
                    return OTHER
                status = Path(self.root, key).stat()
        except (FileNotFoundError, NotADirectoryError):
            return ABSENT
        if stat.S_ISDIR(status.st_mode):
            return DIRECTORY
        if stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode):
            return Look(Kind.FILE, Stat(status.st_size, status.st_mtime_ns))
        return OTHER

    def _is_reachable(self, directory: str, known: dict[str, bool]) -> bool:
        """Whether the file store would go down to here; a directory that is gone hides nothing."""
        answer = known.get(directory)
        if answer is None:
            answer = self._is_reachable(directory.rpartition("/")[0], known)
            if answer and Path(self.root, directory).is_symlink():
                answer = self._links is Links.FOLLOW and self._target_of(directory) is not None
            known[directory] = answer
        return answer

    def _target_of(self, link: str) -> str | None:
        """The key that a link leads to, None if it leads nowhere, out of the root or into our own files."""
        try:
            real = os.path.realpath(f"{self.root}/{link}", strict=True)
        except OSError:
            return None
        return self.key_of(real)

    def _real_key(self, key: str) -> str | None:
        parent, _, name = key.rpartition("/")
        return self.key_of(f"{os.path.realpath(f'{self.root}/{parent}')}/{name}")

    def _remember_link(self, key: str) -> bool:
        target = self._target_of(key)
        if target is None:
            self._targets.pop(key, None)
            return False
        self._targets[key] = target
        return True

    def _walk(self, top: str, found: Found | None) -> None:
        waiting: list[tuple[str, frozenset[tuple[int, int]]]] = [(top, frozenset())]
        while waiting:
            directory, above = waiting.pop()
            try:
                status = Path(self.root, directory).stat()
                identity = (status.st_dev, status.st_ino)
                if identity in above:
                    continue  # A link that is followed leads back to where we came from.
                with os.scandir(f"{self.root}/{directory}") as entries:
                    below = [key for entry in entries if (key := self._note(directory, entry, found)) is not None]
            except (FileNotFoundError, NotADirectoryError, PermissionError):
                continue  # Gone meanwhile, or closed to us: the store says so when it is listed.
            self.directories.update(below)
            waiting += [(key, above | {identity}) for key in below]

    def _note(self, directory: str, entry: os.DirEntry[str], found: Found | None) -> str | None:
        """Take note of one entry of a directory; its key if it is a directory to go into."""
        if not directory and entry.name in self._ignored:
            return None
        key = f"{directory}/{entry.name}" if directory else entry.name
        follows = self._links is Links.FOLLOW
        if entry.is_symlink() and (self._links is Links.SKIP or (follows and not self._remember_link(key))):
            return None
        if entry.is_dir(follow_symlinks=follows):
            return key
        if found is not None and found.is_whole and (entry.is_symlink() or entry.is_file()):
            self._keep(key, entry, found)
        return None

    def _keep(self, key: str, entry: os.DirEntry[str], found: Found) -> None:
        try:
            status = entry.stat(follow_symlinks=self._links is Links.FOLLOW)
        except FileNotFoundError:
            return  # It came and went.
        found.files[key] = Stat(status.st_size, status.st_mtime_ns)
        if len(found.files) > MAX_FOUND:
            found.is_whole = False
            found.files.clear()
