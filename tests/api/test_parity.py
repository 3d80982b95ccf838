"""One set of use cases, three faces: whatever the API can, a verb of the command line can, and a page."""

from __future__ import annotations

from importlib import import_module

import pytest
import typer
from tests.api import test_access, test_pages

from brigade.api.pages.parts import PARTS
from brigade.cli.main import VERBS

FACES = {
    "GET /replications": ("replication list", "GET /"),
    "POST /replications": ("replication create", "POST /new"),
    "POST /replications/preview": ("replication preview", "POST /new/preview"),
    "GET /replications/{name}": ("replication show", "GET /replications/{name:path}"),
    "PUT /replications/{name}": ("replication change", "POST /change/{name}"),
    "DELETE /replications/{name}": ("replication delete", "POST /delete"),
    "POST /replications/{name}/pause": ("replication pause", "POST /orders/{what}"),
    "POST /replications/{name}/resume": ("replication resume", "POST /orders/{what}"),
    "POST /replications/{name}/reconcile": ("replication reconcile", "POST /orders/{what}"),
    "POST /replications/{name}/verify": ("replication verify", "POST /orders/{what}"),
    "POST /replications/{name}/cancel": ("replication cancel", "POST /orders/{what}"),
    "GET /replications/{name}/samples": ("replication samples", "GET /charts/{name:path}"),
    "GET /runs": ("runs list", "GET /runs"),
    "GET /runs/{run_id}": ("runs show", "GET /runs/{run_id}"),
    "GET /runs/{run_id}/ranges": ("runs ranges", "GET /runs/{run_id}"),
    "GET /runs/{run_id}/report": ("runs report", "GET /runs/{run_id}"),
    "GET /runs/{run_id}/report.jsonl": ("runs report", "GET /runs/{run_id}/report.jsonl"),
    "GET /failures": ("failures", "GET /failures"),
    "GET /failures/reasons": ("failures", "GET /failures"),
    "GET /failures/dismissed": ("failures", "GET /failures"),
    "POST /failures/retry": ("retry", "POST /failures/{what}"),
    "POST /failures/dismiss": ("dismiss", "POST /failures/{what}"),
    "GET /routes": ("route list", "GET /routes"),
    "PUT /routes": ("route set", "POST /routes/{what}"),
    "DELETE /routes": ("route delete", "POST /routes/{what}"),
    "GET /routes/explain": ("route test", "GET /routes"),
    "GET /blocks": ("route list", "GET /routes"),
    "PUT /blocks": ("route block", "POST /routes/{what}"),
    "DELETE /blocks": ("route unblock", "POST /routes/{what}"),
    "GET /stores": ("store list", "GET /stores"),
    "POST /stores": ("store add", "POST /new-store"),
    "GET /stores/{name}": ("store show", "GET /stores/{name}"),
    "PUT /stores/{name}": ("store change", "POST /stores/{name}/change"),
    "DELETE /stores/{name}": ("store remove", "POST /stores/{name}/delete"),
    "POST /stores/{name}/check": ("store check", "POST /stores/{name}/check"),
    "GET /users": ("user list", "GET /access"),
    "POST /users": ("user create", "POST /access/{what}"),
    "GET /users/{name}": ("user show", "GET /access"),
    "PUT /users/{name}": ("user change", "POST /access/users/{name}/change"),
    "DELETE /users/{name}": ("user delete", "POST /access/{what}"),
    "POST /users/{name}/keys": ("user add-key", "POST /access/{what}"),
    "DELETE /users/{name}/keys/{access_key}": ("user remove-key", "POST /access/{what}"),
    "GET /activity": ("activity", "GET /replications/{name:path}"),
    # What changes, as it changes: both ask again and again instead.
    "GET /events": ("top", "GET /replications/{name:path}"),
    "GET /tokens": ("token list", "GET /access"),
    "POST /tokens": ("token create", "POST /access/{what}"),
    "DELETE /tokens/{name}": ("token revoke", "POST /access/{what}"),
    "GET /audit": ("audit", "GET /audit"),
}


def test_each_operation_stands_in_the_table():
    assert set(FACES) == {f"{method} {path}" for method, path in test_access.NEEDS}


def command(verb):
    name, _, sub = verb.partition(" ")
    found = typer.main.get_command(import_module(f"brigade.cli.{VERBS[name].module}").app)
    return found.commands[sub] if sub else found


@pytest.mark.parametrize("operation", FACES)
def test_each_operation_has_a_verb_that_asks_an_api_and_prints_json_and_a_page(operation):
    verb, page = FACES[operation]
    assert {"--api", "--json"} <= {option for parameter in command(verb).params for option in parameter.opts}
    method, path = operation.split(" ")
    page_method, _, page_path = page.partition(" ")
    needed = test_pages.NEEDS[page_method, page_path]
    # The page of tokens and users shows the tokens to whoever may see them, which is tested where the page is.
    assert operation == "GET /tokens" or needed is test_access.NEEDS[method, path]


# What pages a long answer is no question of its own; charts go by hours.
PAGING = {"limit", "before", "after", "since"}
OPTIONS = {"state": "--only", "since": "--last"}


@pytest.mark.parametrize("operation", [each for each in FACES if each.startswith("GET ") and each != "GET /events"])
def test_whatever_an_answer_can_be_narrowed_by_the_verb_and_the_page_know(app, operation):
    verb, page = FACES[operation]
    method, path = operation.split(" ")
    asked = app.openapi()["paths"][f"/api/v1{path}"][method.lower()].get("parameters", [])
    names = {each["name"] for each in asked if each["in"] == "query"}
    words = {word.strip("[]").lower() for each in command(verb).params for word in (*each.opts, str(each.metavar))}
    wanted = {OPTIONS.get(name, f"--{name}") for name in names - {"limit", "before", "after"}}
    assert {name for name in wanted if name not in words and name[2:] not in words} == set()
    (route,) = (
        each for part in PARTS for each in part.router.routes if f"GET {each.path}" == page and "GET" in each.methods
    )
    known = {each.alias for each in route.dependant.query_params} | {each.name for each in route.dependant.path_params}
    # The page of a replication is named by its path.
    assert names - PAGING - known - ({"replication"} if "name" in known else set()) == set()
