from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from brigade.changes import tree as trees
from brigade.changes.mounts import filesystem_type, remote_filesystem
from brigade.changes.settling import Stat
from brigade.changes.tree import Kind, Links, Tree

IGNORED = (".brigade-tmp", ".brigade-meta")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    root.mkdir()
    return root


@pytest.fixture
def opened(root: Path):
    def build(links: Links = Links.SKIP) -> Tree:
        tree = Tree(str(root), links, IGNORED)
        tree.settle()
        return tree

    return build


def write(path: Path, text: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def kind(tree: Tree, key: str) -> Kind:
    return tree.look([key])[key].kind


def test_keys_are_paths_below_the_root(opened, root):
    tree = opened()
    assert tree.key_of(f"{root}/a/b") == "a/b"
    assert tree.key_of(str(root)) is None
    assert tree.key_of(f"{root}else/a") is None
    assert tree.key_of(f"{root}/.brigade-tmp/w-1/2") is None
    assert tree.key_of(f"{root}/.brigade-tmp") is None
    assert tree.key_of(f"{root}/sub/.brigade-tmp") == "sub/.brigade-tmp"


def test_the_root_may_be_named_by_a_link(root, tmp_path):
    (tmp_path / "link").symlink_to(root)
    assert Tree(str(tmp_path / "link"), Links.SKIP, IGNORED).root == str(root.resolve())


def test_what_a_path_is(opened, root):
    tree = opened()
    file = write(root / "d" / "f", "hello")
    os.mkfifo(root / "pipe")
    assert tree.look(["d/f"])["d/f"].stat == Stat(5, file.stat().st_mtime_ns)
    assert kind(tree, "d") is Kind.DIRECTORY
    assert kind(tree, "pipe") is Kind.OTHER
    assert kind(tree, "gone") is Kind.ABSENT
    assert kind(tree, "gone/too") is Kind.ABSENT
    assert kind(tree, "d/f/below a file") is Kind.ABSENT


@pytest.mark.parametrize(
    ("links", "to_file", "through", "outside", "broken"),
    [
        (Links.SKIP, Kind.OTHER, Kind.OTHER, Kind.OTHER, Kind.OTHER),
        (Links.FOLLOW, Kind.FILE, Kind.FILE, Kind.OTHER, Kind.OTHER),
        (Links.STORE, Kind.FILE, Kind.OTHER, Kind.FILE, Kind.FILE),
    ],
)
def test_links_are_treated_as_the_file_store_does(opened, root, tmp_path, links, to_file, through, outside, broken):
    write(root / "d" / "f")
    write(tmp_path / "out" / "f")
    (root / "to-file").symlink_to("d/f")
    (root / "to-dir").symlink_to("d")
    (root / "outside").symlink_to(tmp_path / "out" / "f")
    (root / "broken").symlink_to("nowhere")
    tree = opened(links)
    assert kind(tree, "to-file") is to_file
    assert kind(tree, "to-dir/f") is through
    assert kind(tree, "outside") is outside
    assert kind(tree, "broken") is broken


def test_a_link_into_our_own_files_is_not_followed(opened, root):
    write(root / ".brigade-meta" / "x")
    (root / "peek").symlink_to(".brigade-meta/x")
    assert kind(opened(Links.FOLLOW), "peek") is Kind.OTHER


def test_a_change_shows_under_every_link_that_leads_to_it(opened, root):
    write(root / "d" / "sub" / "f")
    (root / "by-dir").symlink_to("d")
    (root / "by-file").symlink_to("d/sub/f")
    tree = opened(Links.FOLLOW)
    expected = {"d/sub/f", "by-dir/sub/f", "by-file"}
    assert set(tree.names("d/sub/f")) == expected
    assert set(tree.names("by-dir/sub/f")) == expected
    assert tree.names("other") == ["other"]
    assert opened(Links.SKIP).names("d/sub/f") == ["d/sub/f"]


def test_a_walk_finds_the_files_and_remembers_the_directories(opened, root):
    tree = opened()
    for key in ("a/f", "a/b/c/g", "z"):
        write(root / key)
    (root / "a" / "link").symlink_to("b")
    found = tree.walk("a")
    assert sorted(found.files) == ["a/b/c/g", "a/f"]
    assert tree.directories == {"a", "a/b", "a/b/c"}
    tree.forget("a/b")
    assert tree.directories == {"a"}


def test_links_in_a_circle_end(opened, root):
    write(root / "a" / "f")
    write(root / "b" / "g")
    (root / "a" / "to-b").symlink_to("../b")
    (root / "b" / "to-a").symlink_to("../a")
    (root / "a" / "self").symlink_to(".")
    found = opened(Links.FOLLOW).walk("a")
    assert {"a/f", "a/to-b/g"} <= set(found.files)
    assert len(found.files) < 10


def test_a_directory_that_vanishes_while_it_is_walked_is_empty(opened, root):
    assert not opened().walk("gone").files


def test_too_many_files_are_not_remembered(opened, root, monkeypatch):
    monkeypatch.setattr(trees, "MAX_FOUND", 3)
    for number in range(4):
        write(root / "a" / str(number))
    found = opened().walk("a")
    assert not found.is_whole
    assert not found.files


def test_another_directory_in_the_place_of_the_root_is_noticed(opened, root):
    tree = opened()
    assert tree.is_there()
    root.rename(root.with_name("elsewhere"))
    assert not tree.is_there()
    root.mkdir()
    assert not tree.is_there()
    shutil.rmtree(root)
    root.with_name("elsewhere").rename(root)
    assert tree.is_there()


def test_the_file_system_is_known_by_its_number(tmp_path):
    assert filesystem_type("/proc") == 0x9FA0
    assert remote_filesystem("/proc") is None
    with pytest.raises(FileNotFoundError):
        filesystem_type(str(tmp_path / "missing"))


@pytest.mark.parametrize(("number", "name"), [(0x6969, "nfs"), (0xFF534D42, "cifs"), (0x65735546, "fuse")])
def test_network_file_systems_are_told_apart(monkeypatch, number, name):
    monkeypatch.setattr("brigade.changes.mounts.filesystem_type", lambda path: number)
    assert remote_filesystem("/anywhere") == name
