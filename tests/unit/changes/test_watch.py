"""The directory feed with events told by the test: what inotify cannot be made to do at will."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from brigade.changes import watch
from brigade.changes.base import Intake, Routes, Subscription
from brigade.changes.watch import WatchFeed, WatchSettings
from brigade.errors import ConfigError, Unavailable
from brigade.testing.clock import ManualClock
from brigade.testing.marks import until

ADDED, MODIFIED, DELETED = 1, 2, 3


class Told:
    """Events that the test tells; an empty batch each time the feed asks and there is none."""

    def __init__(self, root: Path, clock: ManualClock) -> None:
        self.root = root
        self.clock = clock
        self.batches: list[set[tuple[int, str]] | Exception] = []
        self.starts: list[bool] = []

    async def __call__(self, root: str, polling: bool):
        self.starts.append(polling)
        while True:
            await asyncio.sleep(0.001)
            self.clock.advance(0.2)
            batch = self.batches.pop(0) if self.batches else set()
            if isinstance(batch, Exception):
                raise batch
            yield batch

    def tell(self, *events: tuple[int, str]) -> None:
        self.batches.append({(change, f"{self.root}/{key}") for change, key in events})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = (tmp_path / "root").resolve()
    root.mkdir()
    return root


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def told(root, clock) -> Told:
    return Told(root, clock)


@pytest.fixture
def intake(marks) -> Intake:
    return Intake(Routes([Subscription(1, "", "")]), marks, marks)


@pytest.fixture
async def feed(root, told, intake, clock, background):
    feed = WatchFeed(WatchSettings(str(root), polling=False), intake, clock, listen=told)
    background(feed.run())
    await until(lambda: feed.is_watching)
    return feed


async def test_everything_is_rescanned_at_the_start(feed, marks):
    await until(lambda: marks.rescanned == [(1, "")])


async def test_no_rescan_at_the_start_if_so_wished(root, told, intake, clock, marks, background):
    settings = WatchSettings(str(root), polling=False, rescan_at_start=False)
    background(WatchFeed(settings, intake, clock, listen=told).run())
    (root / "a").write_text("x")
    told.tell((ADDED, "a"))
    await until(lambda: marks.marked() == ["a"])
    assert not marks.rescanned


async def test_a_file_is_marked_when_it_has_rested(feed, root, told, marks, clock):
    (root / "a").write_text("x")
    began = clock.seconds
    told.tell((ADDED, "a"))
    await until(lambda: marks.marked() == ["a"])
    assert clock.seconds - began >= 2.0


async def test_a_file_that_grows_waits_and_holds_nobody_up(feed, root, told, marks, clock):
    busy, calm = root / "busy", root / "calm"
    busy.write_text("")
    calm.write_text("x")
    told.tell((ADDED, "busy"), (ADDED, "calm"))
    until_seconds = clock.seconds + 10
    while clock.seconds < until_seconds:
        with busy.open("a") as file:
            file.write("more")
        await asyncio.sleep(0.002)
    assert marks.marked() == ["calm"]
    await until(lambda: marks.marked() == ["calm", "busy"])


async def test_a_deleted_file_is_marked_without_a_rest(root, told, intake, clock, marks, background):
    feed = WatchFeed(WatchSettings(str(root), polling=False, settle_seconds=1e9), intake, clock, listen=told)
    background(feed.run())
    told.tell((DELETED, "a"))
    await until(lambda: marks.marked() == ["a"])


async def test_a_file_that_came_and_went_harms_nothing(feed, root, told, marks, intake):
    told.tell((ADDED, "a"), (MODIFIED, "a"), (DELETED, "a"))
    (root / "b").write_text("x")
    told.tell((ADDED, "b"))
    (root / "b").unlink()
    await until(lambda: set(marks.marked()) == {"a", "b"})
    assert intake.counts.failed == 0


async def test_a_file_that_goes_while_it_rests_is_marked(feed, root, told, marks):
    (root / "a").write_text("x")
    told.tell((ADDED, "a"))
    await until(lambda: len(feed._settling))
    (root / "a").unlink()
    await until(lambda: marks.marked() == ["a"])


async def test_a_new_directory_is_walked_without_further_events(feed, root, told, marks):
    for key in ("d/a", "d/e/f/b"):
        (root / key).parent.mkdir(parents=True, exist_ok=True)
        (root / key).write_text("x")
    told.tell((ADDED, "d"))
    await until(lambda: sorted(marks.marked()) == ["d/a", "d/e/f/b"])


async def test_what_came_into_a_new_directory_before_it_was_watched_is_found(feed, root, told, marks):
    (root / "d").mkdir()
    told.tell((ADDED, "d"))
    await until(lambda: "d" in feed._fresh)
    # No event tells of these.
    (root / "d" / "a").write_text("x")
    (root / "d" / "e").mkdir()
    (root / "d" / "e" / "b").write_text("x")
    await until(lambda: sorted(marks.marked()) == ["d/a", "d/e/b"])


async def test_a_removed_directory_has_its_prefix_rescanned(root, told, intake, clock, marks, background):
    (root / "d" / "e").mkdir(parents=True)
    feed = WatchFeed(WatchSettings(str(root), polling=False, rescan_at_start=False), intake, clock, listen=told)
    background(feed.run())
    await until(lambda: feed.is_watching)
    shutil.rmtree(root / "d")
    told.tell((DELETED, "d"))
    await until(lambda: marks.rescanned == [(1, "d/")])
    # It may have been a file as well, for all that the event tells.
    assert marks.marked() == ["d"]
    assert not feed._tree.directories


async def test_a_directory_that_was_removed_and_made_again_is_rescanned_and_walked(feed, root, told, marks):
    (root / "d").mkdir()
    (root / "d" / "old").write_text("x")
    told.tell((ADDED, "d"))
    await until(lambda: marks.marked() == ["d/old"] and not feed._fresh)
    shutil.rmtree(root / "d")
    (root / "d").mkdir()
    (root / "d" / "new").write_text("x")
    told.tell((DELETED, "d"), (ADDED, "d"))
    await until(lambda: (1, "d/") in marks.rescanned and "d/new" in marks.marked())


async def test_a_new_directory_that_is_replaced_while_it_is_fresh_is_rescanned(feed, root, told, marks):
    (root / "d").mkdir()
    told.tell((ADDED, "d"))
    await until(lambda: "d" in feed._fresh)
    told.tell((DELETED, "d"), (ADDED, "d"))
    await until(lambda: (1, "d/") in marks.rescanned)


async def test_a_directory_that_becomes_a_file_is_both(feed, root, told, marks):
    (root / "d").mkdir()
    told.tell((ADDED, "d"))
    await until(lambda: "d" in feed._fresh)
    (root / "d").rmdir()
    (root / "d").write_text("x")
    told.tell((DELETED, "d"), (ADDED, "d"))
    await until(lambda: (1, "d/") in marks.rescanned and marks.marked() == ["d"])


async def test_a_file_that_becomes_a_directory_is_both(feed, root, told, marks):
    (root / "a").mkdir()
    (root / "a" / "b").write_text("x")
    told.tell((DELETED, "a"), (ADDED, "a"), (ADDED, "a/b"))
    await until(lambda: set(marks.marked()) == {"a", "a/b"})


async def test_our_own_files_and_skipped_links_are_no_changes(feed, root, told, marks, intake):
    (root / "link").symlink_to("elsewhere")
    (root / "a").write_text("x")
    told.tell((ADDED, ".brigade-tmp/w-1/1"), (ADDED, ".brigade-meta/x"), (ADDED, "link"), (ADDED, "a"))
    await until(lambda: marks.marked() == ["a"])
    assert intake.counts.ignored == 1


async def test_a_flood_that_may_have_overflown_has_everything_rescanned_now_and_then(feed, told, marks, clock):
    await until(lambda: marks.rescanned)
    feed._flood = 10
    began = clock.seconds
    for first in range(0, 500, 10):
        told.tell(*[(DELETED, f"k{number}") for number in range(first, first + 10)])
    await until(lambda: len(marks.marked()) == 500)
    assert len(marks.rescanned) <= 1 + (clock.seconds - began) / watch.RESCAN_SPACING_SECONDS + 1
    await until(lambda: len(marks.rescanned) >= 2)


async def test_trouble_of_the_watcher_starts_it_again_and_rescans(feed, root, told, marks, intake):
    await until(lambda: marks.rescanned)
    told.batches.append(Unavailable("inotify broke"))
    await until(lambda: len(told.starts) == 2 and len(marks.rescanned) == 2)
    assert "inotify broke" in intake.counts.last_error
    (root / "a").write_text("x")
    told.tell((ADDED, "a"))
    await until(lambda: marks.marked() == ["a"])


async def test_what_vanished_with_the_root_was_not_deleted(feed, root, told, marks, intake):
    (root / "a").write_text("x")
    await until(lambda: marks.rescanned)
    root.rename(root.with_name("unmounted"))
    told.tell((DELETED, "a"))
    await until(lambda: intake.counts.last_error)
    root.with_name("unmounted").rename(root)
    await until(lambda: len(marks.rescanned) == 2)
    assert not marks.marked()


async def test_a_file_that_rests_while_the_root_vanishes_was_not_deleted(feed, root, told, marks, intake):
    (root / "a").write_text("x")
    await until(lambda: marks.rescanned)
    told.tell((ADDED, "a"))
    await until(lambda: len(feed._settling))
    feed._checked_seconds = float("inf")
    root.rename(root.with_name("unmounted"))
    await until(lambda: intake.counts.last_error)
    assert not marks.marked()


async def test_an_empty_directory_in_the_place_of_the_root_is_noticed_without_an_event(feed, root, marks, intake):
    root.rename(root.with_name("unmounted"))
    root.mkdir()
    await until(lambda: "another one than before" in intake.counts.last_error)
    await until(lambda: len(marks.rescanned) == 2)
    assert not marks.marked()


async def test_marks_that_are_not_durable_are_tried_until_they_are(feed, told, marks, intake):
    await until(lambda: marks.rescanned)
    marks.broken = True
    told.tell((DELETED, "a"))
    await until(lambda: intake.counts.failed)
    told.tell((DELETED, "b"))
    marks.broken = False
    await until(lambda: marks.marked() == ["a", "b"])


async def test_what_is_held_in_memory_is_bounded(feed, root, told, marks, monkeypatch):
    await until(lambda: marks.rescanned)
    monkeypatch.setattr(watch, "MAX_HELD", 5)
    for number in range(6):
        (root / f"k{number}").write_text("x")
    told.tell(*[(ADDED, f"k{number}") for number in range(6)])
    await until(lambda: len(marks.rescanned) == 2)
    assert not feed._settling


async def test_polling_is_chosen_by_the_file_system(root, told, intake, clock, background, monkeypatch):
    monkeypatch.setattr(watch, "remote_filesystem", lambda path: "nfs")
    feed = WatchFeed(WatchSettings(str(root)), intake, clock, listen=told)
    background(feed.run())
    await until(lambda: told.starts == [True])
    assert feed.polls


@pytest.mark.parametrize("settings", [{"settle_seconds": -1.0}, {"poll_seconds": 0.0}])
def test_times_that_make_no_sense_are_refused(settings):
    with pytest.raises(ConfigError):
        WatchSettings("/srv", **settings)
