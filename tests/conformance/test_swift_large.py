"""What only Swift has, on OpenStack Swift itself: large objects made by anybody, expiry, and clearing up without harm."""

from __future__ import annotations

import hashlib
import json
import secrets
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from brigade.clock import SystemClock
from brigade.engine.report import ActionKind
from brigade.errors import NotFound, PreconditionFailed, Rejected, SourceChanged
from brigade.objects import DYNAMIC, NO_ATTRIBUTES, SEGMENTED, Attributes, Checksum, ChecksumAlgorithm
from brigade.stores.base import ALWAYS, ByteRange, BytesBody, Condition
from brigade.stores.layers.forward import ForwardingStore
from brigade.stores.swift.settings import DynamicObjects, SwiftSettings
from brigade.stores.swift.store import SwiftStore
from brigade.testing.bodies import pattern
from brigade.testing.clock import HurryingClock
from brigade.testing.conformance.support import keys, listing, put, read
from brigade.testing.swift import SwiftServer
from brigade.testing.workbench import Workbench

pytestmark = [
    pytest.mark.server,
    pytest.mark.skipif(SwiftServer.missing() is not None, reason="OpenStack Swift is not installed"),
]


@pytest.fixture(scope="module")
def swift(running):
    return running("swift")


def made(server, container, **more):
    settings = SwiftSettings(
        name="swift", container=container, auth_url=server.auth_url, user=server.user, key=server.key, **more
    )
    return SwiftStore(settings, SystemClock())


@asynccontextmanager
async def opened(server, container, **more):
    store = made(server, container, **more)
    try:
        await store.create_bucket()
        await store.open()
        yield store
    finally:
        await store.close()


@pytest.fixture
async def store(swift):
    async with opened(swift, f"large-{secrets.token_hex(4)}") as store:
        yield store


@pytest.fixture
async def segments(swift, store):
    """The container for segments, as a store of its own."""
    async with opened(swift, store.settings.segments) as beside:
        yield beside


def md5(data):
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


async def by_hand(store, key, entries, **headers):
    """An SLO as somebody else would make it."""
    path = f"{store.path_of(key)}?multipart-manifest=put"
    await store.caller.call("put", key, "PUT", path, list(headers.items()), json.dumps(entries).encode())


async def upload(store, key, pieces, attributes=NO_ATTRIBUTES):
    upload_id = await store.create_multipart(key, attributes=attributes)
    parts = [await store.put_part(key, upload_id, n, BytesBody(piece)) for n, piece in enumerate(pieces, 1)]
    return upload_id, await store.complete_multipart(key, upload_id, parts)


async def two_plain(segments):
    await put(segments, "one", b"11111")
    await put(segments, "two", b"222")
    place = f"/{segments.settings.container}"
    return [{"path": f"{place}/one", "size_bytes": 5}, {"path": f"{place}/two", "size_bytes": 3}]


async def test_an_object_that_others_made_of_segments_is_read_part_for_part_with_each_md5(store, segments):
    await by_hand(store, "slo", await two_plain(segments))
    entry = (await listing(store))[0]
    info = await store.head("slo")
    assert entry.etag == info.etag == SEGMENTED + md5((md5(b"11111") + md5(b"222")).encode())
    assert entry.size_bytes == info.size_bytes == 8
    assert await store.part_sizes("slo", etag=info.etag) == [5, 3]
    for number, piece in enumerate((b"11111", b"222"), 1):
        async with store.get("slo", part=number, condition=Condition(if_match=info.etag)) as reader:
            assert await reader.read() == piece
            assert (reader.info.checksum.hex, reader.info.etag) == (md5(piece), info.etag)
    assert await read(store, "slo", byte_range=ByteRange(4, 2)) == b"12"
    with pytest.raises(Rejected):
        await read(store, "slo", part=3)


