from __future__ import annotations

from pathlib import Path

import pytest

from brigade.changes.base import Change
from brigade.config.load import load_config
from brigade.control.meters import Meters
from brigade.control.units import Unit
from brigade.telemetry import Telemetry
from brigade.testing.clock import ManualClock
from brigade.wiring.feeds import QueueUnit, feed_units
from brigade.wiring.scene import Role, Scene
from brigade.wiring.wiring import Wiring

CONFIG = """\
stores:
  a: {type: s3, access_key: k, secret_key: s, region: eu-1, queue: {url: "http://s.example/1/a"}}
  b: {type: s3, queue: {url: "https://sqs.us-west-2.amazonaws.com/1/b"}}
  disk: {type: file, root: data}
replications:
  one: {source: "a:photos/x", target: "disk:one", live: [webhook, sqs]}
  two: {source: "a:photos", target: "disk:two", live: [sqs]}
  three: {source: "b:films", target: "disk:three", live: [webhook]}
  four: {source: "b:films", target: "disk:four"}
webhook: {secrets: [long enough]}
"""
NUMBERS = {"one": 1, "two": 2, "three": 3}


class NoState:
    """Nothing is marked here."""

    backlog = None


async def units(directory: Path, *changes: tuple[str, str]) -> dict[str, Unit]:
    """The feeds of the configuration, after some changes of its text."""
    text = CONFIG
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    file = directory / "brigade.yaml"
    file.write_text(text)
    wiring = Wiring(ManualClock(), {}, directory, load_config(file, {}))
    scene = Scene(wiring, frozenset({Role.AGENT}), NoState(), None, Meters(Telemetry(), wiring.clock))
    return {unit.key: unit for unit in await feed_units(scene, NUMBERS)}


async def test_there_is_one_webhook_and_a_queue_for_each_store_that_is_heard_by_it(tmp_path: Path):
    assert (await units(tmp_path)).keys() == {"webhook", "queue a"}
    assert (await units(tmp_path, ("webhook, sqs", "sqs"), (", live: [webhook]", ""))).keys() == {"queue a"}


async def test_only_what_a_feed_cannot_take_over_makes_it_begin_anew(tmp_path: Path):
    async def specs(*changes: tuple[str, str]) -> dict[str, object]:
        return {key: unit.spec for key, unit in (await units(tmp_path, *changes)).items()}

    same = await specs()
    assert await specs(("long enough", "another one")) == same
    assert await specs(("a:photos/x", "a:photos/y")) == same
    assert (await specs(("secrets:", "listen: '[::1]:1', secrets:")))["webhook"] != same["webhook"]
    assert (await specs(("secrets:", "tls: {certificate: c}, secrets:")))["webhook"] != same["webhook"]
    assert (await specs(("secret_key: s,", "secret_key: t,")))["queue a"] != same["queue a"]
    assert (await specs(("example/1/a", "example/1/c")))["queue a"] != same["queue a"]


async def test_a_queue_takes_over_who_hears_and_keeps_its_counts(tmp_path: Path):
    queue = (await units(tmp_path))["queue a"]
    assert isinstance(queue, QueueUnit)
    intake = queue.intake
    assert [place.replication_id for place in intake.routes.places(Change("photos", "x/k"))] == [1, 2]
    await queue.refresh((await units(tmp_path, ("a:photos/x", "a:photos/y")))["queue a"])
    assert queue.intake is intake
    assert [place.replication_id for place in intake.routes.places(Change("photos", "x/k"))] == [2]


@pytest.mark.parametrize(
    ("store", "region"),
    [("a", "eu-1"), ("b", "us-west-2")],
)
async def test_a_queue_is_signed_for_in_its_own_region_and_else_in_that_of_its_store(tmp_path: Path, store, region):
    changes = [('b:films", target: "disk:three", live: [webhook]', 'b:films", target: "disk:three", live: [sqs]')]
    queue = (await units(tmp_path, *changes))[f"queue {store}"]
    assert isinstance(queue, QueueUnit)
    assert queue.settings().signing_region == region
