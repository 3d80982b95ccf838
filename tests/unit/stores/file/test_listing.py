"""Listing a directory: byte order, resumption anywhere, and never an end that is none."""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brigade.errors import AccessDenied, BucketMissing, ListingBroken, Rejected
from brigade.stores.file import listing
from brigade.stores.file.places import Root
from brigade.stores.file.settings import FileSettings, Symlinks
from brigade.stores.file.sidecars import RecordKeeper

# Characters on both sides of `/`, from all lengths of UTF-8, and close to the surrogates.
names = st.text("a-./0b~\u00e9\ud7ff\ue000\uffff\U0001f600 ", min_size=1, max_size=8)


def _bytes(key: str) -> bytes:
    return key.encode()


def _plant(root: Path, wanted: list[str]) -> list[str]:
    """Make what can be made of these keys; what is there then."""
    for key in wanted:
        parts = [part for part in key.split("/") if part not in ("", ".", "..")]
        if parts:
            path = root.joinpath(*parts)
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                if not path.is_dir():
                    path.write_bytes(b"")
            except (FileExistsError, NotADirectoryError):
                continue
    return sorted((str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()), key=_bytes)


def _walked(root: Path, prefix: str = "", start_after: str = "", limit: int = 3) -> list[str]:
    settings = FileSettings(str(root))
    walk = listing.Walk(
        Root(str(root), Symlinks.SKIP, "disk"),
        settings,
        RecordKeeper(str(root), fsync=False),
        lambda key, reason: None,
        prefix=prefix,
        start_after=start_after,
    )
    found, more = [], True
    while more:
        entries, more = walk.page(limit)
        assert len(entries) == limit or not more
        found += [entry.key for entry in entries]
    return found


