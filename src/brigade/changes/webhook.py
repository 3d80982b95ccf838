"""The webhook: stores and their buses post events here, and 200 means that the marks are durable.

    200  taken, or nothing in it concerned us        503  the marks could not be made durable: send it again
    400  no events in it                             401, 403  no secret or signature, or a wrong one
    404  no feed at this path                        408  the body came too slowly
    413  the body is too large

GET and HEAD are answered, because some senders look before they post. A sender proves itself by the shared secret, as
a bearer token, the password of basic authentication or the query's `token`; or by the signature of an SNS topic.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import ssl as tls
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from brigade.changes.base import Intake
from brigade.changes.events import parse_events
from brigade.changes.fetch import Fetch, fetch
from brigade.changes.sns import SnsMessages
from brigade.clock import Clock
from brigade.errors import BrigadeError, ConfigError, Refused

if TYPE_CHECKING:
    from aiohttp import web

MEBIBYTE = 1024 * 1024
SHORTEST_SECRET = 8

_MAX_HEADER_BYTES = 8190
_RETRY_SECONDS = "5"
_DRAIN_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """Where events are taken, and from whom. Any of `secrets` is good, so that one can be exchanged without a gap.

    `topics` are ARNs of SNS topics whose signed messages need no secret. `idle_timeout_seconds` bounds the head of a
    request and its body, each as a whole. At most `max_requests` bodies are in memory at once.
    """

    host: str = "127.0.0.1"
    port: int = 9200
    secrets: tuple[str, ...] = field(default=(), repr=False)
    topics: tuple[str, ...] = ()
    ssl: tls.SSLContext | None = field(default=None, repr=False)
    max_body_bytes: int = MEBIBYTE
    max_requests: int = 64
    idle_timeout_seconds: float = 10.0

    def __post_init__(self) -> None:
        if not self.secrets and not self.topics:
            raise ConfigError("a webhook needs a secret or the SNS topics that may send to it")
        if any(len(secret) < SHORTEST_SECRET for secret in self.secrets):
            raise ConfigError(f"the secret of a webhook has at least {SHORTEST_SECRET} characters")


class Webhook:
    """One address that events are posted to, with an intake for each path. `run` serves it."""

    def __init__(
        self, settings: WebhookSettings, intakes: Mapping[str, Intake], clock: Clock, *, fetch: Fetch = fetch
    ) -> None:
        self.address: tuple[str, int] | None = None
        self._clock = clock
        self._fetch = fetch
        self._under_way = 0
        self.update(settings, intakes)

    def update(self, settings: WebhookSettings, intakes: Mapping[str, Intake]) -> None:
        """Take up other paths, secrets, topics and limits, from the next request on. The address stays as it is."""
        self._settings = settings
        self._intakes = dict(intakes)
        self._secrets = [secret.encode() for secret in settings.secrets]
        self._sns = SnsMessages(settings.topics, self._fetch, self._clock)

    async def run(self, listening: Callable[[str, int], None] | None = None) -> None:
        """Serve until cancelled; then those under way get some seconds to finish. `listening` is told the address."""
        from aiohttp import web

        settings = self._settings
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._handle)
        runner = web.AppRunner(
            application,
            access_log=None,  # The query may hold the secret.
            keepalive_timeout=settings.idle_timeout_seconds,  # Also ends a head that does not come to its end.
            max_line_size=_MAX_HEADER_BYTES,
            max_field_size=_MAX_HEADER_BYTES,
            shutdown_timeout=_DRAIN_SECONDS,
        )
        await runner.setup()
        try:
            await self._listen(runner)
            self.address = runner.addresses[0][:2]
            if listening is not None:
                listening(*self.address)
            await asyncio.get_running_loop().create_future()
        finally:
            self.address = None
            await runner.cleanup()

    async def _listen(self, runner: web.AppRunner) -> None:
        from aiohttp import web

        settings = self._settings
        try:
            await web.TCPSite(runner, settings.host, settings.port, ssl_context=settings.ssl).start()
        except OSError as error:
            raise ConfigError(
                f"the webhook cannot listen on {settings.host}:{settings.port}: {error.strerror or error}",
                hint="choose another port, or end what listens there",
            ) from error

    async def _handle(self, request: web.Request) -> web.Response:
        intake = self._intakes.get(request.path)
        if intake is None:
            return _answer(404, "no feed listens here")
        if request.method in ("GET", "HEAD"):
            return _answer(200, "events are posted here")
        if request.method != "POST":
            return _answer(405, "events are posted here", allow="POST")
        if not self._is_known(request) and not self._settings.topics:
            return self._refused(request, intake)
        if (request.content_length or 0) > self._settings.max_body_bytes:
            return self._too_large(intake)
        if self._under_way >= self._settings.max_requests:
            return _answer(503, "too many requests at once", retry=_RETRY_SECONDS)
        self._under_way += 1
        try:
            return await self._take(request, intake)
        finally:
            self._under_way -= 1

    async def _take(self, request: web.Request, intake: Intake) -> web.Response:
        try:
            async with asyncio.timeout(self._settings.idle_timeout_seconds):
                body = await self._body(request)
        except TimeoutError:
            return _failed(intake, 408, "the body did not come in time")
        if body is None:
            return self._too_large(intake)
        try:
            if not self._is_known(request):
                await self._sns.verify(body)
            return await self._mark(body, intake)
        except Refused as error:
            return _refused(intake, 403, error.message)
        except BrigadeError as error:
            intake.note(str(error))
            return _answer(503, "the events could not be made durable: send them again", retry=_RETRY_SECONDS)

    async def _mark(self, body: bytes, intake: Intake) -> web.Response:
        parsed = parse_events(body)
        if parsed.confirmation is not None:
            await self._sns.confirm(parsed.confirmation)
        await intake.take(parsed.changes, ignored=parsed.ignored, failed=parsed.failed)
        if parsed.malformed:
            intake.note(f"a body with what is no event: {parsed.malformed}")
        if parsed.is_unreadable:
            return _answer(400, parsed.malformed)
        return _answer(200, "")

    async def _body(self, request: web.Request) -> bytes | None:
        """The whole body, None if it is too large. Counted as it comes, also after decompression."""
        pieces: list[bytes] = []
        size_bytes = 0
        async for piece in request.content.iter_any():
            size_bytes += len(piece)
            if size_bytes > self._settings.max_body_bytes:
                return None
            pieces.append(piece)
        return b"".join(pieces)

    def _is_known(self, request: web.Request) -> bool:
        """Whether the request holds one of the secrets. All are compared, in constant time."""
        offers = [offer.encode("utf-8", "surrogateescape") for offer in _offers(request)]
        return any([hmac.compare_digest(offer, secret) for offer in offers for secret in self._secrets])  # noqa: C419

    def _refused(self, request: web.Request, intake: Intake) -> web.Response:
        if _offers(request):
            return _refused(intake, 403, "the secret is wrong")
        return _refused(intake, 401, "a secret is needed", authenticate='Basic realm="events"')

    def _too_large(self, intake: Intake) -> web.Response:
        return _failed(intake, 413, f"the body has more than {self._settings.max_body_bytes} bytes")


def _refused(intake: Intake, status: int, text: str, *, authenticate: str | None = None) -> web.Response:
    """Turn away a sender that is not known."""
    intake.counts.refused += 1
    intake.note(f"a sender was turned away: {text}")
    return _answer(status, text, authenticate=authenticate)


def _failed(intake: Intake, status: int, text: str) -> web.Response:
    """Turn away something that may have held events. The connection is closed: the rest of the body is not wanted."""
    intake.counts.received += 1
    intake.counts.failed += 1
    intake.note(f"a body was turned away: {text}")
    response = _answer(status, text)
    response.force_close()
    return response


def _offers(request: web.Request) -> list[str]:
    """What the request offers as a secret."""
    offers = [request.query["token"]] if "token" in request.query else []
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            pair = base64.b64decode(given.strip(), validate=True).decode()
        except (binascii.Error, ValueError):
            return [*offers, ""]
        offers += [pair, pair.partition(":")[2]]
    elif scheme:
        offers.append(given.strip() or scheme)  # Some senders leave out the word "Bearer".
    return offers


def _answer(
    status: int, text: str, *, retry: str | None = None, allow: str | None = None, authenticate: str | None = None
) -> web.Response:
    from aiohttp import web

    named = {"Retry-After": retry, "Allow": allow, "WWW-Authenticate": authenticate}
    headers = {name: value for name, value in named.items() if value is not None}
    return web.Response(status=status, text=f"{text}\n" if text else "", headers=headers)
