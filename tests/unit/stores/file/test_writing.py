"""Writing files: whole or not at all, durable, with what they carry, and nothing left behind."""

from __future__ import annotations

import asyncio
import hashlib
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from brigade.errors import (
    AccessDenied,
    BrigadeError,
    BucketMissing,
    Corrupt,
    PreconditionFailed,
    Rejected,
    StorageFull,
    Truncated,
)
from brigade.objects import NO_ATTRIBUTES, Attributes, Checksum, ChecksumAlgorithm
from brigade.stores.base import BytesBody, Condition
from brigade.stores.file import places, sidecars, temporary, writing
from brigade.testing.bodies import StreamBody, pattern

BIG = pattern(3 * 1024 * 1024 + 17)
PIECES = [BIG[start : start + 700_001] for start in range(0, len(BIG), 700_001)]


def _md5(data: bytes) -> Checksum:
    return Checksum(ChecksumAlgorithm.MD5, hashlib.md5(data).hexdigest())


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256"])
async def test_the_expected_checksum_is_checked(disk, algorithm: str) -> None:
    await disk.put("file", b"old")
    good = Checksum(ChecksumAlgorithm(algorithm), hashlib.new(algorithm, BIG).hexdigest())
    for body in (StreamBody(PIECES), BytesBody(BIG)):
        await disk.store.put("file", body, attributes=NO_ATTRIBUTES, expect=good)
        with pytest.raises(Corrupt, match=algorithm):
            await disk.store.put("file", body, attributes=NO_ATTRIBUTES, expect=good._replace(hex="00"))
        with pytest.raises(Corrupt):
            await disk.store.put("file", BytesBody(b"x"), attributes=NO_ATTRIBUTES, expect=good)
    assert await disk.read("file") == BIG
    assert disk.temporaries() == []


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (StreamBody(PIECES, size_bytes=len(BIG) + 1), Truncated),
        (StreamBody(PIECES, size_bytes=len(BIG) - 1), Corrupt),
        (StreamBody([b"x"], size_bytes=2), Truncated),
        (StreamBody([b"x"], size_bytes=0), Corrupt),
        (StreamBody(PIECES, error=RuntimeError("broken")), RuntimeError),
        (StreamBody([b"x"], error=RuntimeError("broken")), RuntimeError),
    ],
)
async def test_a_body_that_breaks_its_promise_leaves_the_old_state(disk, body, error) -> None:
    await disk.put("file", b"old")
    with pytest.raises(error):
        await disk.store.put("file", body, attributes=NO_ATTRIBUTES)
    await disk.store.close()
    assert await disk.read("file") == b"old"
    assert disk.temporaries() == []


# The steps of a put after which a kill or an error may come: nothing but the old state or the new may be seen.
STEPS = [
    (writing.os, "fchmod"),
    (writing.os, "utime"),
    (writing.os, "fsync"),
    (writing.os, "replace"),
    (sidecars.os, "setxattr"),
    (temporary.os, "write"),
    (places.os, "mkdir"),
]


@pytest.mark.parametrize("exists", [True, False], ids=["over", "new"])
@pytest.mark.parametrize("big", [True, False], ids=["big", "small"])
@pytest.mark.parametrize(("module", "name"), STEPS, ids=[name for _, name in STEPS])
async def test_an_error_at_any_step_shows_nothing_in_part(disk, monkeypatch, module, name, big, exists) -> None:
    key = "folder/file"
    if exists:
        await disk.put(key, b"old")
    else:
        await disk.put("other", b"")
    body = StreamBody(PIECES) if big else BytesBody(b"new")
    attributes = Attributes(metadata={"mtime": "5", "mode": "640"})
    with monkeypatch.context() as patch:

        def fail(*_, **__):
            raise OSError(5, "input/output error")

        patch.setattr(module, name, fail)
        if name == "mkdir" and exists:
            await disk.store.put(key, body, attributes=attributes)
            return
        with pytest.raises(BrigadeError):
            await disk.store.put(key, body, attributes=attributes)
    assert await disk.keys() == ([key] if exists else ["other"])
    if exists:
        assert await disk.read(key) == b"old"
    await disk.store.close()
    assert disk.temporaries() == []