async def test_a_part_of_another_manifest_than_was_seen_is_refused(store, segments):
    entries = await two_plain(segments)
    await by_hand(store, "slo", entries)
    seen = await store.head("slo")
    assert await store.part_sizes("slo", etag=seen.etag) == [5, 3]
    await by_hand(store, "slo", entries[:1])
    with pytest.raises(PreconditionFailed):
        await read(store, "slo", part=1, condition=Condition(if_match=seen.etag))


async def test_pieces_of_objects_and_large_objects_inside_large_ones_are_parts_without_a_known_md5(store, segments):
    one, two = await two_plain(segments)
    await by_hand(store, "inner", [one, two])
    nested = {"path": f"/{store.settings.container}/inner"}
    inline = {"data": "aGVsbG8="}
    await by_hand(store, "slo", [{"path": one["path"], "range": "1-2"}, nested, inline, two])
    info = await store.head("slo")
    assert await store.part_sizes("slo", etag=info.etag) == [2, 8, 5, 3]
    told = []
    for number, piece in enumerate((b"11", b"11111222", b"hello", b"222"), 1):
        async with store.get("slo", part=number) as reader:
            assert await reader.read() == piece
            told.append(reader.info.checksum.hex if reader.info.checksum else None)
    assert told == [None, None, md5(b"hello"), md5(b"222")]
    manifest = await store.read_manifest("slo")
    assert (await store.write_manifest("again", manifest, attributes=NO_ATTRIBUTES)).etag == info.etag
    assert await read(store, "again") == b"1111111222hello222"


async def test_what_came_by_the_s3_front_is_read_from_its_own_segments(swift, store):
    client = swift.endpoint.client()
    bucket, pieces = store.settings.container, [pattern(5 * 1024**2), b"end"]
    try:
        upload_id = client.create_multipart_upload(Bucket=bucket, Key="slo")["UploadId"]
        etags = [
            client.upload_part(Bucket=bucket, Key="slo", UploadId=upload_id, PartNumber=n, Body=piece)["ETag"]
            for n, piece in enumerate(pieces, 1)
        ]
        parts = [{"PartNumber": n, "ETag": etag} for n, etag in enumerate(etags, 1)]
        client.complete_multipart_upload(Bucket=bucket, Key="slo", UploadId=upload_id, MultipartUpload={"Parts": parts})
    finally:
        client.close()
    entry = (await listing(store))[0]
    assert entry.size_bytes == 5 * 1024**2 + 3
    assert entry.etag == (await store.head("slo")).etag
    assert await store.part_sizes("slo", etag=entry.etag) == [5 * 1024**2, 3]
    assert await read(store, "slo", part=2) == b"end"


async def test_a_large_object_that_is_not_whole_fails_with_the_reason_and_stays_listed(store, segments):
    await by_hand(store, "slo", await two_plain(segments))
    await put(segments, "two", b"xyz")
    with pytest.raises(Rejected, match="two was changed"):
        await read(store, "slo")
    await segments.delete(["one"])
    with pytest.raises(Rejected, match="one is missing"):
        await read(store, "slo")
    assert await keys(store) == ["slo"]


async def dynamic(store, segments, key="dlo", prefix="part/", pieces=(b"11111", b"222")):
    """A DLO as somebody else would make it, of the segments 1, 2 … below the prefix."""
    for number, data in enumerate(pieces, 1):
        await put(segments, f"{prefix}{number}", data)
    headers = [("x-object-manifest", f"{segments.settings.container}/{prefix.replace(' ', '%20')}")]
    await store.caller.call("put", key, "PUT", store.path_of(key), headers, b"")
    return await store.head(key)


