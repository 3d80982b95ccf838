"""Static large objects of Swift through a store that has none: their manifests go along, and bring them back."""

from __future__ import annotations

import hashlib
import json
import secrets
from contextlib import AsyncExitStack

import pytest

from brigade.clock import SystemClock
from brigade.config.load import load_config
from brigade.control.sync import sync
from brigade.engine.report import ActionKind
from brigade.objects import Attributes
from brigade.replications import DeleteMode, MaxDelete, Policy
from brigade.state.state import State
from brigade.stores.base import BytesBody, with_manifests
from brigade.stores.layers.beside import FOLDER, manifest_name
from brigade.stores.layers.fault_script import Fault, FaultScript
from brigade.stores.layers.faults import FaultyStore
from brigade.telemetry import Telemetry
from brigade.testing.bodies import pattern
from brigade.testing.conformance.support import keys, put, read
from brigade.testing.observer import RecordingObserver
from brigade.testing.swift import SwiftServer
from brigade.wiring.helpers import Options
from brigade.wiring.wiring import Wiring

pytestmark = [
    pytest.mark.server,
    pytest.mark.skipif(SwiftServer.missing() is not None, reason="OpenStack Swift is not installed"),
]

MEBIBYTE = 1024 * 1024
CARRIED = Attributes(content_type="text/css", metadata={"k": "v"})
# Two parts as S3 takes them, so that the ETag at S3 tells the segments; and two that it does not take.
LARGE = (pattern(5 * MEBIBYTE), pattern(70_000, 7))
SMALL = (b"11111", b"222")


class World:
    """A container, a bucket and a directory of their own, and a state; each run opens its stores anew."""

    def __init__(self, servers, directory):
        self.clock = SystemClock()
        self.directory = directory
        name = secrets.token_hex(4)
        self.container, self.segments = f"slo-{name}", f"others-{name}"
        stores = {"swift": servers.section("swift"), "s3": servers.section("s3"), "disk": servers.section("file")}
        (directory / "brigade.yaml").write_text(json.dumps({"stores": stores}))
        self.locations = {"swift": f"swift:{self.container}", "s3": f"s3:slo-{name}", "disk": "disk:"}
        self.telemetry = Telemetry()
        self.stack = AsyncExitStack()

    async def __aenter__(self):
        self.swift, self.s3, self.disk = [await self.store(self.locations[kind]) for kind in ("swift", "s3", "disk")]
        self.beside = await self.store(f"swift:{self.segments}")
        return self

    async def __aexit__(self, *_):
        await self.stack.aclose()

    def wiring(self):
        self.telemetry = Telemetry()
        loaded = load_config(self.directory / "brigade.yaml", {})
        return Wiring(self.clock, {}, self.directory, loaded, telemetry=self.telemetry)

    async def store(self, location):
        wiring = self.wiring()
        store = wiring.store(wiring.place(location))
        await store.create_bucket()
        await store.open()
        self.stack.push_async_callback(store.close)
        return store

    async def sync(self, source, target, fault=None, **policy):
        wiring, observer = self.wiring(), RecordingObserver()
        places = [wiring.place(self.locations.get(each, each)) for each in (source, target)]
        work = wiring.work(*places, Policy(**policy), Options(processes=1))
        if fault is not None:
            work.target.inner = FaultyStore(work.target.inner, fault, clock=self.clock)
        state = await State.open(f"sqlite:///{self.directory / 'state.db'}", clock=self.clock)
        try:
            await sync(work, state=state, clock=self.clock, observer=observer, tell=str)
        finally:
            await state.close()
        return observer.by_key()

    async def make(self, key, pieces, entries=None):
        """An SLO as somebody else makes it, its segments in a container of their choice."""
        for number, piece in enumerate(pieces, 1):
            await put(self.beside, f"{key}/{number}", piece)
        made = [
            {"name": f"/{self.segments}/{key}/{number}", "bytes": len(piece), "hash": md5(piece)}
            for number, piece in enumerate(pieces, 1)
        ]
        await self.swift.write_manifest(key, json.dumps(entries or made).encode(), attributes=CARRIED)

    async def manifest(self, key, store=None):
        document = await with_manifests(store or self.swift).read_manifest(key)
        return document and essence(document)

    async def kept(self, store=None):
        """The kept manifests, by the names of their objects."""
        store = store or self.s3
        return {name: essence(await read(store, name)) for name in await keys(store) if name.startswith(FOLDER)}


