"""Directories as locations: what is left out is told, what lies there is safe, and links are no way out."""

from __future__ import annotations

import os

import pytest

from brigade.testing.bodies import pattern

pytestmark = pytest.mark.server


def write(root, **files):
    for name, body in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)


async def test_links_and_pipes_are_left_out_and_told(brigade, place, tmp_path):
    target = place("seaweed")
    up = tmp_path / "up"
    write(up, file=b"1", sub__file=b"2")
    (up / "link").symlink_to("file")
    (up / "dirlink").symlink_to("sub")
    os.mkfifo(up / "pipe")
    ran = await brigade.sync("up", brigade.reach("b", target))
    assert target.contents() == {"file": b"1", "sub/file": b"2"}
    assert ran.json["skipped"] == 3
    assert "symbolic link" in ran.report["link"]["reason"]
    assert "not a regular file" in ran.report["pipe"]["reason"]


async def test_types_are_guessed_and_nothing_of_our_own_goes_up(brigade, place, tmp_path):
    middle, back = place("seaweed"), place("seaweed")
    write(tmp_path / "up", **{"page.html": b"<p>", "data": b"?"})
    await brigade.sync("up", brigade.reach("m", middle))
    assert middle.head("page.html")["ContentType"] == "text/html"
    # A directory that was a target holds our records; they are not its content.
    await brigade.sync(brigade.reach("m", middle), "down")
    await brigade.sync("down", brigade.reach("c", back))
    assert back.etags() == middle.etags()


async def test_a_changed_file_is_noticed_and_a_touched_one_moves_no_bytes(brigade, place, proxied, tmp_path):
    target = place("seaweed")
    up = tmp_path / "up"
    write(up, a=pattern(5000), b=pattern(5000, 1))
    proxy = await proxied(target)
    b = brigade.reach("b", target, url=proxy.url)
    await brigade.sync("up", b)
    os.utime(up / "a", (1, 1))
    (up / "b").write_bytes(pattern(5000, 2))
    proxy.forget()
    ran = await brigade.sync("up", b)
    assert (ran.json["copied"], proxy.counts["put"]) == (1, 1)
    assert target.get("b") == pattern(5000, 2)


async def test_a_link_at_the_target_is_no_way_out(brigade, place, tmp_path):
    source = place("seaweed")
    source.put("sub/file", b"new")
    outside = tmp_path / "outside"
    write(outside, file=b"precious")
    (tmp_path / "down").mkdir()
    (tmp_path / "down" / "sub").symlink_to(outside)
    ran = await brigade.sync(brigade.reach("a", source), "down", code=1)
    assert ran.report["sub/file"]["error"]
    assert (outside / "file").read_bytes() == b"precious"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
async def test_a_file_that_may_not_be_read_fails_alone(brigade, place, tmp_path):
    target = place("seaweed")
    write(tmp_path / "up", a=b"1", b=b"2")
    (tmp_path / "up" / "a").chmod(0)
    ran = await brigade.sync("up", brigade.reach("b", target), code=1)
    assert (ran.json["copied"], ran.json["failed"]) == (1, 1)
    assert target.contents() == {"b": b"2"}


async def test_directory_to_directory(brigade, tmp_path):
    write(tmp_path / "up", a=b"1", b__c=b"2", b__empty=b"")
    ran = await brigade.sync("up", "down")
    assert ran.json["copied"] == 3
    assert (tmp_path / "down" / "b" / "c").read_bytes() == b"2"
    assert (await brigade.sync("up", "down")).json["skipped"] == 3
    (tmp_path / "up" / "b" / "c").unlink()
    await brigade.sync("up", "down", "--delete", "mirror", "--max-delete", "1")
    assert not (tmp_path / "down" / "b" / "c").exists()
