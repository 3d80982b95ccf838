"""One set of use cases, three faces: whatever the API can, a verb of the command line can, and a page."""

from __future__ import annotations

from importlib import import_module

import pytest
import typer
from tests.api import test_access, test_pages

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


@pytest.mark.parametrize("operation", FACES)
def test_each_operation_has_a_verb_that_asks_an_api_and_prints_json_and_a_page(operation):
    verb, page = FACES[operation]
    name, _, sub = verb.partition(" ")
    command = typer.main.get_command(import_module(f"brigade.cli.{VERBS[name].module}").app)
    command = command.commands[sub] if sub else command
    assert {"--api", "--json"} <= {option for parameter in command.params for option in parameter.opts}
    method, path = operation.split(" ")
    page_method, _, page_path = page.partition(" ")
    needed = test_pages.NEEDS[page_method, page_path]
    # The page of tokens and users shows the tokens to whoever may see them, which is tested where the page is.
    assert operation == "GET /tokens" or needed is test_access.NEEDS[method, path]