def md5(data):
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def essence(document):
    return [(each["name"], each["bytes"], each["hash"]) for each in json.loads(document)]


@pytest.fixture
async def world(servers, tmp_path):
    async with World(servers, tmp_path) as world:
        yield world


@pytest.mark.parametrize("other", ["s3", "disk"])
async def test_a_large_object_comes_back_with_the_same_segments(world, other):
    middle = getattr(world, other)
    await world.make("a/large", LARGE)
    await world.make("small", SMALL)
    await put(world.swift, "plain", b"1")
    before = {key: await world.manifest(key) for key in ("a/large", "small")}
    etags = {key: (await world.swift.head(key)).etag for key in before}
    outcomes = await world.sync("swift", other)
    assert not [each for each in outcomes.values() if each.error]
    assert await world.kept(middle) == {manifest_name(key): essence for key, essence in before.items()}
    assert (await middle.head(manifest_name("small"))).attributes.content_type == "application/json"
    again = await world.sync("swift", other, delete=DeleteMode.MIRROR)
    assert {each.action for each in again.values()} <= {ActionKind.SKIP}, again
    assert len(await world.kept(middle)) == 2, "a mirror leaves the manifests alone"
    assert await world.swift.delete(["a/large", "small", "plain"]) == dict.fromkeys(["a/large", "small", "plain"])
    assert await keys(world.beside) == [], "the segments went with their objects"
    outcomes = await world.sync(other, "swift", require_proof=True)
    assert "segments of its manifest" in outcomes["small"].reason
    assert not [each for each in outcomes.values() if each.error]
    for key, pieces in (("a/large", LARGE), ("small", SMALL)):
        assert await world.manifest(key) == before[key]
        assert (await world.swift.head(key)).etag == etags[key]
        assert await read(world.swift, key) == b"".join(pieces)
        if other == "s3":
            assert (await world.swift.head(key)).attributes.metadata == {"k": "v"}
    assert await keys(world.swift) == ["a/large", "plain", "small"]
    again = await world.sync(other, "swift", delete=DeleteMode.MIRROR)
    assert {each.action for each in again.values()} <= {ActionKind.SKIP}, again


async def test_a_manifest_goes_with_its_object(world):
    for key in ("a", "b", "c"):
        await world.make(key, SMALL)
    await world.sync("swift", "s3")
    await world.swift.delete(["a"])
    await put(world.swift, "b", b"plain now")
    await world.make("c", SMALL[::-1])
    outcomes = await world.sync("swift", "s3", delete=DeleteMode.MIRROR, max_delete=MaxDelete(90, is_percent=True))
    assert outcomes["a"].action is ActionKind.DELETE
    assert await world.kept() == {manifest_name("c"): await world.manifest("c")}
    assert await read(world.s3, "c") == b"22211111"


async def test_a_run_that_dies_before_the_manifest_is_made_up_for_by_the_next(world):
    await world.make("slo", SMALL)
    fault = FaultScript(Fault("put", key=manifest_name("slo"), times=99))
    outcomes = await world.sync("swift", "s3", fault)
    fault.assert_all_fired()
    assert outcomes["slo"].error
    assert await keys(world.s3) == ["slo"]
    assert not (await world.sync("swift", "s3"))["slo"].error
    assert await world.kept() == {manifest_name("slo"): await world.manifest("slo")}


