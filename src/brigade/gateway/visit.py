"""One request while it is served, and what every way of serving it shares: noting changes, sending on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from brigade.clock import Clock
from brigade.errors import BrigadeError
from brigade.gateway.account import RequestTrace
from brigade.gateway.bodies import Inflow
from brigade.gateway.capture import Capture, Fate, Touched
from brigade.gateway.inbound import Inbound
from brigade.gateway.noting import Note
from brigade.gateway.plant import Plant
from brigade.gateway.relay import Outflow
from brigade.gateway.settings import User
from brigade.gateway.upstream import Upstream
from brigade.telemetry import GatewayCounts
from brigade.wire.s3faults import Fault
from brigade.wire.sigv4 import timestamp
from brigade.wire.verify import Verified

log = logging.getLogger("brigade.gateway")

_FATES = {"CreateBucket": Fate.MADE, "DeleteBucket": Fate.DELETED}


@dataclass(slots=True)
class Visit:
    """A request whose signature was checked. `user` and `verified` are None for the anonymous."""

    plant: Plant
    capture: Capture
    clock: Clock
    inbound: Inbound
    inflow: Inflow
    outflow: Outflow
    verified: Verified | None
    user: User | None
    counts: GatewayCounts
    trace: RequestTrace | None = None

    @property
    def signed(self) -> bool:
        """Whether the store's own credentials may be used: never for the anonymous."""
        return self.verified is not None

    def now_iso(self) -> str:
        """The moment as S3's documents write it."""
        stamp = timestamp(self.clock.now_ns())
        return f"{stamp[:4]}-{stamp[4:6]}-{stamp[6:11]}:{stamp[11:13]}:{stamp[13:15]}.000Z"

    def upstream(self, bucket: str | None, *, changes: bool) -> Upstream:
        """The store that serves a bucket, for None that of all others. Raises `Fault`."""
        store = self.plant.routes.find(self.user, bucket, changes=changes)
        return self.plant.upstream(store, Fault("ServiceUnavailable", "The store of this bucket is not there."))

    async def intend(self, store: str, bucket: str, keys: Sequence[str]) -> object | None:
        """Note that keys may change, or without keys the bucket. The store is the one that will serve the request.

        Raises `Fault` if that fails, unless the settings let writes through unnoted.
        """
        settings = self.plant.settings
        # What nobody signed makes and deletes no bucket, and should cost the state nothing.
        fate = _FATES.get(self.inbound.operation.name, Fate.NONE) if self.signed else Fate.NONE
        try:
            async with asyncio.timeout(settings.limits.capture_timeout_seconds):
                token = await self.capture.intend(Touched(store, bucket, keys, fate))
        except (BrigadeError, TimeoutError) as error:
            self.counts.note_failures["note"] += 1
            if settings.best_effort:
                log.warning("a change of bucket %r goes on unnoted, only the next reconcile sees it: %s", bucket, error)
                return None
            log.warning("a write to bucket %r is refused, its change could not be noted: %s", bucket, error)
            raise Fault("ServiceUnavailable", "The change could not be recorded. Please try again.") from error
        if token is not None:
            self.counts.noted += 1
            if self.trace is not None and isinstance(token, Note):
                self.trace.noted(token.keys)
        return token

    async def answered(self, token: object | None, status: int) -> None:
        """The store has answered, and the client does not know yet. Raises as `intend` does."""
        if token is None:
            return
        settings = self.plant.settings
        try:
            async with asyncio.timeout(settings.limits.capture_timeout_seconds):
                await self.capture.answered(token, status)
        except (BrigadeError, TimeoutError) as error:
            self.counts.note_failures["note"] += 1
            log.warning("a change of bucket %r could not be noted: %s", self.inbound.bucket, error)
            if not settings.best_effort:
                raise Fault("ServiceUnavailable", "The change could not be recorded. Please try again.") from error

    async def settle(self, token: object | None) -> None:
        """The store has answered in full. If this fails, the hold of the note runs out instead."""
        if token is None:
            return
        try:
            await self.capture.settle(token)
        except BrigadeError as error:
            self.counts.note_failures["settle"] += 1
            log.warning("a change could not be settled, it follows when its hold ends: %s", error)
