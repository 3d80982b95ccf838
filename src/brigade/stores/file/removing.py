"""Deleting files, and the directories that become empty by it. The functions block: they belong in a thread."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Sequence

from brigade.errors import InvalidKey, StoreError
from brigade.stores.file.failures import translated
from brigade.stores.file.keys import has_place
from brigade.stores.file.places import Root
from brigade.stores.file.sidecars import RecordKeeper

_NOT_THERE = (FileNotFoundError, NotADirectoryError, IsADirectoryError)
_KEEPS_FOLDER = frozenset((errno.ENOTEMPTY, errno.EEXIST, errno.EBUSY, errno.EACCES, errno.EPERM, errno.EROFS))


class Remover:
    """Deletes objects of one root."""

    def __init__(self, root: Root, keeper: RecordKeeper, store: str) -> None:
        self._root = root
        self._keeper = keeper
        self._store = store

    def delete(self, keys: Sequence[str]) -> tuple[dict[str, StoreError | None], tuple[str, ...]]:
        """Each key's answer, and the directories to flush."""
        self._root.require("delete")
        answers: dict[str, StoreError | None] = {}
        changed: dict[str, None] = {}
        for key in keys:
            try:
                answers[key] = None
                if has_place(key) and not self._root.is_misspelled(key):
                    changed.update(dict.fromkeys(self._delete_one(key)))
            except OSError as error:
                answers[key] = translated(error, store=self._store, operation="delete", key=key)
            except StoreError as error:
                # Below a link that is not followed, or below a file: no listing shows such a key.
                answers[key] = None if isinstance(error, InvalidKey) else error
        return answers, tuple(changed)

    def _delete_one(self, key: str) -> list[str]:
        try:
            parent = self._root.open_parent(key, "delete", create=False)
        except _NOT_THERE:
            return []
        folder = parent.changed[-1]
        try:
            status = os.stat(parent.name, dir_fd=parent.descriptor, follow_symlinks=False)
            if key[-1] == "/":
                if not stat.S_ISDIR(status.st_mode):
                    return []
                path = f"{folder}/{parent.name}"
                self._keeper.forget(path, key)
                return [self._prune(path)]
            if stat.S_ISDIR(status.st_mode):
                return []
            os.unlink(parent.name, dir_fd=parent.descriptor)
        except _NOT_THERE:
            return []
        finally:
            os.close(parent.descriptor)
        self._keeper.forget(None, key)
        return [self._prune(folder)]

    def _prune(self, path: str) -> str:
        """Remove empty directories from here up, never the root nor a folder object; the first one that stays."""
        root = self._root.path
        while path.startswith(f"{root}/"):
            key = f"{path[len(root) + 1 :]}/"
            try:
                if self._keeper.raw(path, key) is not None:
                    return path
                # Only an empty directory can be removed: a put that comes between keeps it, or makes it again.
                os.rmdir(path)
            except FileNotFoundError:
                pass  # Another delete was quicker.
            except OSError as error:
                if error.errno in _KEEPS_FOLDER:
                    return path
                raise
            path = os.path.dirname(path)
        return root
