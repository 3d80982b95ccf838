"""Reconcile over two well-behaved stores: what is copied, what is left alone, what it costs."""

from __future__ import annotations

import pytest

from brigade.engine.report import ActionKind
from brigade.objects import Attributes, Grant, Proof
from brigade.replications import AttributesMode, DeleteMode, FilterRule, Policy
from brigade.stores.layers.fault_script import Fault, FaultKind, FaultScript
from brigade.stores.layers.forward import ForwardingStore
from brigade.testing.workbench import Faults, content, contents, held, put, put_parts

FULL = Attributes(
    content_type="text/x-odd",
    content_encoding="gzip",
    content_disposition="inline",
    content_language="de",
    cache_control="no-store",
    expires="Thu, 01 Jan 2032 00:00:00 GMT",
    metadata={"one": "1", "ünï": "✓", "empty": ""},
    tags={"team": "storage"},
    storage_class="COLD",
)
ODD_KEYS = [
    "a//b", "/lead", "trail/", "sp ace", "plus+", "per%cent", "ü-NFC", "u\u0308-NFD", "😀", "tab\t", "line\n",
    "q?&=#", "k" * 1024, "a", "a-b", "a.b", "a/b", "a0", ".", "..", "./x", "../x", "\uffff", "\ue000",
]  # fmt: skip


async def test_a_first_sync_copies_bytes_headers_metadata_and_tags(bench):
    await put(bench.source, "small", content(10), FULL)
    await put(bench.source, "empty", b"", FULL)
    await put(bench.source, "streamed", content(90), FULL)
    await put(bench.source, "large", content(1000), FULL)
    await put_parts(bench.source, "parts", [content(70, "1"), content(70, "2"), content(3, "3")], FULL)
    ran = await bench.sync()
    assert ran.result.in_step
    assert ran.result.counts.copied == 5
    assert ran.result.counts.copied_bytes == 10 + 90 + 1000 + 143
    assert await held(bench.target) == await held(bench.source)
    assert {outcome.proof for outcome in ran.outcomes.values()} == {Proof.ETAG}
    assert ran.observer.moved_bytes == ran.observer.planned_bytes == 1243


async def test_a_second_sync_lists_and_does_nothing_else(bench):
    for number in range(30):
        await put(bench.source, f"{number:02}", content(number * 7, str(number)))
    await put_parts(bench.source, "parts", [content(70), content(5)])
    await bench.sync()
    bench.clock.advance(10_000)
    ran = await bench.sync()
    assert ran.result.in_step
    assert ran.result.counts.skipped == 31
    assert ran.requests() == ran.requests("", "list_page") == 2


async def test_a_second_sync_right_after_the_first_makes_no_request_for_fresh_objects(bench):
    for number in range(5):
        await put(bench.source, f"{number:02}", content(number))
    await bench.sync()
    ran = await bench.sync()
    assert ran.requests() == ran.requests("", "list_page")


@pytest.mark.parametrize("key", ODD_KEYS)
async def test_every_key_survives(bench, key):
    await put(bench.source, key, b"1")
    await bench.sync()
    assert contents(await held(bench.target)) == {key: b"1"}


async def test_all_odd_keys_together_keep_the_order_of_both_listings(bench):
    for key in ODD_KEYS:
        await put(bench.source, key, key.encode())
    for key in ODD_KEYS[::2]:
        await put(bench.target, key, key.encode())
    ran = await bench.sync(Policy(delete=DeleteMode.MIRROR))
    assert ran.result.in_step
    assert ran.result.counts.copied == len(ODD_KEYS[1::2])
    assert contents(await held(bench.target)) == {key: key.encode() for key in ODD_KEYS}


async def test_changed_content_is_copied_and_the_rest_is_not_touched(bench):
    await put(bench.source, "same", b"1")
    await put(bench.source, "changed", b"2")
    await bench.sync()
    bench.clock.advance(60)
    await put(bench.source, "changed", b"3")
    ran = await bench.sync()
    assert ran.keys(ActionKind.COPY) == ["changed"]
    assert contents(await held(bench.target)) == {"same": b"1", "changed": b"3"}


