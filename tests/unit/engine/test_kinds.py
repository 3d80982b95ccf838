"""Stores whose ETags are of different kinds: one hash while the bytes pass, nothing read twice, no byte moved for a header."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from brigade.engine.report import ActionKind
from brigade.objects import SEGMENTED, Checksum, ChecksumAlgorithm, Proof
from brigade.replications import Policy
from brigade.stores.digests import combined, md5_hex, new_digest
from brigade.stores.layers.fault_script import Fault, FaultKind, FaultScript
from brigade.stores.layers.forward import ForwardingStore
from brigade.stores.memory import MEMORY_CAPABILITIES
from brigade.testing.workbench import SMALL_LIMITS, Faults, content, contents, held, put, put_parts

OPAQUE = replace(MEMORY_CAPABILITIES, content_etags=False, proves_writes=True, part_reads=False)
SIZES = {"empty": 0, "small": 10, "streamed": 90, "large": 1000, "over": 101}


class TellingStore(ForwardingStore):
    """Tells a CRC of each object that is asked for, as a store does that keeps no MD5 of what was put together."""

    def __init__(self, inner, damage=""):
        super().__init__(inner)
        self._damage = damage

    def _told(self, info):
        digest = new_digest(ChecksumAlgorithm.CRC32C)
        digest.update(self.inner._objects[info.key].data)
        value = "00000000" if info.key == self._damage else digest.hexdigest()
        return info._replace(checksum=Checksum(ChecksumAlgorithm.CRC32C, value))

    async def head(self, key, *, version_id=None):
        return self._told(await self.inner.head(key))

    def get(self, key, **how):
        @asynccontextmanager
        async def opened():
            async with self.inner.get(key, **how) as reader:
                reader.info = self._told(reader.info)
                yield reader

        return opened()


class Md5TellingStore(ForwardingStore):
    """Tells an MD5 of each whole object beside an ETag that is none, as Azure and Google do; of one key a wrong one."""

    def __init__(self, inner, damage=""):
        super().__init__(inner)
        self._damage = damage

    def _told(self, info):
        md5 = "0" * 32 if info.key == self._damage else md5_hex(self.inner._objects[info.key].data)
        return info._replace(checksum=Checksum(ChecksumAlgorithm.MD5, md5))

    async def list_page(self, prefix="", **how):
        page = await self.inner.list_page(prefix, **how)
        return page._replace(entries=[self._told(info) for info in page.entries])

    async def head(self, key, *, version_id=None):
        return self._told(await self.inner.head(key))


class PlainStore(ForwardingStore):
    """Has no ETags, as files that were written by others."""

    async def list_page(self, prefix="", **how):
        page = await self.inner.list_page(prefix, **how)
        return page._replace(entries=[info._replace(etag=None) for info in page.entries])

    async def head(self, key, *, version_id=None):
        return (await self.inner.head(key))._replace(etag=None)

    def get(self, key, **how):
        @asynccontextmanager
        async def opened():
            async with self.inner.get(key, **how) as reader:
                reader.info = reader.info._replace(etag=None)
                yield reader

        return opened()


class SegmentedStore(ForwardingStore):
    """Shows what was written in parts as an object made of segments, each with its MD5, as Swift does."""

    telling = True

    def _shown(self, info):
        parts = info.etag is not None and "-" in info.etag
        return info._replace(etag=SEGMENTED + info.etag[:32]) if parts else info

    def _real(self, condition):
        etag = condition.if_match
        if etag is None or not etag.startswith(SEGMENTED):
            return condition
        return condition._replace(if_match=self._known[etag])

    _known: dict[str, str]

    async def list_page(self, prefix="", *, start_after="", cursor=None, limit=1000):
        page = await self.inner.list_page(prefix, start_after=start_after, cursor=cursor, limit=limit)
        self._known = {self._shown(info).etag: info.etag for info in page.entries}
        return page._replace(entries=[self._shown(info) for info in page.entries])

    async def head(self, key, *, version_id=None):
        return self._shown(await self.inner.head(key))

    async def part_sizes(self, key, *, etag):
        return await self.inner.part_sizes(key, etag=self._known[etag])

    def get(self, key, *, byte_range=None, part=None, condition, version_id=None):
        @asynccontextmanager
        async def opened():
            how = {"byte_range": byte_range, "part": part, "condition": self._real(condition)}
            async with self.inner.get(key, **how) as reader:
                told = Checksum(ChecksumAlgorithm.MD5, md5_hex(reader._data)) if part and self.telling else None
                reader.info = self._shown(reader.info)._replace(checksum=told)
                yield reader

        return opened()


async def fill(bench):
    for key, size in SIZES.items():
        await put(bench.source, key, content(size, key))
    await put_parts(bench.source, "parts", [content(70, "1"), content(70, "2"), content(3, "3")])


@pytest.mark.parametrize("source", [MEMORY_CAPABILITIES, OPAQUE], ids=["s3", "opaque"])
async def test_a_target_that_proves_its_writes_is_not_read_back_and_the_next_run_asks_nothing(build, source):
    bench = await build(source=source, target=OPAQUE)
    await fill(bench)
    ran = await bench.sync(Policy(require_proof=True))
    assert ran.result.in_step, ran.outcomes
    assert ran.requests("target", "get") == 0
    assert not any(outcome.proof.is_weak for outcome in ran.outcomes.values())
    if source is OPAQUE:
        assert ran.requests("source", "get") == 1 + 1 + 1 + 10 + 2 + 2, "each byte is read once"
    assert contents(await held(bench.target)) == contents(await held(bench.source))
    bench.clock.advance(100)
    ran = await bench.sync()
    assert ran.requests() == ran.requests("", "list_page")


@pytest.mark.parametrize("source", [MEMORY_CAPABILITIES, OPAQUE], ids=["s3", "opaque"])
async def test_parts_that_a_target_checks_by_their_digest_are_not_read_back(build, source):
    bench = await build(source=source, target=replace(OPAQUE, proves_writes=False))
    await fill(bench)
    ran = await bench.sync(Policy(require_proof=True))
    assert ran.result.in_step, ran.outcomes
    assert ran.requests("target", "get") == 0
    assert {outcome.proof for outcome in ran.outcomes.values()} <= {Proof.MD5, Proof.ETAG}
    assert contents(await held(bench.target)) == contents(await held(bench.source))


async def test_a_change_of_metadata_alone_moves_no_byte_where_the_etags_say_nothing_of_the_content(build):
    bench = await build(source=replace(OPAQUE, listing_tells_tags=True), target=OPAQUE)
    await put(bench.source, "large", content(1000))
    await bench.sync()
    bench.clock.advance(100)
    stored = bench.source._objects["large"]
    stored.attributes = replace(stored.attributes, metadata={"new": "1"})
    stored.modified_ns = bench.clock.now_ns()
    bench.clock.advance(100)
    ran = await bench.sync()
    assert ran.keys(ActionKind.COPY_METADATA) == ["large"]
    assert ran.requests("", "get", "put", "put_part") == 0
    assert (await bench.target.head("large")).attributes.metadata == {"new": "1"}
    bench.clock.advance(100)
    ran = await bench.sync()
    assert ran.requests() == ran.requests("", "list_page")


@pytest.mark.parametrize("key", ["small", "streamed", "large"])
async def test_bytes_that_do_not_match_the_checksum_that_the_source_tells_never_become_visible(build, key):
    bench = await build(source=OPAQUE, target=MEMORY_CAPABILITIES)
    await fill(bench)
    ran = await bench.sync(source=TellingStore(bench.source, damage=key))
    assert ran.result.counts.failed == 1
    assert "crc32c" in ran.outcomes[key].error
    assert key not in await held(bench.target)
    ran = await bench.sync(source=TellingStore(bench.source))
    assert ran.result.in_step, ran.outcomes


@pytest.mark.parametrize("target", [MEMORY_CAPABILITIES, OPAQUE], ids=["s3", "opaque"])
async def test_a_large_object_whose_md5_is_told_goes_in_one_put_that_the_target_holds_to_it(build, target):
    bench = await build(source=OPAQUE, target=target)
    await put(bench.source, "large", content(1000))
    ran = await bench.sync(Policy(require_proof=True), source=Md5TellingStore(bench.source))
    assert ran.result.in_step, ran.outcomes
    assert ran.outcomes["large"].proof is Proof.MD5
    assert ran.requests("source", "get") == ran.requests("target", "put") == 1
    assert ran.requests("target", "create_multipart", "get") == 0
    assert contents(await held(bench.target)) == {"large": content(1000)}


async def test_an_object_too_large_to_begin_anew_goes_in_parts_and_is_held_to_its_md5_all_the_same(build):
    bench = await build(source=OPAQUE, target=MEMORY_CAPABILITIES, limits=replace(SMALL_LIMITS, single_put_bytes=999))
    await put(bench.source, "large", content(1000))
    ran = await bench.sync(source=Md5TellingStore(bench.source, damage="large"))
    assert "md5" in ran.outcomes["large"].error
    assert await held(bench.target) == {}
    ran = await bench.sync(source=Md5TellingStore(bench.source))
    assert ran.result.in_step, ran.outcomes
    assert ran.requests("target", "put_part") == 10
    assert contents(await held(bench.target)) == {"large": content(1000)}


async def test_a_large_object_that_is_not_what_its_md5_says_fails_as_damaged_and_does_so_once(build):
    bench = await build(source=OPAQUE, target=MEMORY_CAPABILITIES)
    await put(bench.source, "large", content(1000))
    ran = await bench.sync(source=Md5TellingStore(bench.source, damage="large"))
    assert "each time they are read" in ran.outcomes["large"].error
    assert ran.requests("source", "get") == 1 + 2
    assert await held(bench.target) == {}


@pytest.mark.parametrize("target", [MEMORY_CAPABILITIES, replace(OPAQUE, proves_writes=False)], ids=["s3", "opaque"])
async def test_a_large_file_without_an_etag_promises_nothing_and_is_read_once(build, target):
    bench = await build(source=replace(MEMORY_CAPABILITIES, local_reads=True), target=target)
    await put(bench.source, "large", content(1000))
    ran = await bench.sync(Policy(require_proof=True), source=PlainStore(bench.source))
    assert ran.result.in_step, ran.outcomes
    assert ran.outcomes["large"].proof is Proof.MD5
    assert ran.requests("source", "get") == ran.requests("target", "put_part") == 10
    assert ran.requests("target", "get") == 0
    assert contents(await held(bench.target)) == {"large": content(1000)}


async def test_a_bit_that_flips_in_a_large_object_whose_md5_is_told_never_becomes_visible(build):
    bench = await build(source=OPAQUE, target=MEMORY_CAPABILITIES)
    await put(bench.source, "large", content(1000))
    script = FaultScript(Fault("get", FaultKind.FLIP_BIT, call=1, after_bytes=5))
    ran = await bench.sync(source=Md5TellingStore(bench.source), faults=Faults(source=script))
    script.assert_all_fired()
    assert ran.result.in_step, ran.outcomes
    assert contents(await held(bench.target)) == {"large": content(1000)}


async def test_a_target_that_makes_one_object_of_segments_is_not_read_back_either(build):
    class Segmenting(ForwardingStore):
        async def complete_multipart(self, key, upload_id, parts, **how):
            info = await self.inner.complete_multipart(key, upload_id, parts, **how)
            return info._replace(etag=SEGMENTED + (info.etag or "")[:32])

    bench = await build(target=replace(MEMORY_CAPABILITIES, proves_writes=True))
    await put_parts(bench.source, "parts", [content(70, "1"), content(70, "2")])
    ran = await bench.sync(target=Segmenting(bench.target))
    assert ran.outcomes["parts"].proof is Proof.ETAG
    assert ran.requests("target", "get") == 0
    assert ran.requests("source", "get") == 2


async def test_segments_become_parts_each_held_to_its_own_digest_and_nothing_is_read_twice(bench):
    await fill(bench)
    source = SegmentedStore(bench.source)
    ran = await bench.sync(source=source)
    assert ran.result.in_step, ran.outcomes
    assert ran.outcomes["parts"].proof is Proof.MD5
    assert (await bench.target.head("parts")).etag == (await bench.source.head("parts")).etag
    assert ran.requests("source", "get") == len(SIZES) + 3
    assert contents(await held(bench.target)) == contents(await held(bench.source))
    bench.clock.advance(100)
    ran = await bench.sync(source=source)
    assert ran.requests() == ran.requests("", "list_page")


async def test_a_segment_damaged_on_the_way_is_read_again(bench):
    await put_parts(bench.source, "parts", [content(70, "1"), content(70, "2")])
    script = FaultScript(Fault("get", FaultKind.FLIP_BIT, call=2, after_bytes=5))
    ran = await bench.sync(source=SegmentedStore(bench.source), faults=Faults(source=script))
    script.assert_all_fired()
    assert ran.result.in_step, ran.outcomes
    assert ran.requests("source", "get") == 3
    assert contents(await held(bench.target)) == contents(await held(bench.source))


async def test_segments_of_which_no_digest_is_told_are_read_again_before_they_count(bench):
    await put_parts(bench.source, "parts", [content(70, "1"), content(70, "2")])
    source = SegmentedStore(bench.source)
    source.telling = False
    ran = await bench.sync(source=source)
    assert ran.outcomes["parts"].proof is Proof.MD5
    assert ran.requests("source", "get") == 4


@pytest.mark.parametrize(
    "algorithm", [ChecksumAlgorithm.CRC32, ChecksumAlgorithm.CRC32C, ChecksumAlgorithm.CRC64NVME], ids=str
)
def test_the_checksum_of_a_whole_comes_from_those_of_its_pieces(algorithm):
    def checksum(data):
        digest = new_digest(algorithm)
        digest.update(data)
        return Checksum(algorithm, digest.hexdigest())

    pieces = [content(700, "1"), b"", content(3, "2"), content(1_000, "3")]
    assert combined([(checksum(piece), len(piece)) for piece in pieces]) == checksum(b"".join(pieces))
