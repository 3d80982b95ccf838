from __future__ import annotations

from pathlib import Path

import pytest

from brigade.config.load import load_config
from brigade.control.work import Work
from brigade.errors import ConfigError, Unavailable
from brigade.testing.clock import ManualClock
from brigade.wiring.memory import MemoryKind, memory_store
from brigade.wiring.routes import Failed, check_routes, ready_works
from brigade.wiring.wiring import Wiring

STORES = "stores: {old: {type: memory}, new: {type: memory}, disk: {type: file, root: data}}\nreplications:\n"


def wire(directory: Path, replications: str) -> Wiring:
    file = directory / "brigade.yaml"
    file.write_text(STORES + replications)
    return Wiring(ManualClock(), {}, directory / "elsewhere", load_config(file, {}))


def names(works: list[Work | Failed]) -> list[str]:
    return [work.name for work in works]


async def test_replications_come_in_the_order_asked_for(tmp_path: Path):
    wiring = wire(tmp_path, "  a: {source: 'old:a', target: 'new:a'}\n  b: {source: 'old:b', target: 'new:b'}\n")
    assert names(await ready_works(wiring)) == ["a", "b"]
    assert names(await ready_works(wiring, ["b", "a"])) == ["b", "a"]


async def test_an_unknown_name_is_refused_and_the_known_are_told(tmp_path: Path):
    wiring = wire(tmp_path, "  a: {source: 'old:a', target: 'new:a'}\n")
    with pytest.raises(ConfigError, match=r"no replication 'x'.*there are: a"):
        await ready_works(wiring, ["x"])


async def test_relative_paths_start_beside_the_configuration(tmp_path: Path):
    (work,) = await ready_works(wire(tmp_path, "  a: {source: ./in, target: 'disk:out'}\n"))
    assert isinstance(work, Work)
    assert (work.source_place, work.target_place) == (f"file://{tmp_path}/in", f"file://{tmp_path}/data/out")


async def test_a_wildcard_is_every_bucket_of_this_moment(tmp_path: Path):
    wiring = wire(
        tmp_path, "  all: {source: 'old:*', target: 'new:*'}\n  mine: {source: 'disk:x', target: 'new:taken'}\n"
    )
    for bucket in ("one", "taken", "two"):
        memory_store("old", bucket, wiring.clock)
    works = await ready_works(wiring, ["all"])
    assert {"all/one", "all/two"} <= set(names(works))
    assert "all/taken" not in names(works), "another replication writes there"
    assert all(isinstance(work, Work) and work.make_target for work in works)


async def test_a_wildcard_whose_store_does_not_answer_fails_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    async def broken(_: MemoryKind) -> list[str]:
        raise Unavailable("no route")

    monkeypatch.setattr(MemoryKind, "buckets", broken)
    wiring = wire(tmp_path, "  all: {source: 'old:*', target: 'new:*'}\n  b: {source: 'old:b', target: 'disk:b'}\n")
    failed, work = await ready_works(wiring)
    assert isinstance(failed, Failed)
    assert isinstance(work, Work)


@pytest.mark.parametrize(
    ("replications", "problem"),
    [
        ("  a: {source: 'old:a', target: 'old:a/b'}\n", "a: the target lies inside the source"),
        ("  a: {source: ./x, target: ./x/y}\n", "a: the target lies inside the source"),
        (
            "  a: {source: 'old:a', target: 'new:t'}\n  b: {source: 'old:b', target: 'new:t/x'}\n",
            "a and b could write the same key",
        ),
    ],
)
async def test_overlaps_are_refused_before_anything_runs(tmp_path: Path, replications: str, problem: str):
    wiring = wire(tmp_path, replications)
    assert problem in check_routes(wiring)[0]
    with pytest.raises(ConfigError, match=problem):
        await ready_works(wiring)
