"""A Keystone for tests: versions 2 and 3, passwords and application credentials, a catalogue with regions and interfaces.

It gives out tokens of a real Swift, so that the store behind it is real. It can be told to give out others first.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

USER, PASSWORD, PROJECT, DOMAIN = "me", "my-password", "photos", "Default"
APPLICATION_ID, APPLICATION_NAME, APPLICATION_SECRET = "app-id", "app-name", "app-secret"
REGIONS = ("north", "south")


class FakeKeystone:
    """Runs while its context is open. `tokens` are given out in turn, the last one for ever.

    Region `north` has the Swift behind it, `south` leads nowhere; so do all interfaces but `public`.
    """

    def __init__(self, storage_url: str, *tokens: str, life_seconds: float = 3600.0) -> None:
        self.storage_url = storage_url
        self.tokens = list(tokens)
        self.life_seconds = life_seconds
        self.log_ins: list[dict[str, Any]] = []
        self.failing_status = 0
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        """Its root; `/v3` and `/v2.0` lie below."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, path: str, asked: dict[str, Any]) -> tuple[int, dict[str, str], dict[str, Any]]:
        """Status, headers and document for one log-in."""
        with self._lock:
            self.log_ins.append(asked)
            token = self.tokens.pop(0) if len(self.tokens) > 1 else self.tokens[0]
        if self.failing_status:
            return self.failing_status, {}, {"error": {"message": "no", "code": self.failing_status}}
        if path == "/v3/auth/tokens" and _may_v3(asked):
            return 201, {"X-Subject-Token": token}, {"token": self._document_v3()}
        if path == "/v2.0/tokens" and _may_v2(asked):
            return 200, {}, {"access": self._document_v2(token)}
        return 401, {}, {"error": {"message": "not you", "code": 401}}

    def _ends(self) -> str:
        return (datetime.now(UTC) + timedelta(seconds=self.life_seconds)).strftime("%Y-%m-%dT%H:%M:%S.000000Z")

    def _document_v3(self) -> dict[str, Any]:
        endpoints = [
            {"region": region, "region_id": region, "interface": interface, "url": url, "id": f"{region}-{interface}"}
            for region, interface, url in self._endpoints()
        ]
        catalogue = [{"type": "object-store", "name": "swift", "id": "swift", "endpoints": endpoints}]
        return {"methods": ["password"], "expires_at": self._ends(), "catalog": catalogue, "user": {"id": "u"}}

    def _document_v2(self, token: str) -> dict[str, Any]:
        endpoints = []
        for region in REGIONS:
            urls = {f"{interface}URL": url for where, interface, url in self._endpoints() if where == region}
            endpoints.append({"region": region, **urls})
        service = {"type": "object-store", "name": "swift", "endpoints": endpoints}
        kept = {"id": token, "expires": self._ends(), "tenant": {"id": "t", "name": PROJECT}}
        return {"token": kept, "serviceCatalog": [service], "user": {"id": "u", "name": USER, "roles": []}}

    def _endpoints(self) -> list[tuple[str, str, str]]:
        return [
            (
                region,
                interface,
                self.storage_url if (region, interface) == ("north", "public") else "http://127.0.0.1:1/v1/A",
            )
            for region in REGIONS
            for interface in ("public", "internal")
        ]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        keystone = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status, headers, document = keystone.answer(self.path, asked["auth"])
                body = json.dumps(document).encode()
                self.send_response(status)
                for name, value in {**headers, "Content-Type": "application/json"}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the name is the base class's)
                pass

        return Handler


def _may_v3(asked: Mapping[str, Any]) -> bool:
    identity = asked["identity"]
    if identity["methods"] == ["application_credential"]:
        told = identity["application_credential"]
        named = told.get("name") == APPLICATION_NAME and told.get("user", {}).get("name") == USER
        is_known = told.get("id") == APPLICATION_ID or named
        return bool(is_known and told["secret"] == APPLICATION_SECRET)
    user = identity["password"]["user"]
    project = asked.get("scope", {}).get("project", {})
    known_domain = user.get("domain") in ({"id": "default"}, {"name": DOMAIN})
    return (user.get("name"), user["password"], project.get("name")) == (USER, PASSWORD, PROJECT) and known_domain


def _may_v2(asked: Mapping[str, Any]) -> bool:
    told = asked["passwordCredentials"]
    return (told["username"], told["password"], asked.get("tenantName")) == (USER, PASSWORD, PROJECT)