async def test_a_dynamic_large_object_is_listed_with_its_real_size_and_read_whole(swift, store, segments):
    await put(store, "empty", b"")
    await dynamic(store, segments)
    found = {info.key: info for info in await listing(store)}
    assert found["dlo"].size_bytes == 8
    assert found["empty"].size_bytes == 0
    assert found["dlo"].etag == (await store.head("dlo")).etag
    assert await read(store, "dlo", condition=Condition(if_match=found["dlo"].etag)) == b"11111222"
    assert await read(store, "dlo") == b"11111222"
    async with opened(swift, store.settings.container, dlo=DynamicObjects.IGNORE) as quick:
        assert {info.size_bytes for info in await listing(quick)} == {0}
    await store.copy("dlo", "dlo", attributes=Attributes(metadata={"k": "v"}))
    assert await read(store, "dlo") == b"11111222"
    assert (await store.head("dlo")).attributes.metadata == {"k": "v"}


async def test_the_parts_of_a_dynamic_large_object_are_its_segments_each_with_its_md5(swift, store, segments):
    await put(segments, "a part/15", b"")
    seen = await dynamic(store, segments, prefix="a part/")
    assert seen.etag == DYNAMIC + md5((md5(b"11111") + md5(b"") + md5(b"222")).encode())
    assert await store.part_sizes("dlo", etag=seen.etag) == [5, 3]
    for number, piece in enumerate((b"11111", b"222"), 1):
        for condition in (Condition(if_match=seen.etag), Condition()):
            async with store.get("dlo", part=number, condition=condition) as reader:
                assert await reader.read() == piece
                assert (reader.info.checksum.hex, reader.info.etag) == (md5(piece), seen.etag)
    for first, length, wanted in ((0, 8, b"11111222"), (3, 3, b"112"), (5, 99, b"222"), (6, 1, b"2")):
        assert await read(store, "dlo", byte_range=ByteRange(first, length)) == wanted
    with pytest.raises(Rejected):
        await read(store, "dlo", byte_range=ByteRange(8, 1))
    with pytest.raises(Rejected):
        await read(store, "dlo", part=3)
    async with opened(swift, store.settings.container, dlo=DynamicObjects.FLATTEN) as flat:
        assert await flat.part_sizes("dlo", etag=seen.etag) is None
        assert not flat.capabilities.dynamic_parts
        assert await read(flat, "dlo") == b"11111222"


@pytest.mark.parametrize("change", ["another", "gone"])
async def test_a_dynamic_large_object_is_never_read_as_a_mixture_of_two_states(store, segments, change):
    seen = await dynamic(store, segments)
    taken = []
    with pytest.raises(SourceChanged, match="part/2 is gone or another one"):
        async with store.get("dlo", condition=Condition(if_match=seen.etag)) as reader:
            async for chunk in reader.chunks():
                taken.append(chunk)
                if change == "gone":
                    await segments.delete(["part/2"])
                else:
                    await put(segments, "part/2", b"333")
    assert b"".join(taken) == b"11111"


async def test_nothing_of_a_dynamic_large_object_is_read_once_its_segments_are_others(store, segments):
    seen = await dynamic(store, segments)
    assert await store.part_sizes("dlo", etag=seen.etag) == [5, 3]
    await put(segments, "part/3", b"444")
    for part in (None, 1):
        with pytest.raises(PreconditionFailed):
            await read(store, "dlo", part=part, condition=Condition(if_match=seen.etag))


class Disturbed(ForwardingStore):
    """A target that lets something happen once its first part has come."""

    def __init__(self, inner, happen):
        super().__init__(inner)
        self.happen = happen
        self.completed = 0

    async def put_part(self, key, upload_id, number, body, *, expect=None):
        part = await self.inner.put_part(key, upload_id, number, body, expect=expect)
        happen, self.happen = self.happen, None
        if happen is not None:
            await happen()
        return part

    async def complete_multipart(self, key, upload_id, parts, *, condition=ALWAYS):
        self.completed += 1
        return await self.inner.complete_multipart(key, upload_id, parts, condition=condition)


