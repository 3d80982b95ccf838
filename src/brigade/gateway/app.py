"""The gateway itself: a request comes in, its signature is checked, its store is found, and it is served.

async with serve(settings, clock=SystemClock(), capture=capture) as gateway:
await gateway.update(newer_settings)   # no request is dropped
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from aiohttp import web

from brigade.clock import Clock
from brigade.decide.routing import READS
from brigade.engine.heap import keep_freed_memory
from brigade.errors import Rejected, StoreError, Throttled
from brigade.gateway.account import Account, Traces
from brigade.gateway.bodies import Inflow
from brigade.gateway.capture import Capture, NoCapture
from brigade.gateway.copies import copy_across
from brigade.gateway.forward import forward
from brigade.gateway.inbound import read_inbound
from brigade.gateway.listing import list_buckets
from brigade.gateway.plant import Plant
from brigade.gateway.posting import post_object
from brigade.gateway.relay import Outflow, Sent
from brigade.gateway.server import Server
from brigade.gateway.settings import GatewaySettings
from brigade.gateway.uploads import MemoryUploads, Uploads
from brigade.gateway.upstream import Upstream
from brigade.gateway.visit import Visit
from brigade.telemetry import GatewayCounts
from brigade.wire.operations import LIST_BUCKETS, Touches
from brigade.wire.s3faults import Fault
from brigade.wire.s3requests import parse_copy_source

DRAIN_SECONDS = 30.0
# For whoever has not ended by then to notice that his connection does.
_LAST_SECONDS = 1.0
_STORE_LEFT = "The store where this upload began is no longer behind this gateway."

log = logging.getLogger("brigade.gateway")


class Gateway:
    """Serves S3 requests. `settings` may be changed at any time; requests under way end under the old ones."""

    def __init__(
        self,
        settings: GatewaySettings,
        *,
        clock: Clock,
        capture: Capture,
        uploads: Uploads,
        counts: GatewayCounts | None = None,
        traces: Traces | None = None,
    ) -> None:
        self._traces = traces
        self._clock = clock
        self._counts = counts or GatewayCounts()
        self._capture = capture
        self._uploads = uploads
        self._plant = Plant(settings, clock)
        self._requests = 0
        self._draining = False
        self._idle = asyncio.Event()
        self.address = ("", 0)

    async def update(self, settings: GatewaySettings) -> None:
        """Serve by other settings from now on; where it listens and its limits on heads stay. Raises `ConfigError`."""
        earlier = self._plant
        self._plant = Plant(settings, self._clock, earlier)
        await earlier.retire(self._plant)

    async def drain(self, seconds: float) -> None:
        """Let the requests under way end, and each connection with its request; not longer than so many seconds.

        The server cannot do this: once it is shut down, it throws away what clients still send.
        """
        self._draining = True
        if self._requests:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._idle.wait()

    async def close(self) -> None:
        """Drop the connections to the stores."""
        await self._plant.retire(None)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Serve one request, whatever it is: every failure becomes an answer."""
        plant = self._plant
        account = Account(self._traces.begin(request.headers) if self._traces is not None else None)
        outflow = Outflow(request, plant.settings.limits.idle_timeout_seconds, account)
        began_seconds = self._clock.monotonic_seconds()
        plant.enter()
        self._requests += 1
        self._counts.under_way += 1
        try:
            if self._requests > plant.settings.limits.requests:
                raise Fault("SlowDown")
            return await self._serve(plant, request, outflow, account)
        except Fault as fault:
            return await self._refuse(request, outflow, fault)
        except StoreError as error:
            log.warning("%s %s: %s", request.method, request.path, error)
            return await self._refuse(request, outflow, _fault_of(error))
        except ExceptionGroup as group:
            log.warning("%s %s: %s", request.method, request.path, group.exceptions[0])
            return await self._refuse(request, outflow, Fault("ServiceUnavailable"))
        except ConnectionError:
            outflow.cut()
            return Sent(keep=False, whole=False)
        except Exception:
            log.exception("%s %s failed", request.method, request.path)
            return await self._refuse(request, outflow, Fault("InternalError"))
        finally:
            account.close(self._counts, self._clock.monotonic_seconds() - began_seconds)
            self._counts.under_way -= 1
            self._requests -= 1
            if self._draining:
                request.protocol.close()
                if not self._requests:
                    self._idle.set()
            await plant.leave()

    async def _refuse(self, request: web.BaseRequest, outflow: Outflow, fault: Fault) -> Sent:
        try:
            return await outflow.refuse(fault, request.raw_path.partition("?")[0], secrets.token_hex(8).upper())
        except ConnectionError:
            outflow.cut()
            return Sent(keep=False, whole=False)

    async def _serve(self, plant: Plant, request: web.BaseRequest, outflow: Outflow, account: Account) -> Sent:
        inbound = read_inbound(request.method, request.raw_path, request.raw_headers, plant.domains)
        account.inbound = inbound
        waits = inbound.by_name.get("expect", "").lower() == "100-continue"
        outflow.body_withheld = waits
        begin = outflow.allow_body if waits else _nothing
        inflow = Inflow(request, plant.settings.limits.idle_timeout_seconds, begin)
        account.inflow = inflow
        now_ns = self._clock.now_ns()
        verified = plant.verifier.check(inbound.incoming, now_ns)
        if waits and inbound.size_bytes == 0:
            # The AWS command line asks for an empty body, too, and loses count of its answers if leave does not come.
            outflow.allow_body()
        user = plant.routes.user_of(verified.access_key) if verified is not None else None
        account.user = user
        visit = Visit(
            plant, self._capture, self._clock, inbound, inflow, outflow, verified, user, self._counts, account.trace
        )
        if verified is None:
            if inbound.operation.touches is Touches.FORM:
                return await post_object(visit, now_ns)
            # A browser asks for leave before it signs anything.
            if not plant.settings.anonymous and inbound.method != "OPTIONS":
                raise Fault("AccessDenied")
        if inbound.operation is LIST_BUCKETS:
            return await list_buckets(visit)
        return await self._dispatch(visit)

    async def _dispatch(self, visit: Visit) -> Sent:
        inbound = visit.inbound
        upstream = await self._upstream(visit)
        if inbound.operation.name in ("CopyObject", "UploadPartCopy"):
            source = parse_copy_source(inbound.by_name["x-amz-copy-source"])
            reads = visit.upstream(source.bucket, changes=False)
            if reads is not upstream:
                return await copy_across(visit, source, reads, upstream)
        return await forward(visit, upstream, self._uploads)

    async def _upstream(self, visit: Visit) -> Upstream:
        """The store of a request: that of its upload, or that of its bucket."""
        inbound = visit.inbound
        bucket = inbound.bucket or None
        changes = inbound.method not in READS
        if bucket is not None and "uploadId" in inbound.parameters:
            began = await self._uploads.store_of(bucket, inbound.parameter("uploadId"))
            if began is not None:
                visit.plant.routes.refuse_blocked(visit.user, bucket, changes=changes)
                return visit.plant.upstream(began, Fault("NoSuchUpload", _STORE_LEFT))
        return visit.upstream(bucket, changes=changes)


