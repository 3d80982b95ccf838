"""Who may ask what, and what a failure looks like."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from brigade.api import failing, inside
from brigade.api.app import make_app
from brigade.api.bounds import MOST_BODY_BYTES
from brigade.api.office import Office
from brigade.clock import SystemClock
from brigade.control.access import Scope


def bearer(token):
    return {"authorization": f"Bearer {token}"}


# What each operation needs. A new operation has to be written down here.
NEEDS = {
    ("GET", "/replications"): Scope.READ,
    ("POST", "/replications"): Scope.ADMIN,
    ("POST", "/replications/preview"): Scope.ADMIN,
    ("GET", "/replications/{name}"): Scope.READ,
    ("PUT", "/replications/{name}"): Scope.ADMIN,
    ("DELETE", "/replications/{name}"): Scope.ADMIN,
    ("POST", "/replications/{name}/pause"): Scope.OPERATE,
    ("POST", "/replications/{name}/resume"): Scope.OPERATE,
    ("GET", "/failures"): Scope.READ,
    ("GET", "/failures/reasons"): Scope.READ,
    ("GET", "/failures/dismissed"): Scope.READ,
    ("POST", "/failures/retry"): Scope.OPERATE,
    ("POST", "/failures/dismiss"): Scope.OPERATE,
    ("GET", "/routes"): Scope.READ,
    ("PUT", "/routes"): Scope.OPERATE,
    ("DELETE", "/routes"): Scope.OPERATE,
    ("GET", "/routes/explain"): Scope.READ,
    ("GET", "/blocks"): Scope.READ,
    ("PUT", "/blocks"): Scope.OPERATE,
    ("DELETE", "/blocks"): Scope.OPERATE,
    ("GET", "/stores"): Scope.READ,
    ("POST", "/stores"): Scope.ADMIN,
    ("GET", "/stores/{name}"): Scope.READ,
    ("PUT", "/stores/{name}"): Scope.ADMIN,
    ("DELETE", "/stores/{name}"): Scope.ADMIN,
    ("POST", "/stores/{name}/check"): Scope.OPERATE,
    ("GET", "/users"): Scope.READ,
    ("POST", "/users"): Scope.ADMIN,
    ("GET", "/users/{name}"): Scope.READ,
    ("PUT", "/users/{name}"): Scope.ADMIN,
    ("DELETE", "/users/{name}"): Scope.ADMIN,
    ("POST", "/users/{name}/keys"): Scope.ADMIN,
    ("DELETE", "/users/{name}/keys/{access_key}"): Scope.ADMIN,
    ("POST", "/replications/{name}/reconcile"): Scope.OPERATE,
    ("POST", "/replications/{name}/verify"): Scope.OPERATE,
    ("POST", "/replications/{name}/cancel"): Scope.OPERATE,
    ("GET", "/runs"): Scope.READ,
    ("GET", "/runs/{run_id}"): Scope.READ,
    ("GET", "/runs/{run_id}/ranges"): Scope.READ,
    ("GET", "/runs/{run_id}/report"): Scope.READ,
    ("GET", "/runs/{run_id}/report.jsonl"): Scope.READ,
    ("GET", "/activity"): Scope.READ,
    ("GET", "/replications/{name}/samples"): Scope.READ,
    ("GET", "/events"): Scope.READ,
    ("GET", "/tokens"): Scope.ADMIN,
    ("POST", "/tokens"): Scope.ADMIN,
    ("DELETE", "/tokens/{name}"): Scope.ADMIN,
    ("GET", "/audit"): Scope.READ,
}
BODIES = {
    "/replications": {"name": "new", "settings": {"source": "m:a", "target": "m:b"}},
    "/replications/preview": {"name": "new", "settings": {"source": "m:a", "target": "m:b"}},
    "/replications/{name}": {"settings": {}},
    "/tokens": {"name": "t", "scope": "read"},
    "/failures/retry": {"all": True},
    "/failures/dismiss": {"replication": "nothing", "note": "why", "reason": "x"},
    "/routes": {"bucket": "photos", "store": "ceph"},
    "/blocks": {"bucket": "photos"},
    "/stores": {"name": "new", "settings": {"type": "memory"}},
    "/stores/{name}": {"settings": {}},
    "/stores/{name}/check": {},
    "/users": {"name": "new"},
    "/users/{name}": {"settings": {}},
}
QUERIES = {("DELETE", "/routes"): {"bucket": "x"}, ("DELETE", "/blocks"): {"bucket": "x"}}


def operations(app):
    document = app.openapi()
    return {
        (method.upper(), path.removeprefix("/api/v1")) for path, each in document["paths"].items() for method in each
    }


async def test_every_operation_needs_its_scope(app, ask, tokens, office):
    # Whoever listens would do so for ever.
    office.ends.set()
    assert operations(app) == set(NEEDS)
    for (method, path), needed in NEEDS.items():
        where = path.replace("{name}", "nothing").replace("{run_id}", "7")
        body, query = BODIES.get(path), QUERIES.get((method, path))
        for scope, token in tokens.items():
            answer = await ask(method, where, body=body, query=query, headers=bearer(token))
            if scope.opens(needed):
                assert answer.status not in (401, 403), (method, path, scope, answer.body)
            else:
                assert (answer.status, answer.json()["error"]["code"]) == (403, "forbidden"), (method, path, scope)
        answer = await ask(method, where, body=body)
        assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer"), (method, path)
        assert (await ask(method, where, body=body, headers=bearer("brg_0_x"))).status == 401


async def test_without_any_token_this_machine_may_do_everything_and_no_page_of_another_site(app, ask, state, plans):
    assert (await ask("GET", "/replications")).status == 200
    for headers in (
        {"origin": "http://evil.example"},
        {"host": "evil.example"},
        {"host": "127.0.0.1.evil.example"},
        {"host": "localhost:1@evil.example"},
        {"origin": "null"},
        {"x-forwarded-for": "203.0.113.7"},
        {"forwarded": "for=203.0.113.7"},
        {"x-real-ip": "203.0.113.7"},
        {"via": "1.1 proxy"},
    ):
        assert (await ask("POST", "/tokens", body=BODIES["/tokens"], headers=headers)).status == 401, headers
    assert (await ask("GET", "/tokens", headers={"host": "[::1]:9100", "origin": "http://[::1]:9100"})).status == 200
    outside = make_app(Office(state, SystemClock(), lambda: plans, is_local=False))
    assert (await inside.ask(outside, "GET", "/api/v1/replications")).status == 401


async def test_the_first_token_locks_the_door(ask):
    made = await ask("POST", "/tokens", body={"name": "ann", "scope": "admin"})
    assert made.status == 201
    token = made.json()["token"]
    assert (await ask("GET", "/tokens")).status == 401
    (listed,) = (await ask("GET", "/tokens", headers=bearer(token))).json()
    assert (listed["name"], listed["scope"], "token" in listed, token.split("_", 2)[2] in str(listed)) == (
        "ann",
        "admin",
        False,
        False,
    )
    assert (await ask("DELETE", f"/tokens/{listed['id']}", headers=bearer(token))).status == 204
    assert (await ask("GET", "/replications", headers=bearer(token))).status == 401


async def test_the_audit_names_who_it_was(ask, tokens):
    await ask("POST", "/replications/photos/pause", body={"note": "disk full"}, headers=bearer(tokens[Scope.OPERATE]))
    page = (await ask("GET", "/audit", query={"limit": "1"}, headers=bearer(tokens[Scope.READ]))).json()
    (entry,) = page["items"]
    assert entry["actor"].startswith("a operate token (")
    assert (entry["action"], entry["subject"], entry["detail"]) == (
        "pause",
        "replication photos",
        {"note": "disk full"},
    )
    more = await ask("GET", "/audit", query={"before": page["next"]}, headers=bearer(tokens[Scope.READ]))
    assert [each["action"] for each in more.json()["items"]] == ["create"] * 3


@pytest.mark.parametrize(
    ("method", "path", "more", "status", "code"),
    [
        ("GET", "/replications/nothing", {}, 404, "missing"),
        ("GET", "/nothing", {}, 404, "missing"),
        ("PATCH", "/replications", {}, 405, "wrong_method"),
        ("POST", "/replications", {"body": {"name": "x"}}, 422, "invalid"),
        ("POST", "/replications", {"body": {"name": "a/b", "settings": {}}}, 422, "invalid"),
        ("POST", "/replications", {"body": {"name": "photos", "settings": {}}}, 409, "exists"),
        ("PUT", "/replications/photos", {"body": {"settings": {}}}, 428, "precondition_required"),
        ("PUT", "/replications/photos", {"body": {"settings": {}}, "headers": {"if-match": '"x"'}}, 412, "stale"),
        ("PUT", "/replications/photos", {"body": {"settings": {}}, "headers": {"if-match": '"1"'}}, 409, "refused"),
        ("GET", "/audit", {"query": {"limit": "0"}}, 422, "invalid"),
        ("POST", "/tokens", {"body": {"name": "x", "scope": "root"}}, 422, "invalid"),
    ],
)
async def test_every_failure_has_one_shape(ask, method, path, more, status, code):
    answer = await ask(method, path, **more)
    assert answer.status == status, answer.body
    assert set(answer.json()) == {"error"}
    assert set(answer.json()["error"]) == {"code", "message", "hint"}
    assert answer.json()["error"]["code"] == code


async def test_a_body_that_is_too_large_is_not_read(ask):
    body = {"name": "x", "settings": {"x": "y" * MOST_BODY_BYTES}}
    answer = await ask("POST", "/replications", body=body)
    assert (answer.status, answer.json()["error"]["code"]) == (413, "too_large")


async def test_secrets_are_in_no_answer(ask):
    await ask("POST", "/replications", body={"name": "x", "settings": {"secret_key": "canary-of-a-mistake"}})
    for path in ("/replications", "/replications/photos", "/audit", "/openapi.json"):
        assert b"canary" not in (await ask("GET", path)).body


def test_every_route_is_documented(app):
    described = {
        (method.upper(), path.removeprefix("/api/v1")): operation.get("description")
        for path, each in app.openapi()["paths"].items()
        for method, operation in each.items()
    }
    assert described.keys() >= NEEDS.keys()
    assert [operation for operation, words in described.items() if not words] == []


def test_each_operation_stands_in_the_reference_with_its_scope_and_its_words(app):
    text = (Path(__file__).parents[2] / "docs" / "reference" / "api.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([A-Z]+) (/\S+)` \| (\w+) \| (.+) \|$", text, flags=re.MULTILINE)
    described = {(method, path): (scope, words) for method, path, scope, words in rows}
    document = app.openapi()["paths"]
    actual = {
        (method, path): (scope.value, words_of(document[f"/api/v1{path}"][method.lower()]))
        for (method, path), scope in NEEDS.items()
    }
    assert described == actual


def words_of(operation):
    """The first paragraph of its description."""
    return operation["description"].split("\n\n")[0].replace("\n", " ")


def test_each_code_of_a_failure_stands_in_the_reference():
    text = (Path(__file__).parents[2] / "docs" / "reference" / "api.md").read_text(encoding="utf-8")
    known = {code for _, _, code in failing._CODES} | set(failing._OF_STATUS.values())
    described = {
        code
        for row in re.findall(r"^\| [0-9, ]+ \| ([^|]+) \|", text, flags=re.MULTILINE)
        for code in re.findall(r"`(\w+)`", row)
    }
    assert known <= described
    assert {int(status) for status in re.findall(r"\b(4\d\d|50[23])\b", text)} >= set(failing.ANSWERS)