@pytest.mark.parametrize("cut", ["segments", "flatten"])
async def test_a_copy_whose_segments_change_meanwhile_is_discarded_and_made_anew(swift, store, segments, tmp_path, cut):
    old, new = [pattern(300_000, n) for n in range(3)], pattern(300_000, 9)
    await dynamic(store, segments, pieces=old)

    async def happen():
        await put(segments, "part/3", new)

    async with (
        opened(swift, store.settings.container, dlo=DynamicObjects(cut)) as source,
        Workbench(tmp_path, clock=HurryingClock()) as bench,
    ):
        target = Disturbed(bench.target, happen)
        limits = replace(bench.limits, streams=1, held_parts=1, part_size_bytes=400_000)
        ran = await bench.sync(source=source, target=target, limits=limits)
        assert ran.keys(ActionKind.COPY) == ["dlo"]
        assert md5(await read(bench.target, "dlo")) == md5(old[0] + old[1] + new)
        assert (target.completed, await bench.target.list_multiparts()) == (1, [])
        sizes = [300_000] * 3 if cut == "segments" else [400_000, 400_000, 100_000]
        assert await bench.target.part_sizes("dlo", etag=(await bench.target.head("dlo")).etag) == sizes


async def test_a_dynamic_large_object_without_its_segments_is_neither_absent_nor_empty(swift, store):
    async with opened(swift, f"lost-{secrets.token_hex(4)}") as lost:
        seen = await dynamic(store, lost)
        await lost.delete(["part/1", "part/2"])
        assert await keys(store) == ["dlo"]
        with pytest.raises(Rejected, match="none of its segments"):
            await read(store, "dlo")
        await lost.delete_bucket()
    for call in (store.head("dlo"), read(store, "dlo"), read(store, "dlo", condition=Condition(if_match=seen.etag))):
        with pytest.raises(Rejected, match="container of its segments is missing"):
            await call
    assert await keys(store) == ["dlo"]


async def test_a_dynamic_large_object_of_static_ones_is_refused_with_the_reason(store, segments):
    one, _ = await two_plain(segments)
    await by_hand(segments, "part/0", [one])
    seen = await dynamic(store, segments)
    with pytest.raises(Rejected, match="part/0 is a static large object"):
        await read(store, "dlo", condition=Condition(if_match=seen.etag))


async def test_a_link_is_listed_with_the_size_of_what_it_leads_to(store):
    await put(store, "real", b"content")
    headers = [("x-symlink-target", f"{store.settings.container}/real")]
    await store.caller.call("put", "link", "PUT", store.path_of("link"), headers, b"")
    found = {info.key: info.size_bytes for info in await listing(store)}
    assert found == {"real": 7, "link": 7}


async def test_a_change_of_attributes_keeps_a_large_object_and_its_segments(store):
    _, info = await upload(store, "slo", [b"aaa", b"bb"], Attributes(content_type="text/css"))
    await store.copy("slo", "slo", attributes=Attributes(content_type="text/html", metadata={"k": "v"}))
    now = await store.head("slo")
    assert (now.etag, now.attributes.content_type, now.attributes.metadata) == (info.etag, "text/html", {"k": "v"})
    assert await read(store, "slo", part=2) == b"bb"


async def test_the_time_of_a_listing_and_of_head_is_one_and_moves_with_every_change(store):
    await put(store, "a", b"1")
    first = await store.head("a")
    assert (await listing(store))[0].modified_ns == first.modified_ns
    await store.copy("a", "a", attributes=Attributes(metadata={"k": "v"}))
    second = await store.head("a")
    assert second.modified_ns > first.modified_ns
    assert (await listing(store))[0].modified_ns == second.modified_ns