@asynccontextmanager
async def serve(
    settings: GatewaySettings,
    *,
    clock: Clock,
    capture: Capture | None = None,
    uploads: Uploads | None = None,
    reuse_port: bool = False,
    drain_seconds: float = DRAIN_SECONDS,
    counts: GatewayCounts | None = None,
    traces: Traces | None = None,
) -> AsyncIterator[Gateway]:
    """A gateway that listens while the context is open, and then lets requests under way end within `drain_seconds`.

    `reuse_port` lets several processes share one port. Raises `ConfigError` for routes that lead nowhere and OSError
    where it cannot listen.
    """
    keep_freed_memory()
    gateway = Gateway(
        settings,
        clock=clock,
        capture=capture or NoCapture(),
        uploads=uploads or MemoryUploads(),
        counts=counts,
        traces=traces,
    )
    server = Server(gateway.handle, settings.limits)
    listener = await asyncio.get_running_loop().create_server(
        server, settings.host, settings.port, ssl=settings.ssl, reuse_port=reuse_port or None, backlog=1024
    )
    gateway.address = listener.sockets[0].getsockname()[:2]
    try:
        yield gateway
    finally:
        listener.close()
        await gateway.drain(drain_seconds)
        server.pre_shutdown()
        await server.shutdown(_LAST_SECONDS)
        await gateway.close()


def _fault_of(error: StoreError) -> Fault:
    """What a client is told of a store that failed; never the store's address."""
    if isinstance(error, Throttled):
        return Fault("SlowDown")
    if isinstance(error, Rejected):
        return Fault("InternalError", "The store behind this gateway cannot be reached.")
    return Fault("ServiceUnavailable", "The store behind this gateway does not answer. Please try again.")


def _nothing() -> None:
    """Nobody waits for leave to send."""