_KILLED = """
import asyncio, os, sys
from brigade.clock import SystemClock
from brigade.objects import NO_ATTRIBUTES
from brigade.stores.base import BytesBody
from brigade.stores.file.settings import FileSettings
from brigade.stores.file.store import FileStore

async def main():
    store = FileStore("disk", FileSettings(sys.argv[1]), clock=SystemClock())
    print("ready", flush=True)
    number = 0
    while True:
        await store.put("file", BytesBody(bytes([number % 256]) * 3_000_000), attributes=NO_ATTRIBUTES)
        number += 1

asyncio.run(main())
"""


def _write_until_killed(script: Path, root: Path, delay_seconds: float) -> None:
    environment = {"PYTHONPATH": str(Path(writing.__file__).parents[3])}
    command = [sys.executable, str(script), str(root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(delay_seconds)
        process.send_signal(signal.SIGKILL)


async def test_a_kill_leaves_a_whole_file_and_the_next_writer_tidies_up(disk, tmp_path) -> None:
    script = tmp_path / "writer.py"
    script.write_text(_KILLED)
    for delay_seconds in (0.02, 0.05, 0.11):
        await asyncio.to_thread(_write_until_killed, script, disk.root, delay_seconds)
        for key in await disk.keys():
            data = await disk.read(key)
            assert len(data) == 3_000_000
            assert len(set(data)) == 1
    await disk.put("next")
    folders = [path.name for path in (disk.root / ".brigade-tmp").iterdir()]
    assert len(folders) == 1
    assert disk.temporaries() == []


async def test_two_writers_at_once_leave_each_others_files_alone(disk, make_disk) -> None:
    file = disk.store._folder.new_file()
    other = make_disk(disk.root)
    await other.put("file")
    assert len(disk.temporaries()) == 1
    file.discard()
    assert len(list((disk.root / ".brigade-tmp").iterdir())) == 2


async def test_a_folder_that_was_tidied_away_is_made_again(disk) -> None:
    await disk.put("one")
    shutil.rmtree(disk.root / ".brigade-tmp")
    await disk.put("two")
    assert await disk.keys() == ["one", "two"]


@pytest.mark.parametrize("big", [True, False], ids=["big", "small"])
async def test_a_full_disk_is_said_so_and_nothing_is_left(make_disk, mount_small, big: bool) -> None:
    disk = make_disk()
    mount_small(disk.root)
    await disk.put("old", b"old")
    body = StreamBody(PIECES) if big else BytesBody(pattern(1024 * 1024))
    with pytest.raises(StorageFull, match="no space left"):
        await disk.store.put("file", body, attributes=NO_ATTRIBUTES)
    assert await disk.keys() == ["old"]
    for _ in range(200):
        # What failed is closed by another thread, and only that gives its room back.
        with suppress(StorageFull):
            await disk.put("new", b"there is room again" * 1000)
            break
        await asyncio.sleep(0.05)
    assert await disk.keys() == ["new", "old"]
    await disk.store.close()


async def test_a_file_too_large_for_the_system_is_rejected(disk) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024 * 1024, hard))
    try:
        with pytest.raises(Rejected, match="larger than"):
            await disk.store.put("file", StreamBody(PIECES), attributes=NO_ATTRIBUTES)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert await disk.keys() == []


@pytest.mark.parametrize(
    ("number", "kind"), [(13, AccessDenied), (30, AccessDenied), (122, StorageFull), (36, BrigadeError)]
)
async def test_what_the_system_says_is_translated(disk, monkeypatch, number: int, kind: type[BrigadeError]) -> None:
    def fail(*_, **__):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(writing.os, "replace", fail)
    with pytest.raises(kind) as caught:
        await disk.put("file")
    assert caught.value.__cause__ is not None
    assert str(disk.root) not in str(caught.value)


async def test_mtime_and_mode_are_restored_without_privileges(disk) -> None:
    attributes = Attributes(metadata={"mtime": "1700000000.123456789", "mode": "106751"})
    info = await disk.put("file", b"x", attributes)
    status = (disk.root / "file").stat()
    assert (info.modified_ns, status.st_mtime_ns) == (1_700_000_000_123_456_789,) * 2
    assert status.st_mode & 0o7777 == 0o751
    assert (await disk.store.head("file")).attributes == Attributes(metadata=attributes.metadata, tags={})