async def test_the_time_of_expiry_is_carried(store):
    await put(store, "a", b"1", delete_at_seconds=4_000_000_000)
    assert (await store.head("a")).attributes.delete_at_seconds == 4_000_000_000
    await store.copy("a", "a", attributes=Attributes(delete_at_seconds=4_100_000_000))
    assert (await store.head("a")).attributes.delete_at_seconds == 4_100_000_000
    await store.copy("a", "a", attributes=NO_ATTRIBUTES)
    assert (await store.head("a")).attributes.delete_at_seconds is None
    await upload(store, "slo", [b"1"], Attributes(delete_at_seconds=4_000_000_000))
    assert (await store.head("slo")).attributes.delete_at_seconds == 4_000_000_000
    with pytest.raises(Rejected):
        await put(store, "past", b"1", delete_at_seconds=1)


@pytest.mark.parametrize("again", ["in parts", "whole"])
async def test_writing_over_a_large_object_removes_its_segments_and_no_others(store, segments, again):
    await upload(store, "k", [b"aaa", b"bb"])
    await upload(store, "k/deeper", [b"other"])
    begun = await store.create_multipart("k", attributes=NO_ATTRIBUTES)
    await store.put_part("k", begun, 1, BytesBody(b"still open"))
    await put(segments, "k/by-hand/00000001", b"somebody else's")
    if again == "whole":
        await put(store, "k", b"new")
    else:
        await upload(store, "k", [b"new"])
    contents = sorted([await read(segments, key) for key in await keys(segments) if not key.startswith(".brigade")])
    assert contents == sorted([b"new"] * (again != "whole") + [b"other", b"still open", b"somebody else's"])
    assert (await read(store, "k"), await read(store, "k/deeper")) == (b"new", b"other")


async def test_an_upload_that_was_completed_is_not_destroyed_by_an_abort_that_comes_late(store):
    upload_id, _ = await upload(store, "k", [b"aaa", b"bb"])
    await store.abort_multipart("k", upload_id)
    assert await read(store, "k") == b"aaabb"
    # As after a kill between the manifest and the removal of the mark.
    path = store.caller.path(
        store.settings.segments, f".brigade-uploads/{store.settings.container}/k/{upload_id}", "put"
    )
    await store.caller.call("put", None, "PUT", path, [], b"{}")
    assert [each.upload_id for each in await store.list_multiparts()] == [upload_id]
    await store.abort_multipart("k", upload_id)
    assert await store.list_multiparts() == []
    assert await read(store, "k") == b"aaabb"


async def test_an_upload_goes_on_in_another_process(swift, store):
    carried = Attributes(content_type="text/css", metadata={"k": "v"}, delete_at_seconds=4_000_000_000)
    upload_id = await store.create_multipart("k", attributes=carried)
    first = await store.put_part("k", upload_id, 1, BytesBody(b"aaa"))
    async with opened(swift, store.settings.container) as other:
        assert [(each.key, each.upload_id) for each in await other.list_multiparts("k")] == [("k", upload_id)]
        assert await other.list_parts("k", upload_id) == [first]
        second = await other.put_part("k", upload_id, 2, BytesBody(b"bb"))
        await other.complete_multipart("k", upload_id, [first, second])
    assert await read(store, "k") == b"aaabb"
    found = (await store.head("k")).attributes
    assert (found.content_type, found.metadata, found.delete_at_seconds) == ("text/css", {"k": "v"}, 4_000_000_000)


async def test_a_key_that_leaves_no_room_for_the_names_of_segments_is_uploaded_all_the_same(store, segments):
    key = "ü" * 511
    upload_id = await store.create_multipart(key, attributes=NO_ATTRIBUTES)
    assert [(each.key, each.upload_id) for each in await store.list_multiparts("ü")] == [(key, upload_id)]
    assert await store.list_multiparts("x") == []
    part = await store.put_part(key, upload_id, 1, BytesBody(b"aaa"))
    assert await store.list_parts(key, upload_id) == [part]
    await store.complete_multipart(key, upload_id, [part])
    await put(store, key, b"new")
    assert (await read(store, key), await keys(segments)) == (b"new", [])


