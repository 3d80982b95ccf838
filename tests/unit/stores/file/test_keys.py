"""Every refusal of a key, and what is no reason to refuse one."""

from __future__ import annotations

import os

import pytest

from brigade.errors import InvalidKey, NotFound
from brigade.stores.file.keys import refusal

REFUSED = {
    "": "no name",
    "/": "no name",
    "a//b": "empty segment",
    "/lead": "empty segment",
    "trail//": "empty segment",
    "./a": "`.` or `..`",
    "a/.": "`.` or `..`",
    "a/../b": "`.` or `..`",
    "..": "`.` or `..`",
    "../outside": "`.` or `..`",
    "a\0b": "NUL",
    "x" * 256: "256 bytes, and a file name holds 255",
    "a/" + "ü" * 128: "256 bytes, and a file name holds 255",
    "/".join(["y" * 200] * 21): "a path under this root holds 4000",
    "lone \ud800": "lone surrogate",
    "caf\udcc3\udca9": "another key has the same file name",
    ".brigade-tmp": "reserved",
    ".brigade-tmp/x": "reserved",
    ".brigade-meta/x": "reserved",
}

HELD = ["a", "trail/", "sp ace", "plus+", "per%cent", "ü-NFC", "u\u0308-NFD", "😀", "tab\t", "q?&=#", "new\nline"]
HELD += ["x" * 255, "ü" * 127, "a/.hidden", "...", "a..b", "a/.brigade-tmp/b", "bad\udcff", "back\\slash", "\x01"]


@pytest.mark.parametrize(("key", "reason"), REFUSED.items(), ids=[repr(key)[:20] for key in REFUSED])
def test_a_key_that_a_path_cannot_keep_is_refused_with_its_reason(key: str, reason: str) -> None:
    assert reason in (refusal(key, 4000) or "")


@pytest.mark.parametrize("key", HELD, ids=[repr(key)[:20] for key in HELD])
async def test_an_odd_key_is_held_exactly(disk, key: str) -> None:
    data = b"" if key.endswith("/") else os.fsencode(key)
    await disk.put(key, data)
    assert await disk.keys() == [key]
    assert await disk.read(key) == data
    assert (await disk.store.delete([key]))[key] is None
    assert await disk.keys() == []


@pytest.mark.parametrize("key", [key for key in REFUSED if "\0" not in key])
async def test_a_refused_key_changes_nothing_and_is_not_found(disk, key: str) -> None:
    outside = disk.root.parent / "outside"
    outside.write_bytes(b"mine")
    for write in (disk.put(key), disk.store.create_multipart(key, attributes=(await _attributes()))):
        with pytest.raises(InvalidKey):
            await write
    with pytest.raises(NotFound):
        await disk.store.head(key)
    assert await disk.store.delete([key]) == {key: None}
    assert outside.read_bytes() == b"mine"
    assert await disk.keys() == []


async def _attributes():
    from brigade.objects import NO_ATTRIBUTES

    return NO_ATTRIBUTES


async def test_a_file_where_a_directory_is_needed_is_named(disk) -> None:
    await disk.put("a/b")
    with pytest.raises(InvalidKey, match="the file 'a/b' stands where it needs a directory"):
        await disk.put("a/b/c/d")
    with pytest.raises(InvalidKey, match="the file 'a/b' stands where it needs a directory"):
        await disk.put("a/b/", b"")
    assert await disk.keys() == ["a/b"]


async def test_a_directory_where_a_file_is_needed_is_named(disk) -> None:
    await disk.put("a/b")
    with pytest.raises(InvalidKey, match="the directory 'a/' stands where it needs a file"):
        await disk.put("a")
    assert await disk.read("a/b") == b"content"


async def test_an_empty_directory_gives_way_but_a_folder_object_does_not(disk) -> None:
    (disk.root / "empty").mkdir()
    await disk.put("empty")
    await disk.put("folder/", b"")
    with pytest.raises(InvalidKey, match="'folder/'"):
        await disk.put("folder")
    assert await disk.keys() == ["empty", "folder/"]


async def test_a_folder_object_has_no_content(disk) -> None:
    with pytest.raises(InvalidKey, match="has content"):
        await disk.put("folder/", b"x")
    assert not (disk.root / "folder").exists()


async def test_names_that_differ_in_case_only_are_refused_where_the_file_system_folds_case(disk) -> None:
    await disk.put("Photos/One")
    disk.store._root.folds_case = True  # No such file system can be mounted here.
    for key, other in (("photos/two", "Photos"), ("Photos/ONE", "One"), ("PHOTOS/", "Photos")):
        with pytest.raises(InvalidKey, match=other):
            await disk.put(key, b"")
    with pytest.raises(NotFound):
        await disk.store.head("photos/One")
    assert await disk.keys("photos/") == []
    assert await disk.store.delete(["photos/One"]) == {"photos/One": None}
    await disk.put("Photos/One", b"new")
    assert await disk.read("Photos/One") == b"new"


async def test_case_is_probed_without_writing(make_disk) -> None:
    disk = make_disk()
    disk.write("Name")
    disk.root.chmod(0o555)
    await disk.store.open()
    assert disk.store._root.folds_case is False
    assert [path.name for path in disk.root.iterdir()] == ["Name"]
