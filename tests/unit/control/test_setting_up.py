"""What is set up at run time, beside the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from brigade.config.load import load_config
from brigade.config.model import json_schema
from brigade.control import ordering, setting_up
from brigade.control.access import LOCAL, Scope, create_token, identify, revoke_token
from brigade.control.desk import Desk
from brigade.control.sealing import MASK, SECRET_FIELDS
from brigade.control.setting_up import Origin
from brigade.control.status import Standing, status
from brigade.errors import ConfigError, Exists, Missing, Refused, Stale, UsageError
from brigade.state.control_rows import Ask, DocumentKind
from brigade.state.state import State
from brigade.testing.clock import ManualClock
from brigade.wiring.plans import ConfiguredPlans
from brigade.wiring.wiring import Wiring

STORE, REPLICATION, USER = DocumentKind.STORE, DocumentKind.REPLICATION, DocumentKind.USER

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
S3 = {"type": "s3", "endpoint": "http://127.0.0.1:2", "access_key": "b", "secret_key": "canary-of-the-api"}


@pytest.fixture
def clock():
    return ManualClock(auto=False)


@pytest.fixture
async def desk(tmp_path: Path, clock):
    (tmp_path / "brigade.yaml").write_text(FILE)
    loaded = load_config(tmp_path / "brigade.yaml", {})
    wiring = Wiring(clock, {}, tmp_path, loaded)
    state = await State.open(f"sqlite:///{tmp_path}/state.db", clock=clock)
    yield Desk(state, clock, ConfiguredPlans(wiring, loaded), "ann")
    await state.close()


async def audit(desk):
    return [(row.action, row.subject) for row in reversed(await desk.state.control.audit.page(100))]


async def test_what_is_set_up_stands_beside_the_file_and_is_marked(desk):
    await setting_up.create(desk, STORE, "disk", {"type": "file", "root": "/srv"})
    made = await setting_up.create(desk, REPLICATION, "files", {"source": "disk:a", "target": "m:a"})
    assert (made.origin, made.version, made.set_by, made.problem) == (Origin.API, 1, "ann", None)
    shown = await setting_up.show_all(desk, REPLICATION)
    assert [(each.name, each.origin) for each in shown] == [("files", Origin.API), ("photos", Origin.FILE)]
    assert [each.name for each in desk.plans.known(await desk.state.control.documents.all())] == ["photos", "files"]
    assert await audit(desk) == [("create", "store disk"), ("create", "replication files")]


async def test_doing_it_twice_is_doing_it_once_and_another_of_the_name_is_refused(desk):
    first = await setting_up.create(desk, STORE, "new", S3)
    again = await setting_up.create(desk, STORE, "new", S3)
    assert (again.version, again.set_ns) == (first.version, first.set_ns)
    with pytest.raises(Exists):
        await setting_up.create(desk, STORE, "new", {**S3, "region": "eu"})
    with pytest.raises(Exists, match="configuration file"):
        await setting_up.create(desk, STORE, "ceph", S3)


async def test_what_stands_in_the_file_is_not_changed_here(desk):
    with pytest.raises(Refused, match="stands in the configuration file"):
        await setting_up.change(desk, REPLICATION, "photos", {}, version=1)
    with pytest.raises(Refused):
        await setting_up.delete(desk, REPLICATION, "photos")
    with pytest.raises(Missing):
        await setting_up.delete(desk, REPLICATION, "nothing")


@pytest.mark.parametrize(
    ("kind", "name", "settings", "words"),
    [
        (REPLICATION, "x", {"source": "nowhere:a", "target": "m:b"}, "nowhere"),
        (REPLICATION, "x", {"source": "m:a", "target": "m:b", "tpyo": 1}, "tpyo"),
        (REPLICATION, "x", {"source": "m:other", "target": "m:copies"}, "overlap"),
        (STORE, "x", {"type": "s3", "endpoint": "ftp://x"}, "URL"),
        (USER, "bob", {"keys": [{"access_key": "ann", "secret_key": "s" * 20}]}, "ann"),
    ],
)
async def test_what_makes_no_sense_is_not_kept(desk, kind, name, settings, words):
    with pytest.raises(ConfigError, match=words):
        await setting_up.create(desk, kind, name, settings)
    assert await desk.state.control.documents.all() == []


@pytest.mark.parametrize("name", ["", "a/b", "a b", "<script>", "x" * 129])
async def test_a_name_is_a_name(desk, name):
    with pytest.raises(UsageError):
        await setting_up.create(desk, STORE, name, {"type": "memory"})


async def test_secrets_are_sealed_masked_and_kept_when_the_mask_comes_back(desk, tmp_path):
    made = await setting_up.create(desk, STORE, "new", S3)
    assert made.settings["secret_key"] == MASK
    changed = await setting_up.change(desk, STORE, "new", {**made.settings, "region": "eu"}, version=1)
    assert (changed.settings["secret_key"], changed.settings["region"]) == (MASK, "eu")
    documents = await desk.state.control.documents.all()
    assert "canary" not in str(documents)
    opened = desk.plans.sealer().open(documents[0].settings, "store.new")
    assert opened["secret_key"] == "canary-of-the-api"
    assert "canary" not in str(await setting_up.show_all(desk, STORE))
    assert "canary" not in str(await setting_up.show_all(desk, USER))
    assert "canary" not in str(await desk.state.control.audit.page(100))
    await desk.state.close()
    for file in tmp_path.glob("state.db*"):
        assert b"canary" not in file.read_bytes()


async def test_a_sealed_secret_opens_only_where_it_was_put(desk):
    await setting_up.create(desk, STORE, "new", S3)
    (document,) = await desk.state.control.documents.all()
    with pytest.raises(ConfigError, match="another seal_key"):
        desk.plans.sealer().open(document.settings, "store.other")


def test_every_secret_of_the_configuration_is_sealed():
    def found(value, name=""):
        if isinstance(value, dict):
            if value.get("writeOnly") or any(each.get("writeOnly") for each in value.get("anyOf", []) if each):
                yield name
            for inner_name, inner in value.items():
                yield from found(inner, inner_name)
        elif isinstance(value, list):
            for inner in value:
                yield from found(inner, name)

    assert set(found(json_schema())) - {"anyOf"} <= SECRET_FIELDS | {"seal_key", "secrets", "items"}
    assert set(found(json_schema())) >= SECRET_FIELDS


async def test_a_change_needs_the_version_that_was_seen(desk):
    await setting_up.create(desk, STORE, "disk", {"type": "file", "root": "/a"})
    await setting_up.change(desk, STORE, "disk", {"type": "file", "root": "/b"}, version=1)
    with pytest.raises(Stale):
        await setting_up.change(desk, STORE, "disk", {"type": "file", "root": "/c"}, version=1)


async def test_what_is_needed_is_not_taken_away(desk):
    await setting_up.create(desk, STORE, "disk", {"type": "file", "root": "/a"})
    await setting_up.create(desk, REPLICATION, "files", {"source": "disk:a", "target": "m:a"})
    with pytest.raises(Refused, match="needed by replication 'files'"):
        await setting_up.delete(desk, STORE, "disk")
    await setting_up.delete(desk, REPLICATION, "files")
    await setting_up.delete(desk, STORE, "disk", version=1)
    assert await desk.state.control.documents.all() == []


async def test_a_document_that_fits_no_more_is_shown_with_its_problem_and_harms_no_other(desk, tmp_path, clock):
    await setting_up.create(desk, STORE, "disk", {"type": "file", "root": "/a"})
    await setting_up.create(desk, REPLICATION, "files", {"source": "disk:a", "target": "m:a"})
    await setting_up.create(desk, REPLICATION, "more", {"source": "ceph:a", "target": "m:b"})
    (tmp_path / "brigade.yaml").write_text(FILE.replace("ceph", "minio"))
    loaded = load_config(tmp_path / "brigade.yaml", {})
    plans = ConfiguredPlans(Wiring(clock, {}, tmp_path, loaded), loaded)
    later = Desk(desk.state, clock, plans, "ann")
    problems = {each.name: each.problem for each in await setting_up.show_all(later, REPLICATION)}
    assert problems["files"] is None
    assert "ceph" in str(problems["more"])
    assert [each.name for each in plans.known(await desk.state.control.documents.all())] == ["photos", "files"]


async def test_orders_are_for_replications_that_there_are_and_shown_in_the_status(desk, clock):
    with pytest.raises(Missing, match="photos"):
        await ordering.pause(desk, "foto")
    await ordering.pause(desk, "photos", "disk full")
    await ordering.ask(desk, "photos", Ask.RECONCILE)
    (found,) = await status(desk.state, clock, configured=desk.plans.known([]))
    assert found.standing is Standing.PAUSED
    await ordering.resume(desk, "photos")
    (found,) = await status(desk.state, clock, configured=desk.plans.known([]))
    assert found.standing is Standing.NEW
    assert await audit(desk) == [(verb, "replication photos") for verb in ("pause", "reconcile", "resume")]


async def test_a_token_opens_until_it_is_revoked_or_ends(desk, clock):
    token = await create_token(desk, "ci", Scope.OPERATE, lifetime_seconds=60)
    endless = await create_token(desk, "ann's laptop", Scope.READ)
    who = await identify(desk.state, clock, token)
    assert (who.scope, who.actor.startswith("ci (")) == (Scope.OPERATE, True)
    token_id = token.split("_")[1]
    for wrong in (
        "",
        "brg",
        token[:-1],
        f"x{token}",
        f"brg_{token_id}_",
        endless.replace(endless.split("_")[1], token_id),
    ):
        assert await identify(desk.state, clock, wrong) is None
    clock.advance(61)
    assert await identify(desk.state, clock, token) is None
    assert await identify(desk.state, clock, endless) is not None
    await revoke_token(desk, endless.split("_")[1])
    assert await identify(desk.state, clock, endless) is None
    with pytest.raises(Missing):
        await revoke_token(desk, "nothing")


def test_each_scope_opens_what_the_one_before_does():
    assert [[scope.opens(needed) for needed in Scope] for scope in Scope] == [
        [True, False, False],
        [True, True, False],
        [True, True, True],
    ]
    assert LOCAL.scope is Scope.ADMIN
