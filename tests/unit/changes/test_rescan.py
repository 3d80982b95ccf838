from __future__ import annotations

from brigade.changes.rescan import ListedRescans
from brigade.objects import NO_ATTRIBUTES
from brigade.stores.base import BytesBody
from brigade.stores.memory import MemoryStore
from brigade.testing.clock import ManualClock


async def filled(name: str, *keys: str) -> MemoryStore:
    store = MemoryStore(name, "bucket", clock=ManualClock())
    await store.open()
    for key in keys:
        await store.put(key, BytesBody(b"x"), attributes=NO_ATTRIBUTES)
    return store


async def test_the_keys_of_both_sides_under_the_prefix_are_marked(marks):
    source = await filled("source", "d/a", "d/b", "other")
    target = await filled("target", "d/b", "d/gone at the source", "dd")
    await ListedRescans(lambda replication_id: {7: [source, target]}[replication_id], marks).rescan(7, "d/")
    assert set(marks.marked(7)) == {"d/a", "d/b", "d/gone at the source"}


async def test_a_rescan_of_many_keys_is_marked_page_by_page(marks):
    source = await filled("source", *[f"{number:05}" for number in range(2500)])
    await ListedRescans(lambda _: [source], marks).rescan(1, "")
    assert len(set(marks.marked())) == 2500
    assert max(len(keys) for _, keys in marks.calls) == 1000
