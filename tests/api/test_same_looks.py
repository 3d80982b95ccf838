"""What is only looked at is the same by the API, by a verb with `--json`, and on a page: compared value by value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pytest
from tests.api.faces import steady


class Look(NamedTuple):
    """The same thing looked at: by the API, a verb, and a page that has these words of each item."""

    path: str
    verb: str
    page: str
    words: Callable[[Any], list[object]]
    query: Mapping[str, str] | None = None
    of_verb: Callable[[Any], bool] = lambda item: True


def of_replication(item):
    (status,) = item["status"]
    return [item["name"], item["settings"]["source"], item["settings"]["target"], status["standing"]]


def of_line(line):
    return [line[name] for name in ("key", "action", "reason", "proof", "error") if line[name]]


def of_run(item):
    kind = "verify" if item["kind"] == "verify" else "reconcile"
    return [f'href="/runs/{item["id"]}"', item["replication"], kind, item["state"]]


LOOKS = {
    "GET /replications": Look(
        "/replications", "replication list", "/", lambda item: [item["name"], item["status"][0]["standing"]]
    ),
    "GET /replications/{name}": Look(
        "/replications/photos", "replication show photos", "/replications/photos", of_replication
    ),
    "GET /replications/{name}/samples": Look(
        "/replications/photos/samples", "replication samples photos", "/charts/photos", lambda item: [item["backlog"]]
    ),
    "GET /runs": Look("/runs", "runs list", "/runs?replication=photos", of_run),
    "GET /runs/{run_id}": Look("/runs/2", "runs show 2", "/runs/2", lambda item: [item["state"], item["owner"]]),
    "GET /runs/{run_id}/ranges": Look("/runs/2/ranges", "runs ranges 2", "/runs/2", lambda item: [item["state"]]),
    "GET /runs/{run_id}/report": Look("/runs/2/report", "runs report 2", "/runs/2", of_line),
    "GET /runs/{run_id}/report.jsonl": Look(
        "/runs/2/report.jsonl", "runs report 2 --failed", "/runs/2", of_line, {"failed": "true"}
    ),
    "GET /failures": Look("/failures", "failures", "/failures", lambda item: [item["key"], item["reason"]]),
    "GET /failures/reasons": Look(
        "/failures/reasons", "failures --by-reason", "/failures", lambda item: [item["reason"], *item["examples"]]
    ),
    "GET /failures/dismissed": Look(
        "/failures/dismissed", "failures --dismissed", "/failures", lambda item: [item["key"], item["note"]]
    ),
    "GET /routes": Look(
        "/routes",
        "route list",
        "/routes",
        lambda item: [item["bucket"] or "every bucket", f"go to {item['store']}"],
        of_verb=lambda item: item.pop("kind") == "route",
    ),
    "GET /blocks": Look(
        "/blocks",
        "route list",
        "/routes",
        lambda item: [item["bucket"], item["note"]],
        of_verb=lambda item: item.pop("kind") == "block",
    ),
    "GET /routes/explain": Look(
        "/routes/explain",
        "route test photos --method PUT",
        "/routes?bucket=photos&method=PUT",
        lambda item: [f"goes to {item['store']}"],
        {"bucket": "photos", "method": "PUT"},
    ),
    "GET /stores": Look("/stores", "store list", "/stores", lambda item: [item["name"], item["settings"]["type"]]),
    "GET /stores/{name}": Look(
        "/stores/ceph", "store show ceph", "/stores/ceph", lambda item: [item["settings"]["endpoint"]]
    ),
    "GET /users": Look("/users", "user list", "/access", lambda item: [item["name"]]),
    "GET /users/{name}": Look(
        "/users/ann", "user show ann", "/access", lambda item: [item["settings"]["keys"][0]["access_key"]]
    ),
    "GET /activity": Look(
        "/activity",
        "activity",
        "/replications/photos",
        lambda item: [item["outcome"]["key"], item["outcome"]["reason"]],
    ),
    "GET /tokens": Look("/tokens", "token list", "/access", lambda item: [item["name"], item["scope"]]),
    "GET /audit": Look(
        "/audit", "audit --limit 100", "/audit", lambda item: [item["actor"], item["action"], item["subject"]]
    ),
}


@pytest.mark.parametrize("operation", LOOKS)
def test_what_is_looked_at_is_the_same_by_each_face(faces, operation):
    look = LOOKS[operation]
    if operation in ("GET /tokens", "GET /audit"):
        faces.api("POST", "/tokens", body={"name": f"of {operation}", "scope": "read"})
    answer = faces.api("GET", look.path, query=look.query)
    items = answer["items"] if isinstance(answer, dict) and "items" in answer else answer
    items = items if isinstance(items, list) else [items]
    assert items
    printed = [item for item in faces.cli(*look.verb.split()) if look.of_verb(item)]
    assert steady(printed) == steady(items)
    page = faces.page(look.page)
    assert [word for item in items for word in look.words(item) if str(word) not in page] == []


def test_how_all_stand_is_told_the_same_by_the_api_and_by_the_state_itself(faces, monkeypatch):
    faces.api("POST", "/replications/photos/pause", body={"note": "so that nothing fails"})
    (remote,) = faces.cli("status", "photos")
    monkeypatch.delenv("BRIGADE_API")
    file, state = faces.directory / "brigade.yaml", faces.directory / "state.db"
    (local,) = faces.cli("status", "photos", "--config", str(file), "--state", str(state))
    assert steady(remote) == steady(local)
    assert (remote["state"], remote["parked"], remote["last_run"]["counts"]["failed"]) == ("paused", 1, 1)
