"""What a wildcard of the configuration says of each bucket, and who hears of a store's changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from brigade.changes.base import Subscription
from brigade.config.load import load_config
from brigade.config.replications import LiveMode
from brigade.control.meters import Meters
from brigade.state.state import State
from brigade.telemetry import Telemetry
from brigade.testing.clock import ManualClock
from brigade.wiring.heard import heard_of
from brigade.wiring.live import units_of
from brigade.wiring.routes import work_of
from brigade.wiring.scene import Role, Scene
from brigade.wiring.wild import StoreWildcard, WildUnit
from brigade.wiring.wiring import Wiring

CONFIG = """\
stores:
  old: {type: s3, endpoint: "http://old.example", access_key: k, secret_key: s}
  new: {type: s3, endpoint: "http://new.example", access_key: k, secret_key: s}
  off: {type: s3, endpoint: "http://off.example", access_key: k, secret_key: s}
replications:
  all: {source: "old:*", target: "new:*", live: [gateway], delete: tracked}
  copy: {source: "old:*", target: "off:*", live: [gateway]}
  films: {source: "old:films", target: "new:films/kept", live: [gateway]}
  other: {source: "off:docs/a", target: "new:docs", live: [gateway]}
  quiet: {source: "old:quiet", target: "off:quiet"}
gateway: {listen: "127.0.0.1:0", store: old, routes: [{bucket: docs, store: off}], users: {ann: {keys: [{access_key: k, secret_key: s}]}}}
"""


@pytest.fixture
def wiring(tmp_path: Path) -> Wiring:
    file = tmp_path / "brigade.yaml"
    file.write_text(CONFIG)
    return Wiring(ManualClock(), {}, tmp_path, load_config(file, {}))


@pytest.fixture
async def scene(wiring: Wiring, tmp_path: Path):
    state = await State.open(f"sqlite:///{tmp_path}/state.db", clock=wiring.clock)
    roles = frozenset({Role.WORKER, Role.GATEWAY})
    yield Scene(wiring, roles, state, None, Meters(Telemetry(), wiring.clock))
    await state.close()


def wildcard(wiring: Wiring, name: str) -> StoreWildcard:
    assert wiring.loaded is not None
    return StoreWildcard(wiring, name, wiring.loaded.config.replications[name])


def test_a_bucket_is_known_by_its_identity(wiring: Wiring):
    wild = wildcard(wiring, "all")
    work = wild.work("photos")
    assert work.name == "all/photos"
    assert work.followed
    assert wild.identity_of("photos") == work.identity == "s3://old.example:80/photos → s3://new.example:80/photos"
    assert wild.bucket_of(work.identity) == "photos"


@pytest.mark.parametrize("bucket", ["films", "docs", "*", "photos?deleted", "."])
def test_buckets_that_others_write_to_and_what_is_no_bucket_are_none_of_it(wiring: Wiring, bucket: str):
    wild = wildcard(wiring, "all")
    assert wild.identity_of(bucket) is None
    assert wild.bucket_of(f"s3://old.example:80/{bucket} → s3://new.example:80/{bucket}") is None


def test_another_target_is_another_wildcard(wiring: Wiring):
    assert wildcard(wiring, "copy").identity_of("films") is not None
    assert wildcard(wiring, "copy").identity_of("quiet") is None
    assert wildcard(wiring, "all").bucket_of(wildcard(wiring, "copy").work("photos").identity) is None


async def test_each_store_has_its_hearers_and_buckets_that_are_subscribed_already_are_welcomed_at_once(scene: Scene):
    wiring = scene.wiring
    assert wiring.loaded is not None
    numbers = {
        name: await scene.state.replications.ensure(name, work_of(wiring, name, section).identity)
        for name, section in wiring.loaded.config.replications.items()
    }
    heard = await heard_of(scene, numbers, LiveMode.GATEWAY)
    assert heard.keys() == {"old", "off"}
    old, off = heard["old"], heard["off"]
    assert old.wildcards == [numbers["all"], numbers["copy"]]
    assert old.deletes
    assert not off.deletes
    assert off.arrivals is None
    assert off.subscriptions == [Subscription(numbers["other"], "docs", "a/")]
    films = await scene.state.replications.find("s3://old.example:80/films → s3://off.example:80/films")
    assert old.subscriptions == [Subscription(numbers["films"], "films"), Subscription(films, "films")]


async def test_a_wildcard_is_followed_by_one_unit_whatever_its_buckets(scene: Scene):
    units = {unit.key: unit for unit in await units_of(scene)}
    assert isinstance(units["follow all"], WildUnit)
    assert {"follow all", "follow copy", "follow films", "follow other", "gateway"} <= units.keys()
    again = {unit.key: unit for unit in await units_of(scene)}
    assert units["follow all"].spec == again["follow all"].spec
