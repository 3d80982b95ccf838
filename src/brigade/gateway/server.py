"""aiohttp's HTTP server with the bounds of a gateway: raw targets, bodies as they come, errors in S3's words."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.http_exceptions import LineTooLong
from aiohttp.web_protocol import RequestHandler

from brigade.gateway.settings import Limits
from brigade.wire.s3faults import Fault, fault_document

READ_BUFFER_BYTES = 256 * 1024
# How long the rest of a refused body is read and thrown away, so that the client gets to see the refusal.
LINGER_SECONDS = 5.0

log = logging.getLogger("brigade.gateway")

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class _Connection(RequestHandler):
    """One client's connection."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer to what is not HTTP, or to a fault of ours; the connection ends with it."""
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has begun already")
        if isinstance(exc, LineTooLong):
            fault = Fault("RequestHeaderSectionTooLarge")
        elif status == 400:
            fault = Fault("BadRequest")
        else:
            log.error("a request failed: %s", message or type(exc).__name__)
            fault = Fault("InternalError")
        document = fault_document(fault, "", "")
        response = web.Response(
            status=fault.status, body=document, content_type="application/xml", headers={"Server": "brigade"}
        )
        response.force_close()
        return response


class Server(web.Server):
    """Makes connections. Its own timeouts guard what comes before a request: a head must come whole in time."""

    def __init__(self, handler: Handler, limits: Limits) -> None:
        super().__init__(handler, handler_cancellation=True)
        self._limits = limits

    def __call__(self) -> RequestHandler:
        limits = self._limits
        return _Connection(
            self,
            loop=asyncio.get_running_loop(),
            keepalive_timeout=limits.idle_timeout_seconds,
            access_log=None,  # type: ignore[arg-type] # None means no log of each request
            max_line_size=limits.header_bytes,
            max_field_size=limits.header_bytes,
            max_headers=limits.headers,
            lingering_time=LINGER_SECONDS,
            read_bufsize=READ_BUFFER_BYTES,
            auto_decompress=False,
        )
