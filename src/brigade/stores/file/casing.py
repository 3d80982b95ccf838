"""File systems that take `A` and `a` for one name: noticed without writing, and never mixed up.

On such a file system each step of a key is looked up among the names that are there, because the system itself would
answer for a name that is spelled otherwise.
"""

from __future__ import annotations

import os
import unicodedata
from itertools import islice

_PROBED_NAMES = 64  # One with a letter in it is enough.


def folds_case(folder: str) -> bool | None:
    """Whether the file system ignores case; None if no name in this folder can tell."""
    with os.scandir(folder) as entries:
        for entry in islice(entries, _PROBED_NAMES):
            other = entry.name.swapcase()
            if other == entry.name:
                continue
            try:
                return os.path.samestat(os.lstat(entry.path), os.lstat(f"{folder}/{other}"))
            except FileNotFoundError:
                return False
    return None


def other_spelling(root: str, key: str) -> str | None:
    """The existing name that this key would be mixed up with, None if there is none."""
    path = root
    for segment in key.rstrip("/").split("/"):
        try:
            names = os.listdir(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        if segment not in names:
            folded = _folded(segment)
            return next((name for name in names if _folded(name) == folded), None)
        path = f"{path}/{segment}"
    return None


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
