"""Stores and the gateway's users by the API: set up, tried out, never with their secrets."""

from __future__ import annotations

import asyncio

import pytest

from brigade.control import checking
from brigade.control.sealing import MASK
from brigade.state.control_rows import DocumentKind

S3 = {"type": "s3", "endpoint": "http://127.0.0.1:1", "access_key": "k", "secret_key": "canary-of-a-store"}


async def test_a_store_from_its_making_to_its_end(ask):
    new = {"name": "more", "settings": {"type": "memory"}}
    assert (await ask("POST", "/stores", body=new)).headers["etag"] == '"1"'
    assert (await ask("POST", "/stores", body=new)).status == 201
    changed = {"settings": {"type": "memory", "concurrency": 4}}
    assert (await ask("PUT", "/stores/more", body=changed, headers={"if-match": '"1"'})).headers["etag"] == '"2"'
    listed = (await ask("GET", "/stores")).json()
    assert [(each["name"], each["origin"]) for each in listed] == [("ceph", "file"), ("m", "file"), ("more", "api")]
    assert (await ask("DELETE", "/stores/m")).json()["error"]["code"] == "refused"
    assert (await ask("DELETE", "/stores/more")).status == 204
    assert (await ask("GET", "/stores/more")).status == 404


async def test_no_answer_and_no_row_has_a_secret(ask, state):
    made = await ask("POST", "/stores", body={"name": "s", "settings": S3})
    user = await ask("POST", "/users", body={"name": "bob"})
    answers = [made, *[await ask("GET", path) for path in ("/stores", "/stores/s", "/users", "/users/bob", "/audit")]]
    assert not any(b"canary" in each.body for each in answers)
    secret = user.json()["made"]["secret_key"]
    assert not any(secret in each.body.decode() for each in answers)
    assert secret not in str(await state.control.documents.all())
    assert user.json()["settings"]["keys"][0]["secret_key"] == MASK


async def test_a_check_tells_each_step_and_is_remembered_while_the_settings_stay(ask):
    assert (await ask("GET", "/stores/m")).json()["checked"] is None
    checked = (await ask("POST", "/stores/m/check", body={"bucket": "photos"})).json()
    verdicts = {each["name"]: each["verdict"] for each in checked["steps"]}
    assert (verdicts["reach"], verdicts["write"], checked["well"]) == ("ok", "ok", True)
    assert checked["capabilities"]["multipart"] is True
    assert {each["what"] for each in checked["fidelity"]} >= {"content", "tags"}
    assert (await ask("GET", "/stores/m")).json()["checked"] == checked
    assert (await ask("POST", "/stores/m/check", body={})).json()["buckets"] is not None
    assert (await ask("POST", "/stores/ceph/check", body={})).json()["well"] is False


@pytest.mark.parametrize("body", [{"bucket": "../x"}, {"bucket": "*"}, {"bucket": "b", "target": "/etc"}])
async def test_a_check_stays_in_the_stores_of_the_configuration(ask, body):
    answer = await ask("POST", "/stores/m/check", body=body)
    assert (answer.status, answer.json()["error"]["code"]) == (422, "invalid")
    assert (await ask("POST", "/stores/nowhere/check", body={})).status == 404


async def test_a_check_that_takes_too_long_tells_how_far_it_came(ask, monkeypatch):
    async def slow(*_, **__):
        yield checking.Step("reach", checking.Verdict.OK)
        await asyncio.Event().wait()

    monkeypatch.setattr(checking, "check_store", slow)
    monkeypatch.setattr(checking, "MOST_SECONDS", 0.05)
    checked = (await ask("POST", "/stores/m/check", body={"bucket": "b"})).json()
    assert [each["verdict"] for each in checked["steps"]] == ["ok", "failed"]


async def test_a_user_gets_keys_loses_them_and_keeps_the_others(ask, state, plans):
    made = (await ask("POST", "/users", body={"name": "bob"})).json()
    assert (await ask("POST", "/users", body={"name": "bob"})).status == 409
    second = (await ask("POST", "/users/bob/keys")).json()
    assert [each["access_key"] for each in second["settings"]["keys"]] == [
        made["made"]["access_key"],
        second["made"]["access_key"],
    ]
    assert (await ask("DELETE", f"/users/bob/keys/{made['made']['access_key']}")).status == 200
    document = await state.control.documents.find(DocumentKind.USER, "bob")
    assert plans.sealer().open(document.settings, "user.bob") == {"keys": [second["made"]]}
    assert (await ask("DELETE", f"/users/bob/keys/{made['made']['access_key']}")).status == 404
    assert (await ask("DELETE", f"/users/bob/keys/{second['made']['access_key']}")).status == 422
    assert (await ask("DELETE", "/users/bob")).status == 204
    assert (await ask("POST", "/users/ann/keys")).json()["error"]["code"] == "refused"


async def test_a_mask_stands_for_no_secret_that_is_not_there(ask):
    for settings in ({**S3, "secret_key": MASK}, {**S3, "secret_key": 5}, {**S3, "secret_key": {"sealed": "x"}}):
        answer = await ask("POST", "/stores", body={"name": "s", "settings": settings})
        assert (answer.status, answer.json()["error"]["code"]) == (422, "invalid")
