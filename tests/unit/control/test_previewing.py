"""A preview: what would be done, and an end in time however much there is."""

from __future__ import annotations

import pytest

from brigade.clock import SystemClock
from brigade.config.load import load_config
from brigade.control import previewing
from brigade.control.desk import Desk
from brigade.control.previewing import Previews
from brigade.engine.report import ActionKind
from brigade.errors import ConfigError, Refused, UsageError
from brigade.state.state import State
from brigade.wiring.plans import ConfiguredPlans
from brigade.wiring.wiring import Wiring


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    monkeypatch.setattr(previewing, "MOST_SECONDS", 80.0)


@pytest.fixture
async def desk(tmp_path):
    (tmp_path / "brigade.yaml").write_text("replications: {}")
    loaded = load_config(tmp_path / "brigade.yaml", {})
    state = await State.open(f"sqlite:///{tmp_path}/state.db", clock=SystemClock())
    yield Desk(state, SystemClock(), ConfiguredPlans(Wiring(SystemClock(), {}, tmp_path, loaded), loaded), "test")
    await state.close()


@pytest.fixture
def settings(tmp_path):
    for name in ("from", "to"):
        (tmp_path / name).mkdir()
    for number in range(80):
        (tmp_path / "from" / f"{number:03}").write_text("12345")
    for name in ("000", "extra"):
        (tmp_path / "to" / name).write_text("x")
    return {"source": str(tmp_path / "from"), "target": str(tmp_path / "to"), "delete": "mirror", "max_delete": "100%"}


async def test_it_tells_what_would_be_done_and_does_nothing(desk, settings, tmp_path):
    made = await Previews().make(desk, "files", settings)
    assert (made.counts, made.copied_bytes, made.is_whole) == ({ActionKind.COPY: 80, ActionKind.DELETE: 1}, 400, True)
    assert (len(made.lines), made.trouble) == (previewing.SHOWN_LINES, None)
    assert sorted(each.name for each in (tmp_path / "to").iterdir()) == ["000", "extra"]
    assert (tmp_path / "to" / "000").read_text() == "x"
    assert await desk.state.control.documents.all() == []


async def test_it_tells_when_a_guard_would_refuse(desk, settings):
    made = await Previews().make(desk, "files", {**settings, "max_delete": "0"})
    assert "more than the limit" in str(made.trouble)


async def test_it_ends_when_enough_was_seen(desk, settings, monkeypatch):
    monkeypatch.setattr(previewing, "MOST_OBJECTS", 10)
    made = await Previews().make(desk, "files", settings)
    assert not made.is_whole
    assert 10 <= made.considered <= 81


async def test_it_ends_when_the_time_is_up(desk, settings, monkeypatch):
    monkeypatch.setattr(previewing, "MOST_SECONDS", 0.0)
    assert not (await Previews().make(desk, "files", settings)).is_whole


async def test_only_so_many_are_made_at_once_and_failed_ones_do_not_count(desk, settings):
    previews = Previews()
    for _ in range(5):
        with pytest.raises(ConfigError):
            await previews.make(desk, "files", {**settings, "delete": "everything"})
    assert (await previews.make(desk, "files", settings)).is_whole
    previews._under_way = 2
    with pytest.raises(Refused):
        await previews.make(desk, "files", settings)


async def test_a_whole_store_has_none(desk):
    with pytest.raises(UsageError, match="no preview"):
        await Previews().make(desk, "files", {"source": "ceph:*", "target": "aws:*"})
