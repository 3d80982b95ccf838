"""A whole store is followed: buckets that have work, notes of buckets that come and go, and nothing for the rest."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import asynccontextmanager
from dataclasses import replace

import psycopg
import pytest
from sqlalchemy import insert

from brigade.clock import SystemClock
from brigade.control.following import GivenUp
from brigade.control.meters import Meters
from brigade.control.wild import WildFollower, WildLimits
from brigade.control.work import Work
from brigade.decide.wildcards import SAMPLE, BucketNote, Form
from brigade.errors import AccessDenied, BucketMissing, Rejected, Unavailable
from brigade.objects import NO_ATTRIBUTES
from brigade.replications import DeleteMode, Policy
from brigade.state.schema import replications
from brigade.state.state import State
from brigade.stores.base import BytesBody
from brigade.stores.layers.forward import ForwardingStore
from brigade.stores.memory import MemoryStore
from brigade.telemetry import Telemetry

QUICK = WildLimits(idle_seconds=0.2, turn_seconds=0.1, look_seconds=0.01, tick_seconds=0.02)
CLOCK = SystemClock()
FORM = Form.of_sample(f"memory://old/{SAMPLE} → memory://new/{SAMPLE}")


class Scene:
    """Two stores in memory, of any number of buckets, and the wildcard between them."""

    def __init__(self, state, policy):
        self.state = state
        self.policy = policy
        self.left = set()
        self.told = []
        self.wrap = lambda store: store
        self.stores = {}
        self.own = self.work("*")
        self.number = 0

    def store(self, side, bucket):
        if (side, bucket) not in self.stores:
            self.stores[side, bucket] = MemoryStore(side, bucket, clock=CLOCK, exists=False)
        return self.stores[side, bucket]

    def work(self, bucket):
        source, target = self.wrap(self.store("old", bucket)), self.store("new", bucket)
        name = "all" if bucket == "*" else f"all/{bucket}"
        return Work(name, source, target, source.identity, target.identity, self.policy)

    def identity_of(self, bucket):
        return None if bucket in self.left else FORM.filled(bucket)

    def bucket_of(self, identity):
        bucket = FORM.bucket_in(identity)
        return None if bucket in self.left else bucket

    def exists(self, side, bucket):
        return self.store(side, bucket)._exists

    async def make(self, bucket, *sides):
        for side in sides or ("old",):
            await self.store(side, bucket).create_bucket()

    async def put(self, bucket, key, data=b"1", *, side="old"):
        await self.store(side, bucket).put(key, BytesBody(data), attributes=NO_ATTRIBUTES)

    async def keys(self, bucket, side="new"):
        return [entry.key for entry in (await self.store(side, bucket).list_page()).entries]

    async def register(self, bucket):
        return await self.state.replications.ensure(f"all/{bucket}", FORM.filled(bucket))

    async def mark(self, bucket, *keys):
        await self.state.backlog.mark(await self.register(bucket), keys, live=True)

    async def note(self, bucket, *, is_deletion=False):
        await self.state.backlog.mark(self.number, [BucketNote(bucket, is_deletion).key], live=True)

    async def rows(self, number):
        return (await self.state.backlog.lag(number)).length

    @asynccontextmanager
    async def following(self, limits=QUICK):
        follower = WildFollower(
            self,
            self.number,
            state=self.state,
            clock=CLOCK,
            meters=Meters(Telemetry(), CLOCK),
            observe=lambda name, _number: [GivenUp(name, lambda *words: self.told.append(words))],
            tell=lambda *words: self.told.append(words),
            limits=limits,
        )
        stop = asyncio.Event()
        running = asyncio.ensure_future(follower.run(stop))
        try:
            yield follower
        finally:
            stop.set()
            await running


@pytest.fixture
async def state(request, tmp_path):
    """SQLite, or PostgreSQL for a test that asks for it."""
    url = f"sqlite:///{tmp_path}/brigade.db"
    if getattr(request, "param", "") == "postgres":
        server, schema = request.getfixturevalue("postgres_url"), f"wild_{secrets.token_hex(4)}"
        with psycopg.connect(server, autocommit=True) as admin:
            admin.execute(f"CREATE SCHEMA {schema}")
        url = f"{server}&options=-csearch_path%3D{schema}"
    state = await State.open(url, clock=CLOCK)
    yield state
    await state.close()


@pytest.fixture
async def scene(state):
    scene = Scene(state, Policy(delete=DeleteMode.MIRROR))
    scene.number = await state.replications.ensure("all", scene.own.identity)
    return scene


async def until(condition):
    async with asyncio.timeout(80):
        while not await condition():  # noqa: ASYNC110  real time must pass while the follower works
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("state", ["sqlite", pytest.param("postgres", marks=pytest.mark.server)], indirect=True)
async def test_each_bucket_with_work_is_followed_and_let_go_when_it_has_none(scene):
    for bucket in ("one", "two"):
        await scene.make(bucket)
        await scene.put(bucket, "k")
    async with scene.following() as follower:
        await scene.mark("one", "k")
        await scene.mark("two", "k")

        async def copied():
            return scene.exists("new", "two") and await scene.keys("one") == ["k"] == await scene.keys("two")

        async def let_go():
            return not follower.open_buckets

        await until(copied)
        await until(let_go)
        await scene.put("one", "later")
        await scene.mark("one", "later")

        async def came_back():
            return "later" in await scene.keys("one")

        await until(came_back)


async def test_five_thousand_buckets_at_rest_cost_one_query_a_look(scene, monkeypatch):
    names = [
        {"name": f"all/{number}", "identity": FORM.filled(f"b{number}"), "created_ns": 1} for number in range(5000)
    ]
    await scene.state._database.write.run(lambda connection: connection.execute(insert(replications), names))
    looks, others = 0, []
    due = scene.state.backlog.due_replications

    async def counted(cursor):
        nonlocal looks
        looks += 1
        return await due(cursor)

    monkeypatch.setattr(scene.state.backlog, "due_replications", counted)
    monkeypatch.setattr(scene.state.replications, "identities", others.append)
    monkeypatch.setattr(scene, "work", others.append)
    async with scene.following() as follower:

        async def looked_often():
            return looks > 20

        await until(looked_often)
        assert not follower.open_buckets
        assert list(follower._follower.lines) == [scene.number]
    assert not others


async def test_more_buckets_than_places_take_turns(scene):
    names = [f"b{number}" for number in range(12)]
    for bucket in names:
        await scene.make(bucket)
        await scene.put(bucket, "k")
        await scene.mark(bucket, "k")
    most = 0
    async with scene.following(replace(QUICK, open_buckets=3)) as follower:

        async def all_copied():
            nonlocal most
            most = max(most, len(follower.open_buckets))
            return all([scene.exists("new", bucket) and await scene.keys(bucket) == ["k"] for bucket in names])

        await until(all_copied)
    assert 1 <= most <= 3


async def test_a_bucket_that_always_has_work_gives_its_place_to_others(scene):
    for bucket in ("busy", "calm"):
        await scene.make(bucket)
        await scene.put(bucket, "k")
    gate = asyncio.Event()

    class Endless(MemoryStore):
        """Something is always in work."""

        async def put(self, key, body, **options):
            await gate.wait()
            return await super().put(key, body, **options)

    scene.stores["new", "busy"] = Endless("new", "busy", clock=CLOCK, exists=False)
    await scene.mark("busy", "k")
    async with scene.following(replace(QUICK, open_buckets=1)) as follower:

        async def busy_is_at_work():
            line = follower._follower.lines.get(await scene.register("busy"))
            return line is not None and line.held

        await until(busy_is_at_work)
        await scene.mark("calm", "k")

        async def busy_takes_no_more():
            line = follower._follower.lines[await scene.register("busy")]
            return line.closing

        await until(busy_takes_no_more)
        gate.set()

        async def calm_is_copied():
            return scene.exists("new", "calm") and await scene.keys("calm") == ["k"]

        await until(calm_is_copied)


async def test_a_bucket_that_came_is_made_at_the_target_while_it_is_empty(scene):
    await scene.make("fresh")
    async with scene.following():
        await scene.note("fresh")

        async def made():
            return scene.exists("new", "fresh") and not await scene.rows(scene.number)

        await until(made)
    assert await scene.state.replications.find(FORM.filled("fresh")) is not None


async def test_a_note_of_a_bucket_that_never_came_leaves_nothing(scene):
    async with scene.following():
        await scene.note("refused")

        async def looked_at():
            return not await scene.rows(scene.number)

        await until(looked_at)
    assert not scene.exists("new", "refused")
    assert await scene.state.replications.find(FORM.filled("refused")) is None


@pytest.mark.parametrize("error", [AccessDenied, Rejected])
async def test_a_note_of_a_bucket_of_somebody_elses_leaves_nothing(scene, error):
    class Foreign(ForwardingStore):
        async def open(self):
            raise error("not yours", store=self.name, operation="open")

    scene.wrap = Foreign
    async with scene.following():
        await scene.note("foreign")
        await scene.note("foreign", is_deletion=True)

        async def looked_at():
            return not await scene.rows(scene.number)

        await until(looked_at)
    assert (await scene.state.backlog.lag(scene.number)).parked == 0


async def test_a_source_that_says_once_that_its_bucket_is_gone_and_then_shows_it_removes_nothing(scene):
    asked = 0

    class Fickle(ForwardingStore):
        async def open(self):
            nonlocal asked
            asked += 1
            if asked == 1:
                raise BucketMissing("not there", store=self.name, operation="open")
            await self.inner.open()

    await scene.make("kept", "old", "new")
    await scene.register("kept")
    removed = []
    scene.store("new", "kept").delete_bucket = lambda: removed.append("kept")
    scene.wrap = Fickle
    async with scene.following():
        await scene.note("kept", is_deletion=True)

        async def looked_at():
            return asked > 1 and not await scene.rows(scene.number)

        await until(looked_at)
    assert not removed


async def test_a_deleted_bucket_is_removed_at_the_target_when_it_is_empty_there(scene):
    await scene.make("gone", "new")
    await scene.register("gone")
    async with scene.following():
        await scene.note("gone", is_deletion=True)

        async def removed():
            return not scene.exists("new", "gone")

        await until(removed)


async def test_a_deleted_bucket_that_holds_something_at_the_target_stays_and_is_told(scene):
    await scene.make("gone", "new")
    await scene.put("gone", "k", side="new")
    await scene.register("gone")
    async with scene.following():
        await scene.note("gone", is_deletion=True)

        async def parked():
            return [row.key for row in await scene.state.backlog.parked(scene.number)]

        await until(parked)
    assert await scene.keys("gone") == ["k"]
    assert any("not empty" in words for _, words in scene.told)


@pytest.mark.parametrize("why", ["the source has it", "delete: no", "never ours", "only made", "left to another"])
async def test_a_bucket_stays_at_the_target(scene, why):
    await scene.make("kept", "new")
    if why == "the source has it":
        await scene.make("kept", "old")
    if why == "delete: no":
        scene.policy = Policy(delete=DeleteMode.NO)
    if why != "never ours":
        await scene.register("kept")
    if why == "left to another":
        scene.left.add("kept")
    async with scene.following():
        await scene.note("kept", is_deletion=why != "only made")

        async def looked_at():
            return not await scene.rows(scene.number)

        await until(looked_at)
    assert scene.exists("new", "kept")


@pytest.mark.parametrize("error", [Unavailable, AccessDenied])
async def test_a_source_that_does_not_say_that_its_bucket_is_gone_removes_nothing(scene, error):
    asked = 0

    class Silent(ForwardingStore):
        async def open(self):
            nonlocal asked
            asked += 1
            raise error("no word", store="old", operation="open")

    await scene.make("kept", "new")
    await scene.register("kept")
    scene.wrap = Silent
    async with scene.following():
        await scene.note("kept", is_deletion=True)

        async def asked_often():
            return asked >= 2

        await until(asked_often)
    assert scene.exists("new", "kept")
    assert await scene.rows(scene.number) == 1


async def test_a_bucket_that_comes_back_while_it_is_removed_is_there_again(scene):
    class Returning(MemoryStore):
        async def delete_bucket(self):
            await super().delete_bucket()
            await scene.make("back", "old")
            await scene.put("back", "k")

    await scene.register("back")
    scene.stores["new", "back"] = Returning("new", "back", clock=CLOCK)
    async with scene.following():
        await scene.note("back", is_deletion=True)

        async def copied():
            return scene.exists("new", "back") and await scene.keys("back") == ["k"]

        await until(copied)


async def test_keys_of_a_bucket_that_is_gone_delete_nothing_and_end(scene):
    await scene.make("gone", "new")
    await scene.put("gone", "kept", side="new")
    await scene.mark("gone", "kept", "never-came")
    number = await scene.register("gone")
    async with scene.following():

        async def settled():
            lag = await scene.state.backlog.lag(number)
            return (lag.length, lag.parked) == (0, 1)

        await until(settled)
    assert [row.key for row in await scene.state.backlog.parked(number)] == ["kept"]
    assert await scene.keys("gone") == ["kept"]


async def test_keys_of_a_bucket_that_was_gone_are_copied_when_it_is_back(scene):
    await scene.mark("back", "k")
    asked = 0

    class Late(ForwardingStore):
        async def open(self):
            nonlocal asked
            asked += 1
            try:
                await self.inner.open()
            finally:
                if asked == 1:
                    await scene.make("back", "old")
                    await scene.put("back", "k")

    scene.wrap = Late
    async with scene.following():

        async def copied():
            return scene.exists("new", "back") and await scene.keys("back") == ["k"]

        await until(copied)


async def test_a_bucket_that_cannot_be_opened_is_told_once_and_holds_up_no_other(scene):
    class Shut(ForwardingStore):
        async def open(self):
            if self.name == "old:shut":
                raise AccessDenied("not for you", store=self.name, operation="open")
            await self.inner.open()

    scene.wrap = Shut
    for bucket in ("shut", "open"):
        await scene.make(bucket)
        await scene.put(bucket, "k")
        await scene.mark(bucket, "k")
    async with scene.following():

        async def copied():
            return scene.exists("new", "open") and await scene.keys("open") == ["k"]

        await until(copied)
    assert len([name for name, _ in scene.told if name == "all/shut"]) == 1
    assert await scene.rows(await scene.register("shut")) == 1


async def test_a_store_that_is_out_is_told_of_once_and_all_its_buckets_go_on_when_it_does(scene):
    is_out, tried = True, set()

    class Out(ForwardingStore):
        async def open(self):
            tried.add(self.name)
            if is_out:
                raise Unavailable("no answer", store=self.name, operation="open")
            await self.inner.open()

    scene.wrap = Out
    names = [f"b{number}" for number in range(6)]
    for bucket in names:
        await scene.make(bucket)
        await scene.put(bucket, "k")
        await scene.mark(bucket, "k")
    async with scene.following():

        async def all_tried():
            return len(tried) == len(names)

        await until(all_tried)
        assert [name for name, _ in scene.told] == ["all"]
        is_out = False

        async def all_copied():
            return all([scene.exists("new", bucket) and await scene.keys(bucket) == ["k"] for bucket in names])

        await until(all_copied)
    assert [words for _, words in scene.told][1:] == ["it goes on"]


async def test_replications_that_are_no_buckets_of_the_wildcard_are_let_alone(scene):
    scene.left.add("left")
    await scene.make("left")
    await scene.mark("left", "k")
    foreign = await scene.state.replications.ensure("other", "memory://x/left → memory://y/left")
    await scene.state.backlog.mark(foreign, ["k"], live=True)
    await scene.make("mine")
    await scene.put("mine", "k")
    await scene.mark("mine", "k")
    async with scene.following():

        async def copied():
            return scene.exists("new", "mine") and await scene.keys("mine") == ["k"]

        await until(copied)
    assert not scene.exists("new", "left")
    assert await scene.rows(foreign) == await scene.rows(await scene.register("left")) == 1
