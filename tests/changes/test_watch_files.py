"""The directory feed on real directories, with what the kernel itself tells."""

from __future__ import annotations

import asyncio
import os
import shutil
import threading
from collections import Counter
from pathlib import Path

import pytest

from brigade.changes.base import Intake, Routes, Subscription
from brigade.changes.rescan import ListedRescans
from brigade.changes.tree import Links
from brigade.changes.watch import WatchFeed, WatchSettings
from brigade.clock import SystemClock
from brigade.errors import Unavailable
from brigade.stores.file.settings import FileSettings
from brigade.stores.file.store import FileStore
from brigade.testing.marks import until


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = (tmp_path / "root").resolve()
    root.mkdir()
    return root


@pytest.fixture
def start(root, marks, background):
    """Starts to watch the root, and waits until it is watched."""

    async def watch(intake: Intake | None = None, *, listen=None, **settings) -> WatchFeed:
        intake = intake or Intake(Routes([Subscription(1, "", "")]), marks, marks)
        chosen = WatchSettings(str(root), **{"settle_seconds": 0.3, "polling": False} | settings)
        feed = WatchFeed(chosen, intake, SystemClock(), listen=listen)
        background(feed.run())
        await until(lambda: feed.is_watching and (marks.rescanned or listen))
        return feed

    return watch


def write(path: Path, text: str = "x") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def write_all(root: Path, count: int) -> None:
    for number in range(count):
        write(root / f"k{number}")


async def in_thread(work) -> None:
    """Do something that blocks, beside the feed."""
    await asyncio.to_thread(work)


async def test_created_changed_touched_and_deleted_files_are_marked(root, start, marks):
    write(root / "old")
    write(root / "gone")
    await start()
    write(root / "new ü +%41")
    write(root / "old", "longer")
    (root / "gone").unlink()
    await until(lambda: set(marks.marked()) == {"new ü +%41", "old", "gone"})
    marks.calls.clear()
    (root / "old").chmod(0o600)
    os.utime(root / "old", ns=(1, 1))
    await until(lambda: marks.marked() == ["old"])


async def test_a_burst_of_files(root, start, marks):
    await start()
    await in_thread(lambda: write_all(root, 2000))
    await until(lambda: len(set(marks.marked())) == 2000)
    assert set(marks.marked()) == {f"k{number}" for number in range(2000)}


async def test_a_burst_of_files_that_come_and_go(root, start, marks):
    feed = await start()

    def burst() -> None:
        for number in range(1000):
            write(root / f"k{number}")
            (root / f"k{number}").unlink()

    await in_thread(burst)
    write(root / "last")
    await until(lambda: "last" in marks.marked())
    assert feed.intake.counts.failed == 0
    assert not feed._settling


async def test_a_storm_of_renames_marks_both_names_of_each(root, start, marks):
    for number in range(300):
        write(root / f"a{number}")
    await start()

    def storm() -> None:
        for number in range(300):
            (root / f"a{number}").rename(root / f"b{number}")
            (root / f"b{number}").rename(root / f"c{number}")

    await in_thread(storm)
    expected = {f"{letter}{number}" for letter in "ac" for number in range(300)}
    await until(lambda: set(marks.marked()) >= expected)


async def test_a_file_saved_by_renaming_over_it(root, start, marks):
    write(root / "doc")
    await start()
    write(root / "doc.tmp", "new content")
    (root / "doc.tmp").replace(root / "doc")
    await until(lambda: set(marks.marked()) == {"doc", "doc.tmp"})


async def test_deep_trees_made_at_once(root, start, marks):
    await start()

    def build() -> None:
        for top in range(5):
            path = root / f"t{top}"
            for level in range(30):
                path /= f"l{level}"
                write(path / "f")

    await in_thread(build)
    expected = {
        f"t{top}/" + "/".join(f"l{at}" for at in range(level + 1)) + "/f" for top in range(5) for level in range(30)
    }
    await until(lambda: set(marks.marked()) == expected)


async def test_a_tree_that_is_moved_in_out_and_about(root, tmp_path, start, marks):
    outside = tmp_path / "outside"
    for number in range(20):
        write(outside / "sub" / f"f{number}")
    await start()
    marks.rescanned.clear()
    outside.rename(root / "in")
    inside = {f"in/sub/f{number}" for number in range(20)}
    await until(lambda: set(marks.marked()) == inside)
    (root / "in").rename(root / "moved")
    await until(lambda: {f"moved/sub/f{number}" for number in range(20)} <= set(marks.marked()))
    await until(lambda: (1, "in/") in marks.rescanned)
    (root / "moved").rename(outside)
    await until(lambda: (1, "moved/") in marks.rescanned)


async def test_files_in_a_moved_tree_are_watched_under_their_new_names(root, start, marks):
    write(root / "a" / "sub" / "f")
    await start()
    (root / "a").rename(root / "b")
    await until(lambda: "b/sub/f" in marks.marked())
    marks.calls.clear()
    write(root / "b" / "sub" / "g")
    await until(lambda: "b/sub/g" in marks.marked())


