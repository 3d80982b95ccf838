"""Failures by the API: read by the page, tried again, left with a note, and on record."""

from __future__ import annotations

import pytest

ODD = ["a", "b<script>", "c\udcff", "d\0", "é"]


@pytest.fixture
async def failed(state):
    """Five keys of `photos` that were given up, and one of `other` that is tried again."""
    photos = await state.replications.ensure("photos", "m:photos → m:copies")
    other = await state.replications.ensure("other", "m:x → m:y")
    for replication_id, keys in ((photos, ODD), (other, ["later"])):
        await state.backlog.mark(replication_id, keys, live=True)
        for claim in await state.backlog.claim([replication_id], "worker", 10, 60):
            reason = f"the store refused 'photos/{claim.key}'" if claim.key != "a" else "too large"
            if replication_id == photos:
                await state.backlog.park(claim, reason)
            else:
                await state.backlog.retry(claim, 60.0, reason)
    return photos


async def walk(ask, **query):
    """Every failure, page by page."""
    found, after = [], {}
    while True:
        page = (await ask("GET", "/failures", query={**query, **after})).json()
        found += page["items"]
        if page["next"] is None:
            return found
        after = {"after": page["next"]}


@pytest.mark.parametrize("limit", ["1", "2", "100"])
async def test_pages_hold_each_failure_once_and_every_key_as_it_is(ask, failed, limit):
    found = await walk(ask, limit=limit)
    assert [(each["replication"], each["key"]) for each in found] == [
        ("other", "later"),
        *(("photos", key) for key in ODD),
    ]
    assert [each["parked_at"] is None for each in found] == [each["again_at"] is not None for each in found]


async def test_filters_leave_out_the_rest(ask, failed):
    assert [each["key"] for each in await walk(ask, replication="other")] == ["later"]
    assert [each["key"] for each in await walk(ask, state="retrying")] == ["later"]
    assert [each["key"] for each in await walk(ask, reason="too", limit="1")] == ["a"]
    groups = (await ask("GET", "/failures/reasons", query={"replication": "photos"})).json()
    counted = {each["reason"]: (each["parked"], each["retrying"]) for each in groups}
    assert (counted["too large"], sum(parked for parked, _ in counted.values())) == ((1, 0), 5)


async def test_what_is_rare_among_many_takes_several_pages(ask, failed, monkeypatch):
    monkeypatch.setattr("brigade.control.failures._PAGE", 2)
    monkeypatch.setattr("brigade.control.failures._MOST_LOOKED", 2)
    page = (await ask("GET", "/failures", query={"reason": "é"})).json()
    assert (page["items"], page["next"] is not None) == ([], True)
    assert [each["key"] for each in await walk(ask, reason="é")] == ["é"]


async def test_retry_and_dismiss_meet_what_was_named_and_are_on_record(ask, failed, state):
    body = {"replication": "photos", "keys": [ODD[2], "nothing"]}
    answer = await ask("POST", "/failures/retry", body=body)
    assert (answer.status, answer.json()) == (200, {"keys": 1, "replications": {"photos": 1}, "absent": ["nothing"]})
    body = {"replication": "photos", "keys": [ODD[1]], "note": "known"}
    assert (await ask("POST", "/failures/dismiss", body=body)).json()["keys"] == 1
    assert (await ask("POST", "/failures/retry", body={"reason": "too large"})).json()["keys"] == 1
    assert (await ask("POST", "/failures/retry", body={"all": True})).json()["keys"] == 5
    assert (await state.backlog.lag(failed)).parked == 0
    (left,) = (await ask("GET", "/failures/dismissed")).json()
    assert (left["key"], left["note"]) == (ODD[1], "known")
    entries = (await ask("GET", "/audit")).json()["items"]
    told = [(each["action"], each["subject"], each["detail"]["count"]) for each in entries]
    assert told == [
        ("retry", "failures", 5),
        ("retry", "failures", 1),
        ("dismiss", "failures of photos", 1),
        ("retry", "failures of photos", 1),
    ]


@pytest.mark.parametrize(
    ("method", "path", "more"),
    [
        ("POST", "/failures/retry", {"body": {}}),
        ("POST", "/failures/retry", {"body": {"keys": ["a"]}}),
        ("POST", "/failures/retry", {"body": {"keys": [1], "replication": "photos"}}),
        ("POST", "/failures/retry", {"body": {"all": True, "replication": "photos"}}),
        ("POST", "/failures/dismiss", {"body": {"replication": "photos", "keys": ["a"], "note": " "}}),
        ("POST", "/failures/dismiss", {"body": {"replication": "photos", "note": "why"}}),
        ("GET", "/failures", {"query": {"after": "x"}}),
        ("GET", "/failures", {"query": {"after": "WzEyMzQ1LCAiYSJd"}}),
        ("GET", "/failures", {"query": {"replication": "nobody"}}),
    ],
)
async def test_what_makes_no_sense_is_refused(ask, failed, method, path, more):
    answer = await ask(method, path, **more)
    assert (answer.status, answer.json()["error"]["code"]) == (422, "invalid")
