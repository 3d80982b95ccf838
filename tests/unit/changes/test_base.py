from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brigade.changes.base import MARK_BATCH, Change, FeedCounts, Intake, Place, Routes, Subscription
from brigade.errors import StateError


def test_a_key_goes_to_each_replication_under_its_own_relative_name():
    routes = Routes([Subscription(1, "photos"), Subscription(2, "photos", "2024/"), Subscription(3, "other")])
    assert routes.places(Change("photos", "2024/a")) == [Place(1, "2024/a"), Place(2, "a")]


def test_a_prefix_ends_at_its_slash():
    routes = Routes([Subscription(1, "photos", "foo/")])
    assert not routes.places(Change("photos", "foobar"))
    assert not routes.places(Change("photos", "foo"))
    # The folder object that is the prefix itself has no name below the prefix.
    assert not routes.places(Change("photos", "foo/"))
    assert routes.places(Change("photos", "foo//")) == [Place(1, "/")]


async def test_a_bucket_that_came_into_a_wildcard_later_is_subscribed_when_it_is_first_heard_of(marks):
    class Newcomers:
        def __init__(self) -> None:
            self.asked: list[str] = []

        async def subscriptions(self, bucket: str) -> list[Subscription]:
            self.asked.append(bucket)
            return [Subscription(7, bucket)] if bucket.startswith("team-") else []

    newcomers = Newcomers()
    intake = Intake(Routes([Subscription(1, "photos")]), marks, newcomers=newcomers)
    await intake.take([Change("photos", "a"), Change("team-x", "b"), Change("team-x", "c"), Change("foreign", "d")])
    await intake.take([Change("team-x", "e")])
    assert intake.routes.places(Change("team-x", "e")) == [Place(7, "e")]
    assert marks.marked(1) == ["a"]
    assert marks.marked(7) == ["b", "c", "e"]
    assert sorted(newcomers.asked) == ["foreign", "team-x"]
    assert (intake.counts.marked, intake.counts.ignored) == (4, 1)


async def test_another_set_of_subscriptions_takes_the_place_of_all_that_came_before(marks):
    class Newcomers:
        async def subscriptions(self, bucket: str) -> list[Subscription]:
            return [Subscription(7, bucket)]

    intake = Intake(Routes([Subscription(1, "photos")]), marks, newcomers=Newcomers())
    await intake.take([Change("team-x", "b")])
    intake.resubscribe([Subscription(2, "photos")], None)
    await intake.take([Change("photos", "a"), Change("team-x", "b")])
    assert (marks.marked(1), marks.marked(2), marks.marked(7)) == ([], ["a"], ["b"])


async def test_a_bucket_that_cannot_be_looked_up_now_is_asked_for_again(intake: Intake, marks):
    class Broken:
        async def subscriptions(self, bucket: str) -> list[Subscription]:
            raise StateError("the database is gone")

    intake._newcomers = Broken()
    with pytest.raises(StateError):
        await intake.take([Change("new", "a")])
    assert intake.counts.failed == 1


@pytest.mark.parametrize(
    ("prefix", "place"),
    [("a/", Place(1, "")), ("", Place(1, "")), ("a/b/", Place(1, "")), ("a/b/c/", Place(1, "c/")), ("a/x/", None)],
)
def test_a_subtree_is_what_it_shares_with_the_replication(prefix: str, place: Place | None):
    routes = Routes([Subscription(1, "photos", "a/b/")])
    assert routes.under("photos", prefix) == ([place] if place else [])


def test_replacing_the_routes_counts_from_the_next_change_on():
    routes = Routes([Subscription(1, "photos")])
    routes.replace([Subscription(2, "videos")])
    assert not routes.places(Change("photos", "a"))
    assert routes.places(Change("videos", "a")) == [Place(2, "a")]


async def test_changes_become_marks_once_each_and_foreign_ones_are_ignored(intake: Intake, marks):
    await intake.take([Change("photos", "a"), Change("photos", "a"), Change("foreign", "b")], ignored=1, failed=2)
    assert marks.calls == [(1, ["a"])]
    assert intake.counts == FeedCounts(received=6, marked=2, ignored=2, failed=2)


async def test_what_cannot_be_made_durable_is_failed_and_told_to_the_caller(intake: Intake, marks):
    marks.broken = True
    with pytest.raises(StateError):
        await intake.take([Change("photos", "a"), Change("foreign", "b")])
    counts = intake.counts
    assert (counts.received, counts.marked, counts.ignored, counts.failed) == (2, 0, 1, 1)
    assert "database is gone" in counts.last_error


async def test_foreign_changes_ask_nothing_of_the_backlog(intake: Intake, marks):
    marks.broken = True
    await intake.take([Change("foreign", "b")])
    assert intake.counts.ignored == 1


async def test_a_flood_is_marked_in_batches(intake: Intake, marks):
    await intake.take([Change("photos", str(number)) for number in range(2 * MARK_BATCH + 1)])
    assert [len(keys) for _, keys in marks.calls] == [MARK_BATCH, MARK_BATCH, 1]


async def test_a_rescan_reaches_the_replications_that_share_the_subtree(intake: Intake, marks):
    intake.routes.replace(
        [Subscription(1, "photos"), Subscription(2, "photos", "a/b/"), Subscription(3, "photos", "z/")]
    )
    await intake.rescan("photos", "a/")
    assert marks.rescanned == [(1, "a/"), (2, "")]
    assert intake.counts.rescans == 1


@given(st.lists(st.tuples(st.sampled_from(["a", "b"]), st.text(max_size=4)), max_size=20), st.integers(0, 3))
async def test_the_counts_add_up(pairs, failed):
    class Quiet:
        async def mark(self, replication_id, keys):
            assert keys

    intake = Intake(Routes([Subscription(1, "a", "")]), Quiet())
    await intake.take([Change(*pair) for pair in pairs], failed=failed)
    counts = intake.counts
    assert counts.received == counts.marked + counts.ignored + counts.failed


async def test_the_marks_are_relative_to_the_source_prefix(intake: Intake, marks):
    intake.routes.replace([Subscription(1, "photos", "2024/")])
    await intake.take([Change("photos", "2024/a")])
    assert marks.marked() == ["a"]