async def test_deleting_a_large_object_deletes_its_segments(store, segments):
    await by_hand(store, "theirs", await two_plain(segments))
    await upload(store, "ours", [b"aaa", b"bb"])
    await put(store, "plain", b"1")
    wanted = ["theirs", "ours", "plain", "gone"]
    assert await store.delete(wanted) == dict.fromkeys(wanted)
    assert (await keys(store), await keys(segments)) == ([], [])


async def test_segments_stay_where_the_settings_say_so_and_where_they_are_objects_of_the_same_container(
    swift, store, segments
):
    await put(store, "neighbour", b"12345")
    await by_hand(store, "slo", [{"path": f"/{store.settings.container}/neighbour"}])
    assert await store.delete(["slo"]) == {"slo": None}
    assert await keys(store) == ["neighbour"]
    await by_hand(store, "slo", await two_plain(segments))
    async with opened(swift, store.settings.container, delete_segments=False) as careful:
        assert await careful.delete(["slo"]) == {"slo": None}
    assert await keys(segments) == ["one", "two"]


async def test_many_odd_keys_are_deleted_at_once(store):
    odd = ["a b", "ü/\n", "//", "/", "q?&=#", "%2F", "ü" * 512, " lead", "trail "]
    for key in odd:
        await put(store, key, b"1")
    assert await store.delete([*odd, "gone"]) == dict.fromkeys([*odd, "gone"])
    assert await keys(store) == []


async def test_a_manifest_and_its_segments_are_put_back_as_they_were(swift, store, segments):
    entries = await two_plain(segments)
    await by_hand(store, "slo", entries)
    info, manifest = await store.head("slo"), await store.read_manifest("slo")
    assert await store.read_manifest("slo") == manifest
    await store.delete(["slo"])
    with pytest.raises(NotFound):
        await store.read_manifest("slo")
    with pytest.raises(Rejected):
        await store.write_manifest("slo", manifest, attributes=NO_ATTRIBUTES)
    for entry, data in zip(entries, (b"11111", b"222"), strict=True):
        await store.put_segment(entry["path"], BytesBody(data))
    written = await store.write_manifest("slo", manifest, attributes=Attributes(metadata={"k": "v"}))
    assert (written.etag, written.size_bytes) == (info.etag, 8)
    assert await read(store, "slo") == b"11111222"
    await put(store, "plain", b"1")
    assert await store.read_manifest("plain") is None


async def test_a_segment_makes_its_container(store):
    name = f"made-{secrets.token_hex(4)}"
    part = await store.put_segment(f"/{name}/a/b", BytesBody(b"123"))
    assert part.etag == md5(b"123")


async def test_a_segment_is_put_where_nothing_lies_and_never_among_the_objects(store, segments):
    path, ours = f"/{segments.settings.container}/one", Checksum(ChecksumAlgorithm.MD5, md5(b"123"))
    assert await store.segment_etag(path) is None
    assert await store.segment_etag(f"/none-{secrets.token_hex(4)}/one") is None
    await store.put_segment(path, BytesBody(b"123"), expect=ours)
    assert await store.segment_etag(path) == ours.hex
    assert (await store.put_segment(path, BytesBody(b"123"), expect=ours)).etag == ours.hex
    with pytest.raises(PreconditionFailed):
        await store.put_segment(path, BytesBody(b"456"), expect=Checksum(ChecksumAlgorithm.MD5, md5(b"456")))
    assert await read(segments, "one") == b"123"
    for wrong in (f"/{store.settings.container}/one", "/container", "/"):
        with pytest.raises(Rejected):
            await store.put_segment(wrong, BytesBody(b"123"))
        with pytest.raises(Rejected):
            await store.segment_etag(wrong)


async def test_a_copy_of_a_large_object_to_another_key_stands_by_itself(store):
    await upload(store, "slo", [b"aaa", b"bb"], Attributes(metadata={"k": "v"}))
    await store.copy("slo", "copy")
    await store.delete(["slo"])
    assert await read(store, "copy") == b"aaabb"
    assert (await store.head("copy")).attributes.metadata == {"k": "v"}