async def test_an_object_without_mtime_does_not_gain_one(disk) -> None:
    await disk.put("file", b"x", Attributes(content_type="a/b"))
    assert (await disk.store.head("file")).attributes == Attributes(content_type="a/b", tags={})


async def test_the_umask_decides_where_no_mode_is_given(disk) -> None:
    before = os.umask(0o027)
    try:
        await disk.put("folder/file")
    finally:
        os.umask(before)
    assert (disk.root / "folder/file").stat().st_mode & 0o777 == 0o640
    assert (disk.root / "folder").stat().st_mode & 0o777 == 0o750


async def test_attributes_alone_change_without_moving_bytes(disk) -> None:
    before = await disk.put("file", BIG, Attributes(content_type="a/b"))
    inode = (disk.root / "file").stat().st_ino
    wanted = Attributes(content_type="c/d", metadata={"mtime": "9", "mode": "600"}, tags={"t": "1"})
    info = await disk.store.copy("file", "file", attributes=wanted)
    assert (info.etag, info.modified_ns) == (before.etag, 9_000_000_000)
    assert (disk.root / "file").stat().st_ino == inode
    assert (await disk.store.head("file")).attributes == wanted
    assert (await disk.entries())[0].etag == before.etag


async def test_tags_on_a_plain_file_do_not_take_its_mtime_along(disk) -> None:
    path = disk.write("file")
    await disk.store.write_tags("file", {"t": "1"})
    os.utime(path, ns=(0, 3_000_000_000))
    info = await disk.store.head("file")
    assert info.attributes.tags == {"t": "1"}
    assert info.attributes.metadata["mtime"] == "3"


@pytest.mark.parametrize("known", [True, False], ids=["etag-known", "etag-unknown"])
async def test_a_copy_keeps_the_content_and_the_etag(disk, known: bool) -> None:
    if known:
        await disk.put("a/file", BIG, Attributes(content_type="a/b"))
    else:
        disk.write("a/file", BIG)
    info = await disk.store.copy("a/file", "b/file")
    assert info.etag == hashlib.md5(BIG).hexdigest()
    assert await disk.read("b/file") == BIG
    assert (await disk.store.head("b/file")).attributes.content_type == ("a/b" if known else None)
    await disk.store.copy("a/file", "b/file", attributes=Attributes(content_type="c/d"))
    assert (await disk.store.head("b/file")).attributes == Attributes(content_type="c/d", tags={})


async def test_a_name_that_must_be_new_is_taken_by_one_writer_only(disk) -> None:
    async def attempt(number: int) -> bool:
        try:
            body = BytesBody(b"%d" % number)
            await disk.store.put("file", body, attributes=NO_ATTRIBUTES, condition=Condition(if_none_match="*"))
        except PreconditionFailed:
            return False
        return True

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(attempt(number)) for number in range(20)]
    assert [task.result() for task in tasks].count(True) == 1


async def test_only_the_version_that_was_seen_is_replaced(disk) -> None:
    etag = (await disk.put("file", b"one")).etag
    await disk.store.put("file", BytesBody(b"two"), attributes=NO_ATTRIBUTES, condition=Condition(if_match=etag))
    for condition in (Condition(if_match=etag), Condition(if_none_match="*"), Condition(if_unmodified_ns=1)):
        with pytest.raises(PreconditionFailed):
            await disk.store.put("file", BytesBody(b"three"), attributes=NO_ATTRIBUTES, condition=condition)
        with pytest.raises(PreconditionFailed):
            await disk.store.put("none/", BytesBody(b""), attributes=NO_ATTRIBUTES, condition=Condition(if_match="x"))
    assert await disk.read("file") == b"two"
    assert disk.temporaries() == []


async def test_puts_and_deletes_in_one_directory_do_not_lose_each_other(disk) -> None:
    async def churn(number: int) -> None:
        for round_ in range(15):
            key = f"shared/deep/{number}"
            await disk.put(key, b"%d" % round_)
            assert await disk.read(key) == b"%d" % round_
            assert (await disk.store.delete([key]))[key] is None

    async with asyncio.TaskGroup() as group:
        for number in range(8):
            group.create_task(churn(number))
    assert await disk.keys() == []
    assert not (disk.root / "shared").exists()


