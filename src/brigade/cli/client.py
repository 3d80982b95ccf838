"""Asking the control API: a running one where it is named, else the same application on the state, in this process."""

from __future__ import annotations

import asyncio
import getpass
import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, Protocol
from urllib.parse import quote, urlencode

import typer

from brigade.errors import BrigadeError, ConfigError, Refused, UsageError

if TYPE_CHECKING:
    from brigade.wiring.wiring import Wiring

API_VARIABLE = "BRIGADE_API"
TOKEN_VARIABLE = "BRIGADE_TOKEN"  # noqa: S105 (the name of a variable)
TOKEN_FILE_VARIABLE = "BRIGADE_TOKEN_FILE"  # noqa: S105

_PREFIX = "/api/v1"
_TIMEOUT_SECONDS = 60

Api = Annotated[
    str | None,
    typer.Option(
        "--api",
        metavar="URL",
        help="A running API. Default: $BRIGADE_API, else the state itself. The token comes from $BRIGADE_TOKEN or "
        "the file $BRIGADE_TOKEN_FILE.",
    ),
]


class Reply(NamedTuple):
    """What came back. `tag` is the ETag, for a later change."""

    value: Any
    tag: str | None


class Client(Protocol):
    """Asks, and raises what the API says went wrong."""

    async def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        tag: str | None = None,
    ) -> Reply: ...


def segment(text: str) -> str:
    """A name as one part of a path."""
    return quote(text, safe="")


@asynccontextmanager
async def connected(api: str | None, config: Path | None, state: str | None) -> AsyncIterator[Client]:
    """A client for as long as the block runs."""
    url = api or os.environ.get(API_VARIABLE)
    if url:
        if state is not None:
            raise UsageError("--state and --api exclude each other: the API has a state of its own")
        if not url.startswith(("http://", "https://")):
            raise UsageError(f"--api {url!r} is no URL like http://127.0.0.1:9100")
        yield _Remote(url.rstrip("/"))
        return
    from brigade.cli.session import load_wiring

    wiring = load_wiring(config, state, needs_config=True)
    async with _inside(wiring) as client:
        yield client


@asynccontextmanager
async def _inside(wiring: Wiring) -> AsyncIterator[Client]:
    from brigade.api.app import make_app
    from brigade.api.inside import ask
    from brigade.api.office import Office
    from brigade.control.access import Identity, Scope
    from brigade.wiring.plans import ConfiguredPlans

    class Inside:
        async def ask(
            self,
            method: str,
            path: str,
            *,
            query: Mapping[str, str] | None = None,
            body: Any = None,
            tag: str | None = None,
        ) -> Reply:
            answer = await ask(app, method, f"{_PREFIX}{path}", query=query, body=body, headers=_headers(tag))
            return _reply(answer.status, answer.headers.get("etag"), answer.body)

    assert wiring.loaded is not None
    plans = ConfiguredPlans(wiring, wiring.loaded)
    myself = Identity(f"{getpass.getuser()} at the machine", Scope.ADMIN)
    async with wiring.opened_state() as state:
        app = make_app(Office(state, wiring.clock, lambda: plans, is_local=True, resident=myself))
        yield Inside()


class _Remote:
    """One connection for each request: commands ask once or twice."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._token = _token()

    async def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        tag: str | None = None,
    ) -> Reply:
        address = f"{self._url}{_PREFIX}{path}{'?' + urlencode(query) if query else ''}"
        headers = {**_headers(tag), "Content-Type": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        return await asyncio.to_thread(self._send, method, address, headers, body)

    def _send(self, method: str, address: str, headers: Mapping[str, str], body: Any) -> Reply:
        from http.client import HTTPException
        from urllib.error import HTTPError, URLError
        from urllib.request import Request, urlopen

        data = None if body is None else json.dumps(body).encode()
        try:
            request = Request(address, data, dict(headers), method=method)  # noqa: S310 - checked to be HTTP
            with urlopen(request, timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310
                return _reply(answer.status, answer.headers["etag"], answer.read())
        except HTTPError as error:
            return _reply(error.code, None, error.read())
        except (URLError, HTTPException, OSError, ValueError) as error:
            reason = getattr(error, "reason", error)
            raise BrigadeError(f"{self._url} does not answer: {reason}") from None


def _token() -> str | None:
    if given := os.environ.get(TOKEN_VARIABLE):
        return given
    if file := os.environ.get(TOKEN_FILE_VARIABLE):
        try:
            return Path(file).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ConfigError(f"{file} cannot be read: {error.strerror} ({TOKEN_FILE_VARIABLE})") from None
    return None


def _headers(tag: str | None) -> dict[str, str]:
    return {} if tag is None else {"If-Match": tag}


def _reply(status: int, tag: str | None, body: bytes) -> Reply:
    try:
        value = json.loads(body) if body else None
    except ValueError:
        raise BrigadeError(f"that is no API of Brigade: it answered {status} with something else") from None
    if status < 400:
        return Reply(value, tag)
    told = value.get("error", {}) if isinstance(value, dict) else {}
    message, hint = told.get("message", f"the API answered {status}"), told.get("hint", "")
    kind = {404: UsageError, 422: UsageError, 409: Refused}.get(status, BrigadeError)
    raise kind(message, hint=hint)
