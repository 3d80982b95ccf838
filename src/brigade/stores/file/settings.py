"""How a directory is to be treated as a bucket."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Symlinks(StrEnum):
    """What becomes of symbolic links: left out and counted, followed inside the root, or kept as links.

    `STORE` makes each link an object whose content is the link's text, with the metadata `symlink: true`.
    """

    SKIP = "skip"
    FOLLOW = "follow"
    STORE = "store"


@dataclass(frozen=True, slots=True)
class FileSettings:
    """One directory as a bucket.

    `fsync` off trades durability for speed: a power cut may then lose what was reported as written. `one_file_system` leaves out directories on other devices.
    `read_threads`: two are the cheapest while files come from the page cache; slow disks and network mounts
    want more. `write_threads`: writers that flush at the same time share one commit of the journal.
    """

    root: str
    symlinks: Symlinks = Symlinks.SKIP
    fsync: bool = True
    one_file_system: bool = False
    read_threads: int = 2
    write_threads: int = 8