async def test_a_drift_at_the_target_is_repaired(bench):
    await put(bench.source, "a", b"1")
    await bench.sync()
    bench.clock.advance(60)
    await put(bench.target, "a", b"2")
    ran = await bench.sync()
    assert ran.keys(ActionKind.COPY) == ["a"]
    assert contents(await held(bench.target)) == {"a": b"1"}


async def test_a_change_of_metadata_alone_moves_no_bytes(bench):
    await put(bench.source, "a", content(1000), Attributes(metadata={"v": "1"}))
    await bench.sync()
    bench.clock.advance(60)
    await bench.source.copy("a", "a", attributes=Attributes(content_type="x/y", metadata={"v": "2"}))
    ran = await bench.sync()
    assert ran.keys(ActionKind.COPY_METADATA) == ["a"]
    assert ran.requests("", "get", "put", "put_part") == 0
    assert (await bench.target.head("a")).attributes.metadata == {"v": "2"}
    assert (await bench.target.head("a")).attributes.content_type == "x/y"
    bench.clock.advance(60)
    again = await bench.sync()
    assert again.requests() == again.requests("", "list_page"), "the update was remembered"


async def test_a_change_of_tags_alone_is_noticed_for_an_object_known_to_carry_tags(bench):
    await put(bench.source, "a", b"1", Attributes(tags={"k": "1"}))
    await put(bench.source, "b", b"1")
    bench.clock.advance(10_000)
    await bench.sync()
    bench.clock.advance(60)
    await bench.source.write_tags("a", {"k": "2"})
    ran = await bench.sync()
    assert ran.keys(ActionKind.COPY_METADATA) == ["a"]
    assert ran.requests("", "get", "put", "copy") == 0
    assert await bench.target.read_tags("a") == {"k": "2"}
    assert ran.requests("source", "head") == 1, "only the object with tags is looked at"


async def test_tags_that_are_taken_away_are_taken_away_at_the_target(bench):
    await put(bench.source, "a", b"1", Attributes(tags={"k": "1"}))
    await bench.sync()
    bench.clock.advance(60)
    await bench.source.write_tags("a", {})
    await bench.sync()
    assert await bench.target.read_tags("a") == {}


async def test_without_tags_no_tag_is_read_or_written(bench):
    await put(bench.source, "a", b"1", Attributes(tags={"k": "1"}))
    ran = await bench.sync(Policy(tags=False))
    assert ran.requests("", "read_tags", "write_tags") == 0
    assert await bench.target.read_tags("a") == {}


GRANTS = (Grant("id:1", "READ"), Grant("uri:everyone", "READ"))


async def test_acls_are_carried_only_where_asked_for_and_outlive_a_change_of_metadata(bench):
    await put(bench.source, "a", b"1", Attributes(metadata={"v": "1"}, acl=GRANTS))
    await bench.sync()
    assert await bench.target.read_acl("a") == ()
    policy = Policy(acl=True, attributes=AttributesMode.EACH)
    ran = await bench.sync(policy)
    assert ran.keys(ActionKind.COPY_METADATA) == ["a"]
    assert ran.requests("target", "copy") == 0, "an ACL alone is written alone"
    assert await bench.target.read_acl("a") == GRANTS
    bench.clock.advance(60)
    await put(bench.source, "a", b"1", Attributes(metadata={"v": "2"}, acl=GRANTS))

    class Resetting(ForwardingStore):
        """As S3 does: a copy has the bucket's default ACL."""

        async def copy(self, source_key, target_key, *, attributes=None, condition):
            info = await self.inner.copy(source_key, target_key, attributes=attributes, condition=condition)
            await self.inner.write_acl(target_key, ())
            return info

    await bench.sync(policy, target=Resetting(bench.target))
    assert (await bench.target.head("a")).attributes.metadata == {"v": "2"}
    assert await bench.target.read_acl("a") == GRANTS


