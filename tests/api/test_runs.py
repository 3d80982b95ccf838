"""What has run, and its report, by the API."""

from __future__ import annotations

import gzip
import json

import pytest

from brigade.state.owner import Owner
from brigade.state.rows import RunKind, RunState

KEYS = ["a", "b", "<script>alert(1)</script>", "ü\t"]


@pytest.fixture
async def run(state, plans):
    (known,) = plans.known([])
    number = await state.replications.ensure(known.name, known.identity)
    run = await state.runs.begin(number, RunKind.SYNC, {}, Owner.current(), 60)
    for key in KEYS:
        failed = "no room" if key == "b" else None
        line = {
            "key": key,
            "action": "copy",
            "reason": "missing at the target",
            "proof": "etag",
            "size_bytes": 1,
            "error": failed,
        }
        await state.control.outcomes.add(run.id, 1, gzip.compress(json.dumps(line).encode() + b"\n"))
    return await state.runs.finish(run, RunState.FAILED, {"copied": 3, "failed": 1})


async def test_runs_are_listed_and_shown(ask, run):
    listed = (await ask("GET", "/runs", query={"replication": "photos", "limit": "1"})).json()
    assert [each["id"] for each in listed["items"]] == [run.id]
    more = await ask("GET", "/runs", query={"replication": "photos", "before": listed["next"]})
    assert more.json() == {"items": [], "next": None}
    shown = (await ask("GET", f"/runs/{run.id}")).json()
    assert (shown["replication"], shown["state"], shown["counts"]) == ("photos", "failed", {"copied": 3, "failed": 1})
    assert (await ask("GET", "/runs/99")).status == 404
    assert (await ask("GET", "/runs", query={"replication": "nothing"})).status == 404


async def test_a_report_is_read_page_by_page_filtered_and_whole(ask, run):
    place, keys = f"/runs/{run.id}/report", []
    after = "0"
    while after:
        page = (await ask("GET", place, query={"limit": "3", "after": after})).json()
        keys += [line["key"] for line in page["items"]]
        after = page["next"]
    assert keys == KEYS
    failed = (await ask("GET", place, query={"failed": "true"})).json()["items"]
    assert [(line["key"], line["error"]) for line in failed] == [("b", "no room")]
    assert (await ask("GET", place, query={"proof": "md5"})).json()["items"] == []
    whole = await ask("GET", f"{place}.jsonl", query={"failed": "false"})
    assert whole.headers["content-type"].startswith("application/x-ndjson")
    assert [json.loads(line)["key"] for line in whole.body.splitlines()] == [key for key in KEYS if key != "b"]
    assert (await ask("GET", "/runs/99/report.jsonl")).status == 404