async def test_one_too_large_for_a_copy_is_copied_segment_by_segment(store, monkeypatch):
    _, info = await upload(store, "slo", [b"aaa", b"bb"], Attributes(metadata={"k": "v"}))
    monkeypatch.setattr(store, "_limits", replace(store._limits, max_file_bytes=4))
    copied = await store.copy("slo", "copy")
    assert copied.etag == info.etag
    await store.delete(["slo"])
    assert await read(store, "copy") == b"aaabb"


async def test_metadata_of_container_and_account_can_be_read(store):
    path = store.caller.path(store.settings.container, None, "post")
    await store.caller.call("post", None, "POST", path, [("x-container-meta-colour", "grün")])
    assert (await store.container_metadata())["colour"] == "grün"
    await store.caller.call("post", None, "POST", store.caller.account_path, [("x-account-meta-owner", "me")])
    assert (await store.account_metadata())["owner"] == "me"


async def test_a_container_is_made_with_the_policy_that_was_asked_for(swift):
    async with opened(swift, f"policy-{secrets.token_hex(4)}", storage_policy="default") as store:
        await upload(store, "k", [b"a"])
    wrong = made(swift, f"policy-{secrets.token_hex(4)}", storage_policy="gold")
    with pytest.raises(Rejected):
        await wrong.create_bucket()
    await wrong.close()


async def test_names_of_metadata_that_swift_drops_fail_or_are_carried_encoded(swift, store):
    metadata = {"my_name": "1", "plain-name": "2", "s\u00fc\u00df": "3"}
    with pytest.raises(Rejected, match="encode_metadata_names"):
        await put(store, "a", b"1", metadata=metadata)
    async with opened(swift, store.settings.container, encode_metadata_names=True) as encoding:
        await put(encoding, "a", b"1", metadata=metadata)
        assert (await encoding.head("a")).attributes.metadata == metadata


async def test_containers_that_share_one_for_their_segments_do_not_touch_each_other_s(swift):
    shared, tail = f"shared-{secrets.token_hex(4)}", secrets.token_hex(4)
    async with (
        opened(swift, f"one-{tail}", segments_container=shared) as one,
        opened(swift, f"two-{tail}", segments_container=shared) as two,
    ):
        await upload(one, "k", [b"aaa", b"bb"])
        begun = await one.create_multipart("open", attributes=NO_ATTRIBUTES)
        await upload(two, "k", [b"ccc"])
        await put(two, "k", b"new")
        assert await read(one, "k") == b"aaabb"
        assert await two.list_multiparts() == []
        assert [each.upload_id for each in await one.list_multiparts()] == [begun]
        async with opened(swift, shared) as segments:
            left = [key for key in await keys(segments) if not key.startswith(".")]
        assert len(left) == 2


@pytest.mark.parametrize("how", ["X-Versions-Enabled", "X-Versions-Location", "X-History-Location"])
async def test_older_versions_of_a_large_object_keep_their_segments(swift, how):
    tail = secrets.token_hex(4)
    async with opened(swift, f"versioned-{tail}") as store:
        beside = f"history-{tail}"
        await store.caller.call("put", None, "PUT", store.caller.path(beside, None, "put"))
        value = "true" if how == "X-Versions-Enabled" else beside
        await store.caller.call(
            "put", None, "POST", store.caller.path(store.settings.container, None, "put"), [(how, value)]
        )
        await upload(store, "k", [b"aaa", b"bb"])
        await upload(store, "k", [b"ccc"])
        await put(store, "k", b"plain")
        assert await store.delete(["k"]) == {"k": None}
        async with opened(swift, store.settings.segments) as segments:
            contents = [await read(segments, key) for key in await keys(segments)]
        assert sorted(contents) == [b"aaa", b"bb", b"ccc"]