async def test_metadata_is_not_written_over_an_object_that_changed_meanwhile(bench):
    await put(bench.source, "a", b"1", Attributes(metadata={"v": "1"}))
    await put(bench.target, "a", b"1")

    async def change(store):
        await put(store, "a", b"theirs")

    script = FaultScript(Fault("copy", FaultKind.CHANGE, change=change))
    ran = await bench.sync(faults=Faults(target=script))
    script.assert_all_fired()
    assert ran.outcomes["a"].error
    assert (await bench.target.head("a")).attributes.metadata == {}
    assert (await bench.sync()).result.in_step


async def test_attributes_each_finds_what_no_listing_shows(bench):
    await put(bench.source, "a", b"1", Attributes(metadata={"v": "1"}))
    await put(bench.source, "b", b"1")
    await bench.sync()
    bench.clock.advance(60)
    await bench.target.copy("a", "a", attributes=Attributes(metadata={"v": "drift"}))
    await bench.source.write_tags("b", {"new": "tag"})
    bench.clock.advance(10_000)
    assert (await bench.sync()).result.counts.metadata_updated == 0
    ran = await bench.sync(Policy(attributes=AttributesMode.EACH))
    assert ran.keys(ActionKind.COPY_METADATA) == ["a", "b"]
    assert await held(bench.target) == await held(bench.source)


async def test_a_dry_run_tells_everything_and_writes_nothing(bench):
    await put(bench.source, "new", content(300))
    await put(bench.source, "meta", b"1", Attributes(metadata={"v": "1"}))
    await put(bench.source, "changed", b"1")
    for number in range(20):
        await put(bench.source, f"same{number}", b"s")
        await put(bench.target, f"same{number}", b"s")
    await put(bench.target, "meta", b"1")
    await put(bench.target, "changed", b"2")
    await put(bench.target, "extra", b"x")
    before = await held(bench.target)
    ran = await bench.sync(Policy(delete=DeleteMode.MIRROR), dry_run=True)
    assert ran.keys(ActionKind.COPY) == ["changed", "new"]
    assert ran.keys(ActionKind.COPY_METADATA) == ["meta"]
    assert ran.keys(ActionKind.DELETE) == ["extra"]
    assert await held(bench.target) == before
    assert ran.requests("target") == ran.requests("target", "list_page", "head", "read_tags")
    assert await bench.state.inventory.count(bench.replication_id) == 0
    assert not ran.result.in_step


async def test_creating_and_updating_can_be_switched_off(bench):
    await put(bench.source, "new", b"1")
    await put(bench.source, "old", b"1")
    await put(bench.target, "old", b"2")
    ran = await bench.sync(Policy(create=False, update=False))
    assert ran.result.counts.skipped == 2
    assert contents(await held(bench.target)) == {"old": b"2"}


async def test_filters_leave_out_keys_and_objects(bench):
    await put(bench.source, "tmp/a", b"1")
    await put(bench.source, "keep/a", b"1")
    await put(bench.source, "keep/large", content(200))
    policy = Policy(filters=(FilterRule(False, "tmp/**"), FilterRule(True, "**")), max_size_bytes=100)
    ran = await bench.sync(policy)
    assert ran.keys(ActionKind.COPY) == ["keep/a"]
    assert "tmp/**" in ran.outcomes["tmp/a"].reason
    assert ran.outcomes["keep/large"].action is ActionKind.SKIP


async def test_an_object_that_fails_does_not_stop_the_others(build):
    from dataclasses import replace

    from brigade.stores.memory import MEMORY_CAPABILITIES

    bench = await build(target=replace(MEMORY_CAPABILITIES, max_key_bytes=5))
    await put(bench.source, "short", b"1")
    await put(bench.source, "far-too-long", b"1")
    ran = await bench.sync()
    assert ran.result.counts.failed == 1
    assert not ran.result.in_step
    assert "bytes" in ran.outcomes["far-too-long"].error
    assert contents(await held(bench.target)) == {"short": b"1"}