async def test_a_directory_deleted_and_made_again_over_and_over(root, start, marks):
    await start()

    def churn() -> None:
        for turn in range(20):
            for number in range(10):
                write(root / "d" / "e" / f"{turn}-{number}")
            if turn < 19:
                shutil.rmtree(root / "d")

    await in_thread(churn)
    # Whatever of the earlier turns was seen or missed: what is there now is marked, and the prefix is rescanned.
    await until(lambda: {f"d/e/19-{number}" for number in range(10)} <= set(marks.marked()))


async def test_a_file_that_is_written_for_long_is_marked_after_its_end(root, start, marks):
    await start(settle_seconds=1.5)
    stop = threading.Event()

    def writing() -> None:
        with (root / "long").open("w") as file:
            while not stop.is_set():
                file.write("x" * 100)
                file.flush()
                stop.wait(0.05)

    writer = asyncio.create_task(in_thread(writing))
    await asyncio.sleep(0.2)
    write(root / "short")
    await until(lambda: "short" in marks.marked())
    assert marks.marked() == ["short"]
    stop.set()
    await writer
    await until(lambda: "long" in marks.marked())


async def test_our_own_temporary_files_are_ignored(root, start, marks):
    await start()
    write(root / ".brigade-tmp" / "w-1" / "x")
    write(root / ".brigade-meta" / "y")
    write(root / "real")
    await until(lambda: marks.marked() == ["real"])


async def test_a_put_of_the_file_store_is_one_key(root, start, marks):
    from brigade.objects import NO_ATTRIBUTES
    from brigade.stores.base import BytesBody

    await start()
    store = FileStore("disk", FileSettings(str(root)), clock=SystemClock())
    await store.open()
    await store.put("a/b", BytesBody(b"x"), attributes=NO_ATTRIBUTES)
    await until(marks.marked)
    await store.close()
    assert set(marks.marked()) == {"a/b"}


async def test_links_are_left_alone_or_followed(root, start, marks):
    write(root / "d" / "f")
    (root / "link").symlink_to("d")
    await start(links=Links.FOLLOW)
    write(root / "d" / "f", "changed")
    await until(lambda: set(marks.marked()) == {"d/f", "link/f"})


async def test_prefixes_are_those_of_the_replications(root, start, marks):
    intake = Intake(Routes([Subscription(1, "", "photos/")]), marks, marks)
    await start(intake)
    write(root / "photos" / "a")
    write(root / "photosx")
    await until(lambda: marks.marked() == ["a"])
    await until(lambda: intake.counts.ignored == 1)


async def test_polling_sees_the_same(root, start, marks):
    write(root / "old")
    feed = await start(polling=True, poll_seconds=0.2)
    assert feed.polls
    write(root / "d" / "new")
    (root / "old").unlink()
    await until(lambda: set(marks.marked()) == {"d/new", "old"})


async def test_a_name_that_is_not_utf8_stops_nothing_for_good(root, start, marks):
    feed = await start()
    write(Path(os.fsdecode(os.fsencode(root) + b"/\xff")))
    await until(lambda: len(marks.rescanned) >= 2)
    assert feed.is_watching
    write(root / "after")
    await until(lambda: "after" in marks.marked())


async def test_a_root_that_goes_and_comes_is_waited_for(root, start, marks):
    write(root / "a")
    feed = await start()
    root.rename(root.with_name("unmounted"))
    await until(lambda: not feed.is_watching)
    root.with_name("unmounted").rename(root)
    await until(lambda: feed.is_watching and len(marks.rescanned) >= 2)
    assert not marks.marked()


async def test_a_missed_event_is_repaired_by_the_rescan_that_follows_the_trouble(root, start, marks):
    """The kernel's events are swallowed, then the watcher breaks: listing both sides marks what was missed."""
    source, target = (
        FileStore("disk", FileSettings(str(path)), clock=SystemClock()) for path in (root, root.parent / "t")
    )
    write(root / "kept")
    write(root / "gone")
    write(root.parent / "t" / "gone")
    for store in (source, target):
        await store.open()
    intake = Intake(Routes([Subscription(1, "", "")]), marks, ListedRescans(lambda _: [source, target], marks))
    broken = threading.Event()
    feed = WatchFeed(WatchSettings(str(root), rescan_at_start=False), intake, SystemClock())

    async def deaf(path: str, polling: bool):
        async for _ in feed._listen_to_files(path, polling):
            if broken.is_set():
                broken.clear()
                raise Unavailable("the watch broke")
            yield set()

    await start(intake, listen=deaf, rescan_at_start=False)
    write(root / "missed")
    (root / "gone").unlink()
    await asyncio.sleep(0.5)
    assert not marks.marked()
    broken.set()
    await until(lambda: set(marks.marked()) == {"kept", "missed", "gone"})
    for store in (source, target):
        await store.close()


async def test_a_cancelled_feed_leaves_no_thread_behind(root, start, marks, intake):
    before = Counter(thread.name for thread in threading.enumerate())
    feed = WatchFeed(WatchSettings(str(root)), intake, SystemClock())
    task = asyncio.create_task(feed.run())
    await until(lambda: feed.is_watching)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not feed.is_watching
    # The watcher's own thread is gone; those of the loop's pool stay and are idle.
    assert not [name for name in Counter(thread.name for thread in threading.enumerate()) - before if "notify" in name]
