"""Asking the control API: a running one where it is named, else the same application on the state, in this process."""

from __future__ import annotations

import asyncio
import getpass
import json
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, Protocol, TypeVar
from urllib.parse import quote, urlencode

import typer

from brigade.errors import BrigadeError, ConfigError, Refused, UsageError

if TYPE_CHECKING:
    from brigade.config.load import Loaded
    from brigade.wiring.wiring import Wiring

API_VARIABLE = "BRIGADE_API"
TOKEN_VARIABLE = "BRIGADE_TOKEN"  # noqa: S105 (the name of a variable)
TOKEN_FILE_VARIABLE = "BRIGADE_TOKEN_FILE"  # noqa: S105

_PREFIX = "/api/v1"
_TIMEOUT_SECONDS = 60
_PART_BYTES = 64 * 1024
_MOST_A_PAGE = 500

T = TypeVar("T")

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

    async def download(self, path: str, query: Mapping[str, str], take: Callable[[bytes], None]) -> None:
        """Hand what comes to `take`, part by part."""


def is_remote(api: str | None) -> bool:
    """Whether a running API is named, by its option or by the environment."""
    return bool(api or os.environ.get(API_VARIABLE))


def segment(text: str) -> str:
    """A name as one part of a path."""
    return quote(text, safe="")


def with_client(
    work: Callable[[Client], Coroutine[Any, Any, T]],
    api: str | None,
    config: Path | None,
    state: str | None,
    *,
    needs_config: bool = True,
) -> T:
    """Do what a verb does with a client, and what it gives back."""
    from brigade.cli.session import run_async

    async def ask() -> T:
        async with connected(api, config, state, needs_config=needs_config) as client:
            return await work(client)

    return run_async(ask)


async def pages(client: Client, path: str, query: Mapping[str, str], cursor: str = "after") -> AsyncIterator[Any]:
    """Every item, page by page. `cursor` is what the page after another is asked for with."""
    place: dict[str, str] = {}
    while True:
        page = (await client.ask("GET", path, query={**query, **place})).value
        for item in page["items"]:
            yield item
        if page["next"] is None:
            return
        place = {cursor: page["next"]}


async def some(client: Client, path: str, query: Mapping[str, str], limit: int, cursor: str = "after") -> list[Any]:
    """The first so many items, however many pages that takes."""
    found: list[Any] = []
    async for item in pages(client, path, {**query, "limit": str(min(limit, _MOST_A_PAGE))}, cursor):
        found.append(item)
        if len(found) == limit:
            break
    return found


def given(**values: str | None) -> dict[str, str]:
    """What of a query was given."""
    return {name: value for name, value in values.items() if value is not None}


@asynccontextmanager
async def connected(
    api: str | None, config: Path | None, state: str | None, *, needs_config: bool = True
) -> AsyncIterator[Client]:
    """A client for as long as the block runs. Without `needs_config` the state alone is enough, too."""
    url = api or os.environ.get(API_VARIABLE)
    if url:
        if state is not None:
            raise UsageError("--state and --api exclude each other: the API has a state of its own")
        if not url.startswith(("http://", "https://")):
            raise UsageError(f"--api {url!r} is no URL like http://127.0.0.1:9100")
        yield _Remote(url.rstrip("/"))
        return
    from brigade.cli.session import load_wiring

    wiring = load_wiring(config, state, needs_config=needs_config)
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

        async def download(self, path: str, query: Mapping[str, str], take: Callable[[bytes], None]) -> None:
            answer = await ask(app, "GET", f"{_PREFIX}{path}", query=query, take=take)
            _reply(answer.status, None, answer.body)

    loaded = wiring.loaded or _nothing_configured(wiring)
    plans = ConfiguredPlans(wiring.renewed(loaded), loaded)
    myself = Identity(f"{getpass.getuser()} at the machine", Scope.ADMIN)
    async with wiring.opened_state() as state:
        app = make_app(Office(state, wiring.clock, lambda: plans, is_local=True, resident=myself))
        yield Inside()


def _nothing_configured(wiring: Wiring) -> Loaded:
    from brigade.config.load import FILE_NAME, Loaded
    from brigade.config.model import Config

    return Loaded(wiring.directory / FILE_NAME, Config())


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
        address = self._address(path, query)
        data = None if body is None else json.dumps(body).encode()
        headers = {**_headers(tag), "Content-Type": "application/json"}
        return await asyncio.to_thread(self._send, method, address, headers, data, None)

    async def download(self, path: str, query: Mapping[str, str], take: Callable[[bytes], None]) -> None:
        await asyncio.to_thread(self._send, "GET", self._address(path, query), {}, None, take)

    def _address(self, path: str, query: Mapping[str, str] | None) -> str:
        return f"{self._url}{_PREFIX}{path}{'?' + urlencode(query) if query else ''}"

    def _send(
        self,
        method: str,
        address: str,
        headers: Mapping[str, str],
        data: bytes | None,
        take: Callable[[bytes], None] | None,
    ) -> Reply:
        from http.client import HTTPException
        from urllib.error import HTTPError, URLError
        from urllib.request import Request, urlopen

        try:
            request = Request(address, data, dict(headers), method=method)  # noqa: S310 - checked to be HTTP
            if self._token:
                request.add_unredirected_header("Authorization", f"Bearer {self._token}")
            with urlopen(request, timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310
                while take is not None and (part := answer.read(_PART_BYTES)):
                    take(part)
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
