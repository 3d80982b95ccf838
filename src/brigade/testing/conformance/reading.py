"""Promises about reading: whole objects, ranges, exactly the version asked for, and never a mixture."""

from __future__ import annotations

import asyncio

import pytest

from brigade.errors import PreconditionFailed, SourceChanged, Truncated, Unavailable
from brigade.stores.base import ByteRange, Condition, Store
from brigade.testing.bodies import pattern
from brigade.testing.conformance.support import needs, put, read

MEBIBYTE = 1024 * 1024


@pytest.mark.parametrize("size_bytes", [0, 1, 4096, 70_001, 3 * MEBIBYTE + 1])
async def test_an_object_of_any_size_comes_back_as_it_was_written(store: Store, size_bytes: int) -> None:
    data = pattern(size_bytes)
    await put(store, "object", data)
    assert await read(store, "object") == data
    async with store.get("object") as reader:
        assert reader.info.size_bytes == size_bytes
        assert reader.info.attributes is not None
        assert b"".join([chunk async for chunk in reader.chunks()]) == data


@pytest.mark.parametrize("first", [0, 1, 99_999])
@pytest.mark.parametrize("length_bytes", [1, 1000, 100_000])
async def test_a_range_gives_just_those_bytes(store: Store, first: int, length_bytes: int) -> None:
    data = pattern(100_000)
    whole = await put(store, "object", data)
    async with store.get("object", byte_range=ByteRange(first, length_bytes)) as reader:
        expected = data[first : first + length_bytes]
        assert reader.info.size_bytes == len(expected)
        assert reader.info.etag == whole.etag
        assert await reader.read() == expected


async def test_a_read_on_condition_gets_the_version_it_saw_or_fails(store: Store) -> None:
    needs(store, "conditional_reads")
    await put(store, "object", b"first")
    seen = await store.head("object")
    condition = Condition(if_match=seen.etag, if_unmodified_ns=None if seen.etag else seen.modified_ns)
    assert await read(store, "object", condition=condition) == b"first"
    await put(store, "object", b"the second one")
    with pytest.raises(PreconditionFailed):
        await read(store, "object", condition=condition)


async def test_an_object_replaced_while_it_is_read_is_never_read_as_a_mixture(store: Store) -> None:
    old, new = pattern(16 * MEBIBYTE, seed=1), pattern(16 * MEBIBYTE, seed=2)
    await put(store, "object", old)
    pieces: list[bytes] = []
    try:
        async with store.get("object") as reader:
            async for chunk in reader.chunks():
                if not pieces:
                    await put(store, "object", new)
                pieces.append(chunk)
    except (SourceChanged, Truncated, Unavailable):
        assert len(b"".join(pieces)) < len(old)
        return
    assert b"".join(pieces) == old


async def test_a_reader_may_leave_early(store: Store) -> None:
    data = pattern(4 * MEBIBYTE)
    await put(store, "object", data)
    for _ in range(3):
        async with store.get("object") as reader:
            async for chunk in reader.chunks():
                assert data.startswith(chunk)
                break
        async with store.get("object"):
            pass
    assert await read(store, "object") == data


async def test_an_error_of_the_reader_passes_through(store: Store) -> None:
    await put(store, "object", pattern(MEBIBYTE))
    with pytest.raises(ZeroDivisionError):
        async with store.get("object"):
            raise ZeroDivisionError
    assert len(await read(store, "object")) == MEBIBYTE


async def test_many_may_read_at_once(store: Store) -> None:
    contents = {f"object-{number}": pattern(50_000, seed=number) for number in range(4)}
    for key, data in contents.items():
        await put(store, key, data)
    async with asyncio.TaskGroup() as group:
        tasks = [(key, group.create_task(read(store, key))) for key in contents for _ in range(8)]
    assert all(task.result() == contents[key] for key, task in tasks)


async def test_closing_twice_is_fine_and_so_is_opening_twice(store: Store) -> None:
    await store.open()
    await store.open()
    await put(store, "object", b"1")
    await store.close()
    await store.close()
