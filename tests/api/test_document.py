"""The API and its OpenAPI document say the same: whatever is asked as the document says is answered as it says."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode, checks
from schemathesis.specs.openapi import checks as of_openapi

from brigade.api.app import make_app
from brigade.api.office import Office
from brigade.clock import SystemClock
from brigade.config.load import load_config
from brigade.control.access import LOCAL
from brigade.state.state import State
from brigade.wiring.plans import ConfiguredPlans
from brigade.wiring.wiring import Wiring

FILE = """\
seal_key: "0123456789012345678901234567890123456789"
stores:
  m: {type: memory}
  ceph: {type: s3, endpoint: "http://127.0.0.1:1", access_key: a, secret_key: b}
replications:
  photos: {source: "m:photos", target: "m:copies"}
gateway:
  store: ceph
  users:
    ann: {keys: [{access_key: ann, secret_key: s}]}
"""
KNOWN = {"replications": "photos", "stores": "m", "users": "ann"}
CHECKS = [
    checks.not_a_server_error,
    of_openapi.status_code_conformance,
    of_openapi.content_type_conformance,
    of_openapi.response_schema_conformance,
]
BOUNDS = settings(
    max_examples=5,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


class Server:
    """The application, asked with bytes as they would come from a socket."""

    def __init__(self, directory):
        (directory / "brigade.yaml").write_text(FILE)
        loaded = load_config(directory / "brigade.yaml", {})
        plans = ConfiguredPlans(Wiring(SystemClock(), {}, directory, loaded), loaded)
        self.runner = asyncio.Runner()
        self.state = self.runner.run(State.open(f"sqlite:///{directory}/state.db", clock=SystemClock()))
        office = Office(self.state, SystemClock(), lambda: plans, is_local=True, resident=LOCAL)
        # Whoever listens to events hears how all stand, and no more.
        office.ends.set()
        self.app = make_app(office)

    def answer(self, request: requests.PreparedRequest) -> schemathesis.Response:
        return self.runner.run(self._answer(request))

    async def _answer(self, request):
        parts = urlsplit(request.url)
        body = request.body.encode() if isinstance(request.body, str) else request.body or b""
        headers = {"host": "127.0.0.1", **{name.lower(): value for name, value in request.headers.items()}}
        scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": request.method}
        scope |= {"scheme": "http", "path": unquote(parts.path), "raw_path": parts.path.encode()}
        scope |= {"query_string": parts.query.encode(), "server": ("127.0.0.1", 80), "client": ("127.0.0.1", 0)}
        scope["headers"] = [(_latin(name), _latin(value)) for name, value in headers.items()]
        bodies, sent = [body], []

        async def receive():
            if not bodies:
                await asyncio.Event().wait()
            return {"type": "http.request", "body": bodies.pop(), "more_body": False}

        async def send(message):
            sent.append(message)

        await self.app(scope, receive, send)
        start, *parts = sent
        headers = {name.decode(): [value.decode("latin-1")] for name, value in start["headers"]}
        content = b"".join(part.get("body", b"") for part in parts)
        return schemathesis.Response(start["status"], headers, content, request, 0.0, verify=False)

    def close(self):
        self.runner.run(self.state.close())
        self.runner.close()


def _latin(text):
    return text if isinstance(text, bytes) else text.encode("latin-1", "replace")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("api"))
    yield server
    server.close()


def no_plans() -> Any:
    """The document is made without a configuration."""


def operations():
    document = make_app(Office(None, SystemClock(), no_plans, is_local=True)).openapi()
    return [(method.upper(), path) for path, each in document["paths"].items() for method in each]


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize(("method", "path"), operations())
def test_each_operation_answers_as_the_document_says(server, method, path, mode):
    operation = schemathesis.openapi.from_dict(server.app.openapi())[path][method]
    known = {"name": KNOWN.get(path.split("/")[3], "x"), "run_id": 1, "access_key": "x"}
    named = {name: value for name, value in known.items() if f"{{{name}}}" in path}

    @BOUNDS
    @given(case=operation.as_strategy(mode, path_parameters=named if mode is GenerationMode.POSITIVE else None))
    def ask(case):
        sent = requests.Request(**case.as_transport_kwargs(base_url="http://127.0.0.1")).prepare()
        response = server.answer(sent)
        case.validate_response(response, checks=CHECKS)
        if response.status_code >= 400:
            assert set(response.json()) == {"error"}
            assert set(response.json()["error"]) == {"code", "message", "hint"}

    ask()
