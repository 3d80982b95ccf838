"""Directories: a store from a section of the configuration or from a path, and what its listings leave out."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from brigade.clock import Clock
from brigade.control.work import LeftOut
from brigade.stores.base import Store

if TYPE_CHECKING:
    from brigade.config.stores import FileSection

_FILE_STORE = "brigade.stores.file.store"


def file_store(name: str, root: str, section: FileSection | None, clock: Clock) -> Store:
    """A directory."""
    from brigade.stores.file.settings import FileSettings, Symlinks
    from brigade.stores.file.store import FileStore

    if section is None:
        return FileStore(name, FileSettings(root=root), clock=clock)
    settings = FileSettings(
        root=root,
        symlinks=Symlinks(section.symlinks),
        fsync=section.fsync,
        one_file_system=section.one_file_system,
    )
    settings = replace(
        settings,
        read_threads=section.read_threads or settings.read_threads,
        write_threads=section.write_threads or settings.write_threads,
    )
    return FileStore(name, settings, clock=clock)


def left_out_of(store: Store) -> LeftOut | None:
    """What the listings of a directory leave out; other stores list all they hold."""
    module = sys.modules.get(_FILE_STORE)
    if module is None:
        return None  # nothing has made one: importing it here would cost each run between buckets 20 ms
    return store.skipped if isinstance(store, module.FileStore) else None
