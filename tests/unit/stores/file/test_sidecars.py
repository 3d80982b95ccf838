"""Where extended attributes cannot be had, sidecar files carry the same."""

from __future__ import annotations

import errno
import os

import pytest

from brigade.objects import Attributes
from brigade.stores.file import sidecars

FULL = Attributes(content_type="a/b", metadata={"k": "v"}, tags={"t": "1"})


@pytest.fixture(params=[errno.ENOTSUP, errno.ENOSPC], ids=["no-xattrs", "too-big"])
def no_xattrs(request, monkeypatch) -> None:
    def refuse(*_):
        raise OSError(request.param, os.strerror(request.param))

    monkeypatch.setattr(sidecars.os, "setxattr", refuse)
    if request.param == errno.ENOTSUP:
        monkeypatch.setattr(sidecars.os, "getxattr", refuse)
        monkeypatch.setattr(sidecars.os, "removexattr", refuse)


@pytest.mark.usefixtures("no_xattrs")
async def test_a_sidecar_carries_what_an_xattr_does(disk, make_disk) -> None:
    etag = (await disk.put("folder/file", b"content", FULL)).etag
    await disk.put("folder/", b"", FULL)
    again = make_disk(disk.root)
    await again.store.open()
    for side in (disk, again):
        assert [(entry.key, entry.etag is None, entry.tag_count) for entry in await side.entries()] == [
            ("folder/", False, 1),
            ("folder/file", False, 1),
        ]
        info = await side.store.head("folder/file")
        assert (info.etag, info.attributes) == (etag, FULL)
    await disk.store.delete(["folder/file", "folder/"])
    assert await again.keys() == []
    assert [path for path in (disk.root / ".brigade-meta").rglob("*") if path.is_file()] == []


@pytest.mark.usefixtures("no_xattrs")
async def test_the_etag_of_a_sidecar_holds_for_one_file_only(disk) -> None:
    await disk.put("file", b"content", Attributes(metadata={"mtime": "5"}, content_type="a/b"))
    path = disk.root / "file"
    other = disk.root / "other"
    other.write_bytes(b"CONTENT")
    os.utime(other, ns=(0, 5_000_000_000))
    other.rename(path)
    info = await disk.store.head("file")
    assert (info.etag, info.attributes.content_type) == (None, "a/b")
    assert (await disk.entries())[0].etag is None


async def test_attributes_too_big_for_an_xattr_go_beside_and_come_back(disk) -> None:
    big = Attributes(metadata={"big": "x" * 100_000})
    await disk.put("file", b"1", big)
    assert (await disk.store.head("file")).attributes.metadata == big.metadata
    await disk.put("file", b"2", FULL)
    assert (await disk.store.head("file")).attributes == FULL
    await disk.store.copy("file", "file", attributes=big)
    assert (await disk.store.head("file")).attributes.metadata == big.metadata
    await disk.store.copy("file", "file", attributes=FULL)
    assert (await disk.store.head("file")).attributes == FULL
    assert [path for path in (disk.root / ".brigade-meta").rglob("*") if path.is_file()] == []


async def test_two_stores_see_each_others_sidecars(disk, make_disk) -> None:
    other = make_disk(disk.root)
    await other.store.open()
    await disk.put("file", b"1", Attributes(metadata={"big": "x" * 100_000}))
    await other.keys()
    assert (await other.store.head("file")).attributes.metadata == {"big": "x" * 100_000}