async def test_an_archive_takes_nothing_away_before_the_manifest_is_kept(world):
    await world.make("slo", SMALL)
    before = await world.manifest("slo")
    # As a copy of an earlier version, which kept none.
    await world.sync("swift", "s3")
    await world.s3.delete([manifest_name("slo")])
    fault = FaultScript(Fault("put", key=manifest_name("slo"), times=99))
    assert (await world.sync("swift", "s3", fault, retain_source=False))["slo"].error
    assert await world.manifest("slo") == before
    assert (await world.sync("swift", "s3", retain_source=False))["slo"].archived
    assert (await keys(world.swift), await keys(world.beside)) == ([], [])
    assert await world.kept() == {manifest_name("slo"): before}


@pytest.mark.parametrize(
    ("changed", "segments_stay"),
    [(b"11111322", False), (b"longer than it was", False), (b"11111322", True)],
    ids=["same size", "other size", "segments there"],
)
async def test_a_manifest_of_an_older_object_is_not_used(world, changed, segments_stay):
    await world.make("slo", SMALL)
    await world.sync("swift", "s3")
    if segments_stay:
        await put(world.swift, "slo", b"")
    await world.swift.delete(["slo"])
    assert bool(await keys(world.beside)) is segments_stay
    await put(world.s3, "slo", changed)
    outcomes = await world.sync("s3", "swift")
    assert outcomes["slo"].error is None
    assert "not made of its former segments" in outcomes["slo"].reason
    assert await read(world.swift, "slo") == changed


async def test_what_lies_where_a_segment_belongs_is_left_alone(world):
    await world.make("slo", SMALL)
    await world.make("twice", SMALL)
    await world.sync("swift", "s3")
    await world.swift.delete(["slo"])
    await put(world.beside, "slo/2", b"mine")
    elsewhere = await world.store(f"swift:{world.container}-2")
    first = await world.sync("s3", "swift")
    assert "something else lies" in first["slo"].reason
    second = await world.sync("s3", f"swift:{world.container}-2")
    assert "belongs to an object of another place" in second["twice"].reason
    for store in (world.swift, elsewhere):
        assert await read(store, "slo") == await read(store, "twice") == b"11111222"
    await elsewhere.delete(["slo", "twice"])
    assert await read(world.swift, "twice") == b"11111222", "no segment is shared by two places"
    assert await read(world.beside, "slo/2") == b"mine"


async def test_segments_that_are_there_are_not_sent_again(world):
    await world.make("slo", LARGE)
    before = await world.manifest("slo")
    await world.sync("swift", "s3")
    await put(world.swift, "slo", b"")
    await world.swift.delete(["slo"])
    assert await keys(world.beside) == ["slo/1", "slo/2"]
    await world.beside.delete(["slo/2"])
    await world.sync("s3", "swift")
    assert await world.manifest("slo") == before
    assert await read(world.swift, "slo") == b"".join(LARGE)
    sent = [count for (_, operation, _), count in world.telemetry.requests.items() if operation == "put_segment"]
    assert sum(sent) == 1


async def test_a_manifest_of_ranges_is_kept_and_the_object_comes_back_whole(world):
    entries = [{"name": f"/{world.segments}/slo/1", "bytes": 5, "hash": md5(SMALL[0]), "range": "1-2"}]
    await world.make("slo", SMALL, entries)
    await world.sync("swift", "s3")
    assert len(await world.kept()) == 1
    await world.swift.delete(["slo"])
    outcomes = await world.sync("s3", "swift")
    assert "is a range" in outcomes["slo"].reason
    assert await read(world.swift, "slo") == b"11"


async def test_an_object_among_the_manifests_fails_with_its_reason(world):
    await world.swift.put(f"{FOLDER}mine", BytesBody(b"1"), attributes=CARRIED)
    await put(world.swift, "fine", b"1")
    outcomes = await world.sync("swift", "s3")
    assert "only manifests" in (outcomes[f"{FOLDER}mine"].error or "")
    assert await keys(world.s3) == ["fine"]