async def test_deleting_prunes_empty_directories_up_to_folder_objects(disk) -> None:
    await disk.put("keep/", b"")
    await disk.put("keep/a/b/c")
    await disk.put("gone/a/b")
    (disk.root / "mine").mkdir()
    await disk.store.delete(["keep/a/b/c", "gone/a/b"])
    assert sorted(path.name for path in disk.root.iterdir() if path.name[0] != ".") == ["keep", "mine"]
    assert list((disk.root / "keep").iterdir()) == []
    assert await disk.store.delete(["keep/"]) == {"keep/": None}
    assert not (disk.root / "keep").exists()


async def test_deleting_a_folder_object_keeps_what_is_in_it(disk) -> None:
    await disk.put("folder/", b"")
    await disk.put("folder/file")
    await disk.store.delete(["folder/", "folder"])
    assert await disk.keys() == ["folder/file"]


async def test_one_key_that_cannot_be_deleted_does_not_stop_the_others(disk, monkeypatch) -> None:
    for key in ("a", "b", "c"):
        await disk.put(key)
    unlink = os.unlink

    def fail_for_b(name, *arguments, **keywords):
        if name == "b":
            raise PermissionError(13, "denied")
        return unlink(name, *arguments, **keywords)

    monkeypatch.setattr("brigade.stores.file.removing.os.unlink", fail_for_b)
    answers = await disk.store.delete(["a", "b", "c"])
    assert [type(answers[key]) for key in "abc"] == [type(None), AccessDenied, type(None)]
    assert await disk.keys() == ["b"]


async def test_a_missing_root_is_made_only_when_asked_for(make_disk, tmp_path) -> None:
    disk = make_disk()
    disk.root.rmdir()
    with pytest.raises(BucketMissing, match="create it, mount it"):
        await disk.store.open()
    with pytest.raises(BucketMissing):
        await disk.put("file")
    assert not disk.root.exists()
    await disk.store.create_bucket()
    await disk.put("file")
    await disk.store.create_bucket()
    assert await disk.keys() == ["file"]


async def test_a_file_in_place_of_the_root_is_said_so(make_disk) -> None:
    disk = make_disk()
    disk.root.rmdir()
    disk.root.write_bytes(b"")
    with pytest.raises(BucketMissing, match="not a directory"):
        await disk.store.open()
    with pytest.raises(Rejected, match="a file is in its place"):
        await disk.store.create_bucket()


async def test_reading_writes_nothing(make_disk) -> None:
    disk = make_disk()
    disk.write("file")
    await disk.store.open()
    await disk.keys()
    await disk.read("file")
    await disk.store.list_multiparts()
    await disk.store.close()
    assert [path.name for path in disk.root.iterdir()] == ["file"]


async def test_closing_leaves_no_folder_of_ours(disk) -> None:
    await disk.put("file")
    await disk.store.close()
    await disk.store.close()
    assert [path.name for path in disk.root.iterdir()] == ["file"]


async def test_a_put_is_durable_before_it_returns(disk, monkeypatch) -> None:
    synced: list[str] = []
    fsync = os.fsync

    def noting(descriptor: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        fsync(descriptor)

    monkeypatch.setattr(writing.os, "fsync", noting)
    await disk.put("a/b/file")
    root = str(disk.root)
    assert synced[0].startswith(f"{root}/.brigade-tmp/")
    assert sorted(synced[1:]) == [root, f"{root}/a", f"{root}/a/b"]


async def test_durability_can_be_switched_off(make_disk, monkeypatch) -> None:
    disk = make_disk(fsync=False)

    def fail(_):
        raise AssertionError("nobody asked for a flush")

    monkeypatch.setattr(writing.os, "fsync", fail)
    await disk.put("a/file")
    await disk.store.delete(["a/file"])
    upload_id = await disk.store.create_multipart("m", attributes=NO_ATTRIBUTES)
    part = await disk.store.put_part("m", upload_id, 1, BytesBody(b"x"))
    await disk.store.complete_multipart("m", upload_id, [part])
    assert await disk.keys() == ["m"]
