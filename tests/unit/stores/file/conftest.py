"""A store on a fresh directory, and helpers that several of these test files need."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from brigade.clock import SystemClock
from brigade.objects import NO_ATTRIBUTES, Attributes, ObjectInfo
from brigade.stores.base import BytesBody
from brigade.stores.file.settings import FileSettings
from brigade.stores.file.store import FileStore


class Disk:
    """A file store and its directory, with shorthands."""

    def __init__(self, root: Path, **settings) -> None:
        self.root = root
        self.store = FileStore("disk", FileSettings(str(root), **settings), clock=SystemClock())

    async def put(self, key: str, data: bytes = b"content", attributes: Attributes = NO_ATTRIBUTES) -> ObjectInfo:
        return await self.store.put(key, BytesBody(data), attributes=attributes)

    async def read(self, key: str) -> bytes:
        async with self.store.get(key) as reader:
            return await reader.read()

    async def entries(self, prefix: str = "", *, start_after: str = "", limit: int = 1000) -> list[ObjectInfo]:
        page = await self.store.list_page(prefix, start_after=start_after, limit=limit)
        found = list(page.entries)
        while page.cursor is not None:
            page = await self.store.list_page(prefix, cursor=page.cursor, limit=limit)
            found += page.entries
        return found

    async def keys(self, prefix: str = "", *, start_after: str = "", limit: int = 1000) -> list[str]:
        return [entry.key for entry in await self.entries(prefix, start_after=start_after, limit=limit)]

    def write(self, name: str, data: bytes = b"content") -> Path:
        """A file that somebody else wrote."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def temporaries(self) -> list[Path]:
        """The files on their way that were left behind."""
        return [path for path in (self.root / ".brigade-tmp").rglob("*") if path.is_file()]


@pytest.fixture
async def make_disk(tmp_path: Path) -> AsyncIterator[Callable[..., Disk]]:
    made: list[Disk] = []

    def make(root: Path = tmp_path / "root", **settings) -> Disk:
        root.mkdir(exist_ok=True)
        made.append(Disk(root, **settings))
        return made[-1]

    yield make
    for disk in made:
        await disk.store.close()


@pytest.fixture
async def disk(make_disk: Callable[..., Disk]) -> Disk:
    disk = make_disk()
    await disk.store.open()
    return disk


@pytest.fixture
def mount_small() -> Iterator[Callable[[Path], None]]:
    """Mounts a file system of one mebibyte on a directory, until the end of the test."""
    mounted: list[Path] = []

    def mount(place: Path) -> None:
        place.mkdir(exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
        if subprocess.run(command, check=False, capture_output=True).returncode:
            pytest.skip("a file system can be mounted by root only")
        mounted.append(place)

    yield mount
    for place in mounted:
        subprocess.run(["umount", str(place)], check=True)
