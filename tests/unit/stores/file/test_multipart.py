"""Uploads in parts survive a restart and leave nothing behind."""

from __future__ import annotations

import pytest

from brigade.errors import Corrupt, InvalidKey, NotFound, PreconditionFailed, Rejected
from brigade.objects import NO_ATTRIBUTES, Attributes, Checksum, ChecksumAlgorithm, PartInfo
from brigade.stores.base import BytesBody, Condition
from brigade.testing.bodies import StreamBody, pattern

PIECES = [pattern(1_500_000, 1), pattern(1_200_000, 2), b"end"]


async def test_an_upload_survives_a_restart(disk, make_disk) -> None:
    attributes = Attributes(content_type="a/b", metadata={"mtime": "5"}, tags={"t": "1"})
    upload_id = await disk.store.create_multipart("deep/file", attributes=attributes)
    await disk.store.put_part("deep/file", upload_id, 2, StreamBody([PIECES[1]]))
    await disk.store.put_part("deep/file", upload_id, 1, BytesBody(b"first try"))
    await disk.store.close()
    again = make_disk(disk.root)
    await again.store.open()
    found = await again.store.list_multiparts("deep/")
    assert [(upload.key, upload.upload_id) for upload in found] == [("deep/file", upload_id)]
    assert found[0].initiated_ns > 0
    assert await again.store.list_multiparts("other") == []
    await again.store.put_part("deep/file", upload_id, 1, BytesBody(PIECES[0]))
    await again.store.put_part("deep/file", upload_id, 3, BytesBody(PIECES[2]))
    parts = await again.store.list_parts("deep/file", upload_id)
    assert [part.size_bytes for part in parts] == [len(piece) for piece in PIECES]
    assert await again.keys() == []
    info = await again.store.complete_multipart("deep/file", upload_id, parts)
    assert info.etag.endswith("-3")
    assert info.modified_ns == 5_000_000_000
    assert await again.read("deep/file") == b"".join(PIECES)
    assert (await again.store.head("deep/file")).attributes == attributes
    assert await again.store.part_sizes("deep/file", etag=info.etag) == [len(piece) for piece in PIECES]
    assert await again.store.list_multiparts() == []
    await again.store.close()
    assert not (disk.root / ".brigade-tmp").exists()


async def test_an_upload_that_cannot_be_completed_stays(disk) -> None:
    upload_id = await disk.store.create_multipart("file", attributes=NO_ATTRIBUTES)
    part = await disk.store.put_part("file", upload_id, 1, BytesBody(b"x"))
    await disk.put("file", b"old")
    wrong = [
        [],
        [part, part],
        [part._replace(number=2)],
        [PartInfo(1, 1, "../../file")],
        [part._replace(etag="0" * 32)],
    ]
    for parts in wrong:
        with pytest.raises(Rejected):
            await disk.store.complete_multipart("file", upload_id, parts)
    with pytest.raises(PreconditionFailed):
        await disk.store.complete_multipart("file", upload_id, [part], condition=Condition(if_none_match="*"))
    assert await disk.store.list_parts("file", upload_id) == [part]
    assert await disk.read("file") == b"old"
    await disk.store.complete_multipart("file", upload_id, [part])
    assert await disk.read("file") == b"x"


async def test_a_damaged_part_is_refused_and_the_one_before_stays(disk) -> None:
    upload_id = await disk.store.create_multipart("file", attributes=NO_ATTRIBUTES)
    part = await disk.store.put_part("file", upload_id, 1, BytesBody(b"good"))
    expect = Checksum(ChecksumAlgorithm.MD5, "0" * 32)
    with pytest.raises(Corrupt):
        await disk.store.put_part("file", upload_id, 1, BytesBody(b"evil"), expect=expect)
    assert await disk.store.list_parts("file", upload_id) == [part]


async def test_uploads_do_not_mix(disk) -> None:
    upload_id = await disk.store.create_multipart("file", attributes=NO_ATTRIBUTES)
    for key, wrong_id in (("other", upload_id), ("file", "0" * 12), ("file", "../../etc"), ("file", "")):
        with pytest.raises(NotFound):
            await disk.store.put_part(key, wrong_id, 1, BytesBody(b"x"))
        with pytest.raises(NotFound):
            await disk.store.list_parts(key, wrong_id)
        await disk.store.abort_multipart(key, wrong_id)
    with pytest.raises(Rejected):
        await disk.store.put_part("file", upload_id, 0, BytesBody(b"x"))
    assert len(await disk.store.list_multiparts()) == 1
    await disk.store.abort_multipart("file", upload_id)
    await disk.store.abort_multipart("file", upload_id)
    assert await disk.store.list_multiparts() == []


async def test_the_place_of_an_upload_is_checked_when_it_is_completed(disk) -> None:
    upload_id = await disk.store.create_multipart("a/b", attributes=NO_ATTRIBUTES)
    part = await disk.store.put_part("a/b", upload_id, 1, BytesBody(b"x"))
    await disk.put("a", b"file")
    with pytest.raises(InvalidKey):
        await disk.store.complete_multipart("a/b", upload_id, [part])
    assert await disk.read("a") == b"file"


async def test_a_folder_without_a_description_is_no_upload(disk) -> None:
    (disk.root / ".brigade-tmp" / "u-0123456789ab").mkdir(parents=True)
    assert await disk.store.list_multiparts() == []
