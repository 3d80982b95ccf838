"""The API on a state of its own, asked in this process."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.api.faces import Faces

from brigade.api import inside
from brigade.api.app import make_app
from brigade.api.office import Office
from brigade.clock import SystemClock
from brigade.config.load import load_config
from brigade.control.access import LOCAL, Scope, create_token
from brigade.control.desk import Desk
from brigade.control.meters import Meters
from brigade.control.metrics import Exposition
from brigade.state.state import State
from brigade.telemetry import Telemetry
from brigade.testing.browser import Browser
from brigade.wiring.plans import ConfiguredPlans
from brigade.wiring.wiring import Wiring

FILE = """\
seal_key: "0123456789012345678901234567890123456789"
stores:
  m: {type: memory}
  ceph: {type: s3, endpoint: "http://127.0.0.1:1", access_key: a, secret_key: canary-of-the-file}
replications:
  photos: {source: "m:photos", target: "m:copies"}
gateway:
  store: ceph
  users:
    ann: {keys: [{access_key: ann, secret_key: canary-of-ann}]}
"""


@pytest.fixture
async def state(tmp_path: Path):
    state = await State.open(f"sqlite:///{tmp_path}/state.db", clock=SystemClock())
    yield state
    await state.close()


@pytest.fixture
def plans(tmp_path):
    (tmp_path / "brigade.yaml").write_text(FILE)
    loaded = load_config(tmp_path / "brigade.yaml", {})
    return ConfiguredPlans(Wiring(SystemClock(), {}, tmp_path, loaded), loaded)


@pytest.fixture
def office(state, plans):
    clock = SystemClock()
    meters = Meters(Telemetry(), clock)
    exposition = Exposition(meters, state, clock, frozenset({"photos"}))
    return Office(state, clock, lambda: plans, is_local=True, health=meters.health, exposition=exposition)


@pytest.fixture
def app(office):
    return make_app(office)


@pytest.fixture
def browser(app):
    return Browser(app)


@pytest.fixture
async def tokens(state, plans):
    """A token of each scope."""
    desk = Desk(state, SystemClock(), plans, LOCAL.actor)
    return {scope: await create_token(desk, f"a {scope} token", scope) for scope in Scope}


@pytest.fixture
def ask(app):
    """Asks the API as somebody at this machine."""

    async def send(method, path, **more):
        return await inside.ask(app, method, f"/api/v1{path}", **more)

    return send


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """The one server that the three faces share."""
    faces = Faces(tmp_path_factory.mktemp("faces"))
    with faces.background as background:
        background.enter(faces.served())
        yield faces


@pytest.fixture
def faces(running, monkeypatch):
    """The three faces of it."""
    monkeypatch.setenv("BRIGADE_API", running.url)
    return running