@given(st.lists(names, max_size=25), names)
def test_any_tree_is_listed_in_byte_order_and_resumes_at_any_key(tmp_path_factory, wanted, other) -> None:
    root = tmp_path_factory.mktemp("tree")
    keys = _plant(root, wanted)
    assert _walked(root) == keys
    for after in [*keys, other, *(key[:-1] for key in keys)]:
        assert _walked(root, start_after=after) == [key for key in keys if _bytes(key) > _bytes(after)]
    for prefix in {other, *(key[: len(key) // 2] for key in keys), *(key.rpartition("/")[0] + "/" for key in keys)}:
        under = [key for key in keys if key.startswith(prefix)]
        assert _walked(root, prefix) == under
        for after in keys:
            assert _walked(root, prefix, after) == [key for key in under if _bytes(key) > _bytes(after)]
    shutil.rmtree(root)


async def test_a_cursor_outlives_the_walk_that_it_belongs_to(disk) -> None:
    wanted = [f"d{number // 3}/f{number}" for number in range(12)]
    for key in wanted:
        disk.write(key)
    page = await disk.store.list_page(limit=5)
    disk.store._walks.clear()
    again = await disk.store.list_page(cursor=page.cursor, limit=100)
    assert [entry.key for entry in (*page.entries, *again.entries)] == sorted(wanted)


async def test_a_cursor_can_be_used_twice(disk) -> None:
    for number in range(6):
        disk.write(f"f{number}")
    page = await disk.store.list_page(limit=2)
    first = await disk.store.list_page(cursor=page.cursor, limit=2)
    second = await disk.store.list_page(cursor=page.cursor, limit=2)
    assert [entry.key for entry in first.entries] == [entry.key for entry in second.entries] == ["f2", "f3"]


async def test_paused_listings_are_bounded(disk) -> None:
    for number in range(100):
        disk.write(f"f{number:02d}")
    for start in range(90):
        await disk.store.list_page(start_after=f"f{start:02d}", limit=1)
    assert len(disk.store._walks) <= 32


async def test_resuming_does_not_read_what_came_before(disk, monkeypatch) -> None:
    for number in range(10):
        disk.write(f"d{number}/x/f")
    seen: list[str] = []
    scandir = os.scandir

    def noting(path):
        seen.append(str(path))
        return scandir(path)

    monkeypatch.setattr(listing.os, "scandir", noting)
    assert await disk.keys(start_after="d8/x/f") == ["d9/x/f"]
    assert [Path(path).relative_to(disk.root).as_posix() for path in seen] == [".", "d8", "d8/x", "d9", "d9/x"]


async def test_names_that_are_not_utf8_come_as_surrogate_escapes(disk) -> None:
    disk.write("bad\udcff", b"1")
    assert await disk.keys() == ["bad\udcff"]
    assert await disk.read("bad\udcff") == b"1"


async def test_an_empty_directory_is_no_object_and_a_marked_one_is(disk) -> None:
    (disk.root / "empty" / "inside").mkdir(parents=True)
    await disk.put("marked/", b"")
    await disk.put("marked/file")
    assert await disk.keys() == ["marked/", "marked/file"]
    assert await disk.keys("marked/") == ["marked/", "marked/file"]
    assert await disk.keys("marked/", start_after="marked/") == ["marked/file"]
    assert await disk.keys(limit=1) == ["marked/", "marked/file"]


async def test_own_files_are_never_listed(disk) -> None:
    await disk.put("file")
    disk.write(".brigade-tmp/w-dead/1")
    disk.write(".brigade-meta/ab/cd")
    disk.write("inside/.brigade-tmp/kept")
    assert await disk.keys() == ["file", "inside/.brigade-tmp/kept"]
    assert await disk.keys(".brigade-tmp/") == []
    assert await disk.keys(".brigade-meta/ab/") == []


async def test_a_missing_root_is_a_missing_bucket(disk) -> None:
    shutil.rmtree(disk.root)
    with pytest.raises(BucketMissing, match="does not exist"):
        await disk.keys()


async def test_a_root_that_vanishes_between_two_pages_is_no_end(disk) -> None:
    for number in range(5):
        disk.write(f"f{number}")
    page = await disk.store.list_page(limit=2)
    shutil.rmtree(disk.root)
    with pytest.raises(BucketMissing):
        await disk.store.list_page(cursor=page.cursor, limit=2)


async def test_a_root_that_was_unmounted_is_no_empty_bucket(disk) -> None:
    disk.write("file")
    disk.root.rename(disk.root.with_name("elsewhere"))
    disk.root.mkdir()
    for call in (disk.keys(), disk.store.delete(["file"]), disk.store.head("file"), disk.put("file")):
        with pytest.raises(BucketMissing, match="another directory than when it was opened"):
            await call


@pytest.mark.parametrize(
    ("error", "kind"), [(PermissionError(13, "denied"), AccessDenied), (OSError(5, "i/o"), ListingBroken)]
)
async def test_a_directory_that_cannot_be_read_is_no_end(disk, monkeypatch, error, kind) -> None:
    disk.write("a")
    disk.write("b/c")
    scandir = os.scandir

    def failing(path):
        if str(path).endswith("/b"):
            error.filename = str(path)
            raise error
        return scandir(path)

    monkeypatch.setattr(listing.os, "scandir", failing)
    with pytest.raises(kind, match="/b"):
        await disk.keys()


async def test_what_vanishes_while_listing_is_just_not_there(disk, monkeypatch) -> None:
    for key in ("a", "gone", "gonedir/x", "z"):
        disk.write(key)
    walk_names = listing.Walk._names

    def names_then_vanish(self, path, prefix):
        found = walk_names(self, path, prefix)
        if not prefix:
            (disk.root / "gone").unlink()
            shutil.rmtree(disk.root / "gonedir")
        return found

    monkeypatch.setattr(listing.Walk, "_names", names_then_vanish)
    assert await disk.keys() == ["a", "z"]


async def test_an_unreadable_file_is_listed_all_the_same(disk, monkeypatch) -> None:
    disk.write("secret")

    def denied(*_):
        raise PermissionError(13, "denied")

    monkeypatch.setattr("brigade.stores.file.sidecars.os.getxattr", denied)
    assert await disk.keys() == ["secret"]


async def test_special_files_are_left_out_and_counted(disk) -> None:
    disk.write("file")
    os.mkfifo(disk.root / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(disk.root)  # The path of a socket is short.
        server.bind("socket")
        os.chdir(here)
    assert await disk.keys() == ["file"]
    reason = "not a regular file: a socket, pipe or device"
    assert list(disk.store.skipped) == [("pipe", reason), ("socket", reason)]
    assert disk.store.skipped.total == 2
    await disk.keys()
    assert disk.store.skipped.total == 2


async def test_the_memory_of_skipped_files_is_bounded(disk) -> None:
    for number in range(1500):
        disk.store.skipped.add(f"k{number}", "reason")
    assert len(disk.store.skipped) == 1000
    assert disk.store.skipped.total == 1500
    assert disk.store.skipped.reasons == {"reason": 1500}


async def test_other_file_systems_are_left_out_on_request(make_disk, mount_small) -> None:
    disk = make_disk(one_file_system=True)
    disk.write("a/file")
    mount_small(disk.root / "mounted")
    disk.write("mounted/file")
    assert await disk.keys() == ["a/file"]
    assert await disk.keys("mounted/") == []
    assert dict(disk.store.skipped) == {"mounted/": "on another file system"}
    assert await make_disk(disk.root).keys() == ["a/file", "mounted/file"]
    with pytest.raises(Rejected, match="another file system than the root"):
        await disk.put("mounted/new")
