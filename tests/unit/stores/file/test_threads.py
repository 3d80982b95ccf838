"""Threads for disk work: every result arrives, errors too, and what nobody awaits is given back."""

from __future__ import annotations

import asyncio
import threading

import pytest

from brigade.stores.file.syncs import DirectorySyncs
from brigade.stores.file.threads import DiskThreads


@pytest.fixture
def threads():
    threads = DiskThreads(3, "test")
    yield threads
    threads.stop()


async def test_results_and_errors_arrive(threads) -> None:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_double(threads, number)) for number in range(500)]
    assert [task.result() for task in tasks] == [2 * number for number in range(500)]
    with pytest.raises(ZeroDivisionError):
        await threads.run(lambda: 1 / 0)


async def _double(threads: DiskThreads, number: int) -> int:
    return await threads.run(lambda: 2 * number)


async def test_work_leaves_the_event_loop_and_no_more_threads_run_than_allowed(threads) -> None:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_where(threads)) for _ in range(50)]
    names = {task.result() for task in tasks}
    assert names <= {"test-0", "test-1", "test-2"}


async def _where(threads: DiskThreads) -> str:
    return await threads.run(lambda: threading.current_thread().name)


async def test_a_result_that_nobody_awaits_any_more_is_given_back(threads) -> None:
    begun, go, discarded = threading.Event(), threading.Event(), threading.Event()

    def work() -> str:
        begun.set()
        go.wait(5)
        return "opened"

    future = threads.run(work, discard=lambda result: discarded.set() if result == "opened" else None)
    await asyncio.to_thread(begun.wait, 5)
    future.cancel()
    go.set()
    assert await asyncio.to_thread(discarded.wait, 5)


async def test_stopping_finishes_what_is_queued_and_a_later_call_starts_again(threads) -> None:
    done: list[int] = []
    for number in range(20):
        threads.submit(done.append, number)
    threads.stop()
    assert sorted(done) == list(range(20))
    assert await threads.run(lambda: 1) == 1


def test_one_pool_serves_one_loop_after_the_other(threads) -> None:
    for _ in range(3):
        assert asyncio.run(_double(threads, 4)) == 8


async def test_flushes_of_one_directory_are_shared_but_never_joined_too_late(threads, monkeypatch) -> None:
    flushed: list[str] = []
    begun, first = threading.Event(), threading.Event()

    def flush(path: str) -> None:
        flushed.append(path)
        if len(flushed) == 1:
            begun.set()
            first.wait(5)

    monkeypatch.setattr("brigade.stores.file.syncs.sync_directory", flush)
    syncs = DirectorySyncs(threads)
    async with asyncio.TaskGroup() as group:
        group.create_task(syncs.flush(["/a"]))
        await asyncio.to_thread(begun.wait, 5)
        late = [group.create_task(syncs.flush(["/a", "/b"])) for _ in range(30)]
        await asyncio.sleep(0.01)
        assert not any(task.done() for task in late)
        first.set()
    assert sorted(flushed) == ["/a", "/a", "/b"] or sorted(flushed) == ["/a", "/a", "/b", "/b"]


async def test_a_flush_that_fails_fails_all_who_waited_for_it(threads, monkeypatch) -> None:
    def flush(path: str) -> None:
        raise FileNotFoundError if path == "/gone" else OSError(5, "i/o")

    monkeypatch.setattr("brigade.stores.file.syncs.sync_directory", flush)
    syncs = DirectorySyncs(threads)
    await syncs.flush(["/gone"])
    with pytest.raises(OSError, match="i/o"):
        await syncs.flush(["/a"])
