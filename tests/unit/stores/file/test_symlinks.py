"""Symbolic links: left out, followed inside the root, or kept as links; and never a way out for a write."""

from __future__ import annotations

import pytest

from brigade.errors import InvalidKey, NotFound
from brigade.objects import Attributes
from brigade.stores.base import BytesBody
from brigade.stores.file.settings import Symlinks


@pytest.fixture
def linked(make_disk):
    """A root with a link of every kind in it."""

    def make(symlinks: Symlinks):
        disk = make_disk(symlinks=symlinks)
        outside = disk.root.parent / "outside"
        outside.mkdir()
        (outside / "secret").write_bytes(b"secret")
        disk.write("real/file", b"real")
        links = {
            "to-file": "real/file",
            "to-dir": "real",
            "real/loop": "..",
            "self": "self",
            "dangling": "nowhere",
            "out-file": outside / "secret",
            "out-dir": outside,
            "to-root": ".",
        }
        for name, target in links.items():
            (disk.root / name).symlink_to(target)
        return disk

    return make


async def test_links_are_left_out_and_counted_by_default(linked) -> None:
    disk = linked(Symlinks.SKIP)
    assert await disk.keys() == ["real/file"]
    assert disk.store.skipped.reasons == {"symbolic link": 8}
    for key in ("to-file", "to-dir/file", "out-file", "out-dir/secret"):
        with pytest.raises(NotFound):
            await disk.store.head(key)
        with pytest.raises(NotFound):
            await disk.read(key)
    assert await disk.keys("to-dir/") == []


async def test_links_are_followed_inside_the_root_without_loops(linked) -> None:
    disk = linked(Symlinks.FOLLOW)
    assert await disk.keys() == ["real/file", "to-dir/file", "to-file"]
    assert dict(disk.store.skipped) == {
        "dangling": "symbolic link that leads nowhere",
        "out-dir": "symbolic link that leaves the root",
        "out-file": "symbolic link that leaves the root",
        "real/loop/": "symbolic link to a directory that holds it",
        "self": "symbolic link that leads into itself",
        "to-dir/loop/": "symbolic link to a directory that holds it",
        "to-root/": "symbolic link to a directory that holds it",
    }
    assert await disk.read("to-file") == await disk.read("to-dir/file") == b"real"
    assert await disk.keys("to-dir/") == ["to-dir/file"]
    assert await disk.keys("to-dir/loop/") == await disk.keys("to-dir/loop/to-dir/") == []
    for key in ("out-file", "out-dir/secret", "dangling", "self"):
        with pytest.raises(NotFound):
            await disk.read(key)


async def test_links_are_kept_as_links(linked, make_disk, tmp_path) -> None:
    disk = linked(Symlinks.STORE)
    expected = ["dangling", "out-dir", "out-file", "real/file", "real/loop", "self", "to-dir", "to-file", "to-root"]
    assert await disk.keys() == expected
    copy = make_disk(tmp_path / "copy", symlinks=Symlinks.STORE)
    for key in expected:
        async with disk.store.get(key) as reader:
            data = await reader.read()
            await copy.store.put(key, BytesBody(data), attributes=reader.info.attributes)
    assert await copy.keys() == expected
    assert (copy.root / "to-file").readlink().as_posix() == "real/file"
    assert (copy.root / "dangling").lstat().st_mtime_ns == (disk.root / "dangling").lstat().st_mtime_ns
    info = await copy.store.head("to-file")
    assert info.attributes.metadata["symlink"] == "true"
    assert info.etag == "aa2d7ef3dbd1f11d9bb14cb1f9e7e19e" or len(info.etag) == 32
    assert [entry.etag for entry in await copy.entries() if entry.key == "to-file"] == [info.etag]
    (copy.root / "to-file").unlink()
    (copy.root / "to-file").symlink_to("real/else")
    assert (await copy.store.head("to-file")).etag is None


async def test_the_metadata_of_a_link_makes_no_link_elsewhere(disk) -> None:
    attributes = Attributes(metadata={"symlink": "true"})
    await disk.store.put("link", BytesBody(b"/etc/passwd"), attributes=attributes)
    assert not (disk.root / "link").is_symlink()
    assert (await disk.store.head("link")).attributes == Attributes(metadata={"symlink": "true"}, tags={})


@pytest.mark.parametrize("symlinks", Symlinks)
async def test_a_write_never_leaves_the_root(linked, symlinks) -> None:
    disk = linked(symlinks)
    outside = disk.root.parent / "outside"
    (outside / "empty").mkdir()
    for key in ("out-dir/new", "out-dir/secret", "out-dir/sub/new", "out-dir/empty", "out-dir/folder/"):
        with pytest.raises(InvalidKey):
            await disk.put(key, b"")
        upload_id = await disk.store.create_multipart(key, attributes=Attributes())
        part = await disk.store.put_part(key, upload_id, 1, BytesBody(b""))
        with pytest.raises(InvalidKey):
            await disk.store.complete_multipart(key, upload_id, [part])
        assert await disk.store.delete([key]) == {key: None}
    assert sorted(path.name for path in outside.iterdir()) == ["empty", "secret"]
    assert (outside / "secret").read_bytes() == b"secret"
    assert disk.temporaries() == [] or all("/u-" in str(path) for path in disk.temporaries())


async def test_a_write_to_a_link_replaces_the_link_and_not_its_target(linked) -> None:
    disk = linked(Symlinks.FOLLOW)
    outside = disk.root.parent / "outside"
    await disk.put("out-file", b"mine")
    assert (outside / "secret").read_bytes() == b"secret"
    assert not (disk.root / "out-file").is_symlink()


async def test_a_write_below_a_followed_link_lands_in_its_target(linked) -> None:
    disk = linked(Symlinks.FOLLOW)
    await disk.put("to-dir/deep/new", b"new")
    assert (disk.root / "real/deep/new").read_bytes() == b"new"
    await disk.store.delete(["to-dir/deep/new"])
    assert not (disk.root / "real/deep").exists()


async def test_a_link_is_refused_as_a_directory_when_links_are_not_followed(linked) -> None:
    disk = linked(Symlinks.SKIP)
    with pytest.raises(InvalidKey, match="'to-dir' is a symbolic link, and writing does not follow it"):
        await disk.put("to-dir/new")
    assert not (disk.root / "real/new").exists()
