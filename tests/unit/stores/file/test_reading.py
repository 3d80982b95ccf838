"""Reading files: one version or an error, along parts and ranges, with what the file carries."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from brigade.errors import AccessDenied, Corrupt, NotFound, PreconditionFailed, SourceChanged
from brigade.objects import Attributes, Checksum, ChecksumAlgorithm
from brigade.stores.base import ByteRange, BytesBody, Condition
from brigade.stores.file import reading
from brigade.testing.bodies import pattern

BIG = pattern(3 * 1024 * 1024 + 17)


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_a_small_file_comes_with_its_md5(disk) -> None:
    disk.write("file", b"hello")
    async with disk.store.get("file") as reader:
        assert reader.info.checksum == Checksum(ChecksumAlgorithm.MD5, hashlib.md5(b"hello").hexdigest())
        assert reader.info.etag is None
        assert [chunk async for chunk in reader.chunks()] == [b"hello"]
    async with disk.store.get("file", byte_range=ByteRange(1, 2)) as reader:
        assert reader.info.checksum is None


async def test_a_big_file_comes_in_steps(disk) -> None:
    disk.write("file", BIG)
    async with disk.store.get("file") as reader:
        chunks = [chunk async for chunk in reader.chunks()]
    assert b"".join(chunks) == BIG
    assert max(map(len, chunks)) == 1024 * 1024


@pytest.mark.parametrize("change", ["append", "truncate", "touch", "rewrite"])
async def test_a_file_that_changes_while_it_is_read_is_never_handed_out_whole(disk, change: str) -> None:
    path = disk.write("file", BIG)
    received = b""
    with pytest.raises(SourceChanged):
        async with disk.store.get("file") as reader:
            async for chunk in reader.chunks():
                received += chunk
                if change == "append":
                    with path.open("ab") as file:
                        file.write(b"more")
                elif change == "truncate":
                    os.truncate(path, 2 * 1024 * 1024)
                elif change == "touch":
                    os.utime(path, ns=(1, 1))
                else:
                    path.write_bytes(BIG[::-1])
    assert len(received) < len(BIG)


async def test_a_small_file_that_changes_while_it_is_read_is_refused(disk, monkeypatch) -> None:
    path = disk.write("file", b"before")
    pread = os.pread

    def pread_then_change(*arguments):
        data = pread(*arguments)
        path.write_bytes(b"after!")
        os.utime(path, ns=(1, 1))
        return data

    monkeypatch.setattr(reading.os, "pread", pread_then_change)
    with pytest.raises(SourceChanged):
        await disk.read("file")


async def test_a_file_that_is_replaced_while_it_is_read_stays_the_one_that_was_opened(disk) -> None:
    disk.write("file", BIG)
    async with disk.store.get("file") as reader:
        await disk.put("file", b"new")
        assert await reader.read() == BIG


async def test_exactly_the_version_that_was_seen_is_read_or_none(disk) -> None:
    path = disk.write("file", b"one")
    seen = (await disk.entries())[0]
    async with disk.store.get("file", condition=Condition(if_unmodified_ns=seen.modified_ns)) as reader:
        assert await reader.read() == b"one"
    os.utime(path, ns=(5, 5))
    with pytest.raises(PreconditionFailed):
        async with disk.store.get("file", condition=Condition(if_unmodified_ns=seen.modified_ns)):
            pass


async def test_a_plain_file_tells_mtime_and_mode_and_no_etag(disk) -> None:
    path = disk.write("file")
    path.chmod(0o600)
    os.utime(path, ns=(0, 1_500_000_000))
    info = await disk.store.head("file")
    assert (info.etag, info.modified_ns, info.tag_count) == (None, 1_500_000_000, 0)
    assert info.attributes == Attributes(metadata={"mtime": "1.5", "mode": "100600"}, tags={})


async def test_a_file_that_somebody_else_rewrote_loses_its_etag_and_keeps_its_attributes(disk) -> None:
    attributes = Attributes(content_type="a/b", metadata={"k": "v", "mtime": "5"}, tags={"t": "1"})
    etag = (await disk.put("file", b"content", attributes)).etag
    assert (await disk.entries())[0].etag == etag
    path = disk.root / "file"
    path.write_bytes(b"changed")
    os.utime(path, ns=(0, 7_000_000_000))
    listed, info = (await disk.entries())[0], await disk.store.head("file")
    assert (listed.etag, info.etag) == (None, None)
    assert info.attributes == Attributes(content_type="a/b", metadata={"k": "v", "mtime": "7"}, tags={"t": "1"})
    with pytest.raises(PreconditionFailed):
        async with disk.store.get("file", condition=Condition(if_match=etag)):
            pass


async def test_content_that_differs_under_the_same_size_and_mtime_is_corrupt(disk) -> None:
    await disk.put("file", b"content", Attributes(metadata={"mtime": "5"}))
    path = disk.root / "file"
    path.write_bytes(b"CONTENT")
    os.utime(path, ns=(0, 5_000_000_000))
    with pytest.raises(Corrupt, match="touch it"):
        await disk.read("file")


async def test_parts_are_read_as_they_were_uploaded(disk) -> None:
    upload_id = await disk.store.create_multipart("file", attributes=Attributes())
    pieces = [pattern(2 * 1024 * 1024, 1), b"middle", b"end"]
    parts = [await disk.store.put_part("file", upload_id, n, BytesBody(p)) for n, p in enumerate(pieces, 1)]
    info = await disk.store.complete_multipart("file", upload_id, parts)
    for number, piece in enumerate(pieces, 1):
        async with disk.store.get("file", part=number, condition=Condition(if_match=info.etag)) as reader:
            assert (reader.info.size_bytes, reader.info.etag, reader.info.parts_count) == (len(piece), info.etag, 3)
            assert await reader.read() == piece
    os.utime(disk.root / "file", ns=(1, 1))
    assert (await disk.store.head("file")).parts_count is None


async def test_a_directory_and_a_pipe_are_no_objects(disk) -> None:
    disk.write("folder/file")
    os.mkfifo(disk.root / "pipe")
    for key in ("folder", "folder/", "pipe", "folder/file/", "folder/file/below"):
        with pytest.raises(NotFound):
            await disk.store.head(key)
        with pytest.raises(NotFound):
            await disk.read(key)


async def test_a_file_that_may_not_be_read_is_denied_with_a_hint(disk, monkeypatch) -> None:
    disk.write("file")
    real_open = os.open

    def denied(path, *arguments, **keywords):
        if str(path).endswith("/file"):
            raise PermissionError(13, "denied")
        return real_open(path, *arguments, **keywords)

    monkeypatch.setattr(reading.os, "open", denied)
    with pytest.raises(AccessDenied, match="check owner and mode"):
        await disk.read("file")


async def test_leaving_a_read_early_closes_the_file(disk) -> None:
    disk.write("file", BIG)
    before = _open_files()
    for _ in range(20):
        async with disk.store.get("file") as reader:
            async for _chunk in reader.chunks():
                break
    await disk.store.close()
    assert _open_files() <= before
