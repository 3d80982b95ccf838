"""The webhook: stores and their buses post events here, and 200 means that the marks are durable.

    200  taken, or nothing in it concerned us        503  the marks could not be made durable: send it again
    400  no events in it                             401, 403  no secret or signature, or a wrong one
    408  the body came too slowly                    413  the body is too large

GET and HEAD are answered, because some senders look before they post. A sender proves itself by the shared secret, as
a bearer token, the password of basic authentication or the query's `token`; or by the signature of an SNS topic.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import ssl as tls
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from brigade.changes.base import Intake
from brigade.changes.events import parse_events
from brigade.changes.fetch import Fetch, fetch
from brigade.changes.sns import SnsMessages, require_cryptography
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
    """Where events are taken, and from whom. Any of `secrets` is good, so that one can be changed without a gap.

    `topics` are ARNs of SNS topics whose signed messages need no secret. `idle_timeout_seconds` bounds the head of a
    request and its body, each as a whole. At most `max_requests` bodies are in memory at once.
    """

    host: str = "127.0.0.1"
    port: int = 9200
    path: str = "/events"
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
        if not self.path.startswith("/"):
            raise ConfigError(f"the path of a webhook begins with a slash: {self.path!r}")


class Webhook:
    """One place where events are posted to. `application` to mount it, `run` to serve it alone."""

    def __init__(self, settings: WebhookSettings, intake: Intake, clock: Clock, *, fetch: Fetch = fetch) -> None:
        if settings.topics:
            require_cryptography()
        self.intake = intake
        self.address: tuple[str, int] | None = None
        self._settings = settings
        self._secrets = [secret.encode() for secret in settings.secrets]
        self._sns = SnsMessages(settings.topics, fetch, clock)
        self._under_way = 0

    def application(self) -> web.Application:
        """The aiohttp application; its server must close idle connections (`keepalive_timeout`)."""
        from aiohttp import web

        application = web.Application()
        application.router.add_route("*", self._settings.path, self.handle)
        return application

    async def run(self) -> None:
        """Serve until cancelled; then those under way get some seconds to finish."""
        from aiohttp import web

        settings = self._settings
        runner = web.AppRunner(
            self.application(),
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

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one request."""
        if request.method in ("GET", "HEAD"):
            return _answer(200, "events are posted here")
        if request.method != "POST":
            return _answer(405, "events are posted here", allow="POST")
        if not self._is_known(request) and not self._settings.topics:
            return self._refused(request)
        if (request.content_length or 0) > self._settings.max_body_bytes:
            return self._failed(413, f"the body has more than {self._settings.max_body_bytes} bytes")
        if self._under_way >= self._settings.max_requests:
            return _answer(503, "too many requests at once", retry=_RETRY_SECONDS)
        self._under_way += 1
        try:
            return await self._take(request)
        finally:
            self._under_way -= 1

    async def _take(self, request: web.Request) -> web.Response:
        try:
            async with asyncio.timeout(self._settings.idle_timeout_seconds):
                body = await self._body(request)
        except TimeoutError:
            return self._failed(408, "the body did not come in time")
        if body is None:
            return self._failed(413, f"the body has more than {self._settings.max_body_bytes} bytes")
        try:
            if not self._is_known(request):
                await self._sns.verify(body)
            return await self._mark(body)
        except Refused as error:
            self.intake.counts.refused += 1
            return _answer(403, error.message)
        except BrigadeError as error:
            self.intake.note(error)
            return _answer(503, "the events could not be made durable: send them again", retry=_RETRY_SECONDS)

    async def _mark(self, body: bytes) -> web.Response:
        parsed = parse_events(body)
        if parsed.confirmation is not None:
            await self._sns.confirm(parsed.confirmation)
        await self.intake.take(parsed.changes, ignored=parsed.ignored, failed=parsed.failed)
        if parsed.malformed:
            self.intake.counts.last_error = parsed.malformed
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

    def _refused(self, request: web.Request) -> web.Response:
        self.intake.counts.refused += 1
        if _offers(request):
            return _answer(403, "the secret is wrong")
        return _answer(401, "a secret is needed", authenticate='Basic realm="events"')

    def _failed(self, status: int, text: str) -> web.Response:
        """Turn away something that may have held events. The connection is closed: the rest of the body is not wanted."""
        self.intake.counts.received += 1
        self.intake.counts.failed += 1
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
