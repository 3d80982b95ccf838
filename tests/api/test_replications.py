"""Replications by the API: set up, changed by who has seen them, ordered about, taken away."""

from __future__ import annotations

import pytest

from brigade.clock import SystemClock
from brigade.errors import LeaseLost
from brigade.objects import Attributes
from brigade.state.owner import Owner
from brigade.state.rows import RunKind
from brigade.stores.base import BytesBody
from brigade.wiring.memory import memory_store

SETTINGS = {"source": "m:a", "target": "m:b", "delete": "tracked"}
NEW = {"name": "more", "settings": SETTINGS}


async def test_a_replication_from_its_making_to_its_end(ask):
    made = await ask("POST", "/replications", body=NEW)
    assert (made.status, made.headers["etag"], made.json()["origin"]) == (201, '"1"', "api")
    assert (await ask("POST", "/replications", body=NEW)).status == 201
    shown = await ask("GET", "/replications/more")
    assert shown.json()["settings"] == SETTINGS
    assert (shown.json()["order"]["paused"], shown.json()["status"][0]["standing"]) == (False, "new")
    settings = {**SETTINGS, "delete": "no"}
    tag = {"if-match": shown.headers["etag"]}
    changed = await ask("PUT", "/replications/more", body={"settings": settings}, headers=tag)
    assert (changed.status, changed.headers["etag"]) == (200, '"2"')
    assert (await ask("PUT", "/replications/more", body={"settings": settings}, headers=tag)).status == 412
    assert (await ask("DELETE", "/replications/more", headers=tag)).status == 412
    assert (await ask("DELETE", "/replications/more", headers={"if-match": '"2"'})).status == 204
    assert (await ask("GET", "/replications/more")).status == 404


async def test_those_of_the_file_are_listed_and_marked_and_can_be_paused(ask):
    await ask("POST", "/replications", body=NEW)
    listed = (await ask("GET", "/replications")).json()
    assert [(each["name"], each["origin"], each["version"]) for each in listed] == [
        ("more", "api", 1),
        ("photos", "file", None),
    ]
    assert (await ask("POST", "/replications/photos/pause", body={"note": "why"})).status == 204
    shown = (await ask("GET", "/replications/photos")).json()
    assert (shown["order"]["paused"], shown["order"]["note"]) == (True, "why")
    assert shown["status"][0]["standing"] == "paused"
    assert (await ask("POST", "/replications/photos/resume")).status == 204
    assert (await ask("GET", "/replications/photos")).json()["order"]["paused"] is False
    assert (await ask("DELETE", "/replications/photos")).status == 409


async def test_runs_are_asked_for_and_there_is_none_to_cancel(ask, state):
    assert (await ask("POST", "/replications/photos/reconcile")).status == 202
    asked = await ask("POST", "/replications/photos/verify")
    order = await state.control.orders.of("photos")
    assert order.verify_ns >= order.reconcile_ns > 0
    assert asked.json()["at"].endswith("Z")
    answer = await ask("POST", "/replications/photos/cancel")
    assert (answer.status, answer.json()["error"]["code"]) == (409, "refused")
    assert (await ask("POST", "/replications/nothing/verify")).status == 404


async def test_a_run_that_goes_on_is_cancelled(ask, state, plans):
    (known,) = plans.known([])
    number = await state.replications.ensure(known.name, known.identity)
    run = await state.runs.begin(number, RunKind.SYNC, {}, Owner.current(), 60)
    assert (await ask("POST", "/replications/photos/cancel")).json() == {"runs": [run.id]}
    with pytest.raises(LeaseLost):
        await state.runs.renew(run)
    shown = (await ask("GET", "/replications/photos")).json()
    assert shown["status"][0]["last_run"]["state"] == "cancelled"


async def test_markup_in_names_and_keys_is_text(ask):
    answer = await ask("GET", "/replications/<script>alert(1)</script>")
    assert answer.status == 404
    assert answer.headers["content-type"] == "application/json"


async def test_a_preview_tells_the_plan_and_sets_up_nothing(ask):
    store = memory_store("m", "seen", SystemClock())
    await store.put("a<b>", BytesBody(b"1234"), attributes=Attributes())
    told = (
        await ask("POST", "/replications/preview", body={"name": "x", "settings": {**SETTINGS, "source": "m:seen"}})
    ).json()
    assert (told["counts"], told["copied_bytes"], told["whole"], told["trouble"]) == ({"copy": 1}, 4, True, None)
    assert [(line["key"], line["action"]) for line in told["lines"]] == [("a<b>", "copy")]
    assert [each["name"] for each in (await ask("GET", "/replications")).json()] == ["photos"]
    assert (await ask("POST", "/replications/preview", body={"name": "x", "settings": {"source": "m:*"}})).status == 422
