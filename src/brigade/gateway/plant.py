"""What serves requests under one set of settings. New settings make a new plant; the old one ends with its last request."""

from __future__ import annotations

from brigade.clock import Clock
from brigade.gateway.routing import Routes
from brigade.gateway.settings import GatewaySettings
from brigade.gateway.upstream import Upstream
from brigade.wire.s3faults import Fault
from brigade.wire.verify import Verifier


class Plant:
    """Routes, verifier and stores of some settings. `earlier` hands over the connections to stores that stay."""

    def __init__(self, settings: GatewaySettings, clock: Clock, earlier: Plant | None = None) -> None:
        self.settings = settings
        self.routes = Routes(settings)
        self.verifier = Verifier(self.routes.key, region=settings.region, allow_v2=settings.allow_sigv2)
        self.domains = tuple(domain.lower().strip(".") for domain in settings.domains)
        known = {upstream.target: upstream for upstream in earlier.upstreams.values()} if earlier is not None else {}
        self.upstreams: dict[str, Upstream] = {
            store.name: known.get(store) or Upstream(store, clock) for store in settings.stores
        }
        self._requests = 0

    def upstream(self, store: str, absent: Fault) -> Upstream:
        """The store of that name. Raises `absent` where it is not there any more."""
        found = self.upstreams.get(store)
        if found is None:
            raise absent
        return found

    def enter(self) -> None:
        """A request begins."""
        if not self._requests:
            for upstream in self.upstreams.values():
                upstream.holders += 1
        self._requests += 1

    async def leave(self) -> None:
        """A request has ended."""
        self._requests -= 1
        if not self._requests:
            for upstream in self.upstreams.values():
                upstream.holders -= 1
                await _let_go(upstream)

    async def retire(self, later: Plant | None) -> None:
        """Close the stores that `later` does not take over, as soon as no request of any plant needs them."""
        stay = set(map(id, later.upstreams.values())) if later is not None else set()
        for upstream in self.upstreams.values():
            if id(upstream) not in stay:
                upstream.is_leaving = True
                await _let_go(upstream)


async def _let_go(upstream: Upstream) -> None:
    if upstream.is_leaving and not upstream.holders:
        upstream.is_leaving = False
        await upstream.close()
