"""From the operating system's errors to those of this house."""

from __future__ import annotations

import errno
from typing import NamedTuple

from brigade.errors import (
    AccessDenied,
    InvalidKey,
    NotFound,
    Rejected,
    StorageFull,
    StoreError,
    Unavailable,
)


class _Meaning(NamedTuple):
    kind: type[StoreError]
    message: str
    hint: str = ""


_MEANINGS = {
    errno.ENOENT: _Meaning(NotFound, "there is no such file"),
    errno.ENOTDIR: _Meaning(NotFound, "there is no such file"),
    errno.EACCES: _Meaning(AccessDenied, "permission denied", "check owner and mode of the file and its directories"),
    errno.EPERM: _Meaning(AccessDenied, "operation not permitted", "check owner and attributes of the file"),
    errno.EROFS: _Meaning(AccessDenied, "the file system is mounted read-only", "mount it read-write"),
    errno.ENOSPC: _Meaning(StorageFull, "no space left on the device", "free some space or inodes"),
    errno.EDQUOT: _Meaning(StorageFull, "the disk quota is used up", "raise the quota or free some space"),
    errno.EFBIG: _Meaning(Rejected, "the file is larger than the file system or the process limit allows"),
    errno.ENAMETOOLONG: _Meaning(InvalidKey, "the name is too long for this file system"),
    errno.EILSEQ: _Meaning(InvalidKey, "the file system does not take these characters in a name"),
    errno.EINVAL: _Meaning(InvalidKey, "the file system does not take this name"),
    errno.ELOOP: _Meaning(NotFound, "it is a symbolic link, and links are not followed here"),
    errno.EISDIR: _Meaning(InvalidKey, "it is a directory, and a file cannot take its place"),
    errno.EXDEV: _Meaning(
        Rejected, "its directory lies on another file system than the root", "make that directory a store of its own"
    ),
    errno.EIO: _Meaning(Unavailable, "input/output error", "look at the kernel log: a disk may be failing"),
    errno.ESTALE: _Meaning(Unavailable, "the network file system lost the file handle"),
    errno.ETIMEDOUT: _Meaning(Unavailable, "the file system timed out"),
    errno.EMFILE: _Meaning(Unavailable, "too many open files", "raise the limit (ulimit -n) or lower --transfers"),
    errno.ENFILE: _Meaning(Unavailable, "too many open files on this machine"),
}


def translated(error: OSError, *, store: str, operation: str, key: str | None) -> StoreError:
    """The house's error for an `OSError`; one that is not in the table is permanent."""
    code = errno.errorcode.get(error.errno or 0, "")
    meaning = _MEANINGS.get(error.errno or 0)
    if meaning is None:
        return Rejected(error.strerror or str(error), store=store, operation=operation, key=key, code=code)
    return meaning.kind(meaning.message, store=store, operation=operation, key=key, code=code, hint=meaning.hint)
