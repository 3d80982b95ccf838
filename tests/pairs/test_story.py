"""What every pair of stores does: copy with proof, copy nothing twice, move no byte for a header, delete as told."""

from __future__ import annotations

import pytest

from brigade.engine.report import ActionKind
from brigade.objects import Attributes
from brigade.replications import DeleteMode, MaxDelete
from brigade.testing.bodies import pattern

pytestmark = pytest.mark.server

KIB = 1024
# Around what is held in memory, what is streamed, and one part.
SIZES = (0, 1, 64 * KIB - 1, 64 * KIB, 64 * KIB + 1, 256 * KIB - 1, 256 * KIB, 256 * KIB + 1, 700_001)
OBJECTS = {f"sizes/{size:07}": pattern(size, size) for size in SIZES}
# Names that every one of these stores can hold.
ODD = {
    "sp ace": b"1",
    "pl+us&percent%41": b"2",
    "ünï-€": b"3",
    "a/b-c": b"4",
    "a/b": b"5",
    "~tilde(1)": b"6",
    "q?#x": b"7",
}
ALL = OBJECTS | ODD
REMEMBERED = ("head", "get", "put", "put_part", "copy", "read_tags")


async def fill(side, objects):
    for key, data in objects.items():
        await side.put(key, data, Attributes(content_type="text/css"))


async def test_everything_arrives_with_proof_and_the_second_run_asks_for_nothing(bench):
    await fill(bench.source, ALL)
    ran = await bench.sync(require_proof=True)
    assert ran.result.in_step, ran.outcomes
    assert ran.result.counts.copied == len(ALL)
    assert not [key for key, outcome in ran.outcomes.items() if outcome.proof.is_weak]
    assert await bench.target.contents() == ALL
    ran = await bench.sync(require_proof=True)
    assert ran.result.in_step
    assert ran.result.counts.copied == 0
    assert ran.requests(*REMEMBERED) == 0, "only listings are needed to see that nothing has changed"


async def test_a_change_of_metadata_alone_moves_no_byte(bench):
    if bench.source.kind == "file":
        pytest.skip("the metadata of a file is its mode and its time, which change with it")
    objects = {"small": b"1", "large": pattern(300 * KIB)}
    await fill(bench.source, objects)
    await bench.sync()
    for key in objects:
        await bench.source.store.copy(key, key, attributes=Attributes(content_type="text/html", metadata={"new": "1"}))
    ran = await bench.sync()
    assert ran.result.in_step, ran.outcomes
    assert sorted(ran.observer.keys(ActionKind.COPY_METADATA)) == sorted(objects), ran.outcomes
    assert ran.requests("put", "put_part") == 0
    found = await bench.target.held()
    assert {key: each.attributes.metadata.get("new") for key, each in found.items()} == dict.fromkeys(objects, "1")
    assert {key: each.data for key, each in found.items()} == objects
    ran = await bench.sync()
    assert ran.result.counts.metadata_updated == 0, ran.outcomes


async def test_each_mode_of_deletion_does_what_it_says(bench):
    await fill(bench.source, {f"{number}": b"%d" % number for number in range(6)})
    await bench.target.put("theirs", b"?")
    half = MaxDelete(90, is_percent=True)
    await bench.sync(delete=DeleteMode.TRACKED)
    await bench.source.store.delete(["0"])
    assert (await bench.sync()).result.counts.deleted == 0
    assert (await bench.sync(delete=DeleteMode.TRACKED, max_delete=half)).result.counts.deleted == 1
    assert sorted(await bench.target.contents()) == ["1", "2", "3", "4", "5", "theirs"]
    assert (await bench.sync(delete=DeleteMode.MIRROR, max_delete=half)).result.counts.deleted == 1
    assert sorted(await bench.target.contents()) == ["1", "2", "3", "4", "5"]
    await bench.source.store.delete(["1", "2", "3", "4", "5"])
    ran = await bench.sync(delete=DeleteMode.MIRROR, max_delete=half)
    assert ran.result.refusal, "an empty source deletes nothing"
    assert len(await bench.target.contents()) == 5
