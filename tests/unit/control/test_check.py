from __future__ import annotations

from dataclasses import replace

import pytest

from brigade.control.check import Step, Verdict, check_store
from brigade.errors import AccessDenied, StoreError, Unavailable
from brigade.objects import ObjectInfo
from brigade.stores.base import Capabilities, ListingOrder, Store
from brigade.stores.memory import MEMORY_CAPABILITIES, MemoryStore
from brigade.testing.clock import ManualClock
from brigade.testing.workbench import held, put

STEPS = [
    "reach",
    "sign",
    "list",
    "write",
    "read",
    "metadata",
    "tags",
    "multipart",
    "part reads",
    "conditional writes",
    "delete",
    "byte-order listing",
]


def memory(capabilities: Capabilities = MEMORY_CAPABILITIES, *, exists: bool = True) -> MemoryStore:
    return MemoryStore("m", "b", clock=ManualClock(), capabilities=capabilities, exists=exists)


async def steps(store: Store, *, read_only: bool = False) -> dict[str, Step]:
    return {step.name: step async for step in check_store(store, ManualClock(), read_only=read_only)}


async def test_a_whole_store_passes_every_step_in_order():
    found = await steps(memory())
    assert list(found) == STEPS
    assert {step.verdict for step in found.values()} == {Verdict.OK}


async def test_nothing_is_left_behind_and_nothing_else_is_touched():
    store = memory()
    await put(store, "mine", b"1")
    await steps(store)
    assert list(await held(store)) == ["mine"]


async def test_a_poor_store_says_what_it_has_not():
    poor = replace(
        MEMORY_CAPABILITIES,
        tags=False,
        multipart=False,
        part_reads=False,
        metadata=False,
        conditional_writes=False,
        listing_order=ListingOrder.COMPONENTS,
    )
    found = await steps(memory(poor))
    missing = [name for name, step in found.items() if step.verdict is Verdict.NO]
    assert missing == ["metadata", "tags", "multipart", "part reads", "conditional writes", "byte-order listing"]


async def test_a_listing_in_another_order_than_declared_names_the_mend():
    class Liar(MemoryStore):
        def declare(self, order: ListingOrder) -> None:
            self.capabilities = replace(self.capabilities, listing_order=order)

        async def list_page(self, *args, **options):
            page = await super().list_page(*args, **options)
            return page._replace(entries=sorted(page.entries, key=lambda info: info.key.replace("/", "\0")))

    store = Liar("m", "b", clock=ManualClock())
    found = await steps(store)
    assert "set listing_order" in found["byte-order listing"].detail
    store.declare(ListingOrder.COMPONENTS)
    found = await steps(store)
    assert found["byte-order listing"].detail == "by path components"


async def test_read_only_writes_nothing():
    store = memory()
    await put(store, "mine", b"1")
    found = await steps(store, read_only=True)
    assert [found[name].verdict for name in ("reach", "sign", "list")] == [Verdict.OK] * 3
    assert {found[name].verdict for name in STEPS[3:]} == {Verdict.SKIPPED}
    assert list(await held(store)) == ["mine"]


@pytest.mark.parametrize(
    ("error", "last", "verdict"),
    [(Unavailable("no route"), "reach", Verdict.FAILED), (AccessDenied("bad key"), "sign", Verdict.FAILED)],
)
async def test_the_first_step_that_fails_ends_the_check(error: StoreError, last: str, verdict: Verdict):
    class Broken(MemoryStore):
        async def open(self) -> None:
            raise error

    found = await steps(Broken("m", "b", clock=ManualClock()))
    assert list(found)[-1] == last
    assert found[last].verdict is verdict
    assert error.message in found[last].detail


async def test_a_missing_bucket_is_reached_and_cannot_be_listed():
    found = await steps(memory(exists=False))
    assert [step.verdict for step in found.values()] == [Verdict.OK, Verdict.OK, Verdict.FAILED]


async def test_keys_are_removed_even_where_a_step_fails():
    class Forgetful(MemoryStore):
        async def head(self, key: str, *, version_id: str | None = None) -> ObjectInfo:
            raise AccessDenied("no HEAD for you", store=self.name, operation="head", key=key)

    store = Forgetful("m", "b", clock=ManualClock())
    found = await steps(store)
    assert found["metadata"].verdict is Verdict.FAILED
    assert (await store.list_page()).entries == []


async def test_keys_are_removed_even_where_the_check_is_given_up():
    store = memory()
    checking = check_store(store, ManualClock(), read_only=False)
    async for step in checking:
        if step.name == "multipart":
            break
    await checking.aclose()
    assert (await store.list_page()).entries == []
