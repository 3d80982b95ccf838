"""One container of OpenStack Swift by its own API; the promises are those of `brigade.stores.base`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

from brigade.clock import Clock
from brigade.errors import Rejected, StoreError, Unavailable
from brigade.objects import Grant
from brigade.stores.http.calls import Answer
from brigade.stores.swift.caller import Caller, account_path_of, origin_of
from brigade.stores.swift.container import identity_of
from brigade.stores.swift.copying import CopyCalls
from brigade.stores.swift.listing import ListingCalls
from brigade.stores.swift.settings import SwiftSettings
from brigade.stores.swift.tokens import ClientFactory, TokenSource, client_factory, token_source
from brigade.wire.s3time import SECOND_NS, http_date_ns
from brigade.wire.swift import Limits, parse_limits


class SwiftStore(ListingCalls, CopyCalls):
    """One container of one account."""

    def __init__(
        self,
        settings: SwiftSettings,
        clock: Clock,
        *,
        tokens: TokenSource | None = None,
        connect: ClientFactory | None = None,
    ) -> None:
        super().__init__(settings, clock)
        self._connect = connect or client_factory(settings)
        self._tokens = tokens or token_source(settings, clock, self._connect)

    @property
    def identity(self) -> str:
        """The same text for the same container."""
        return identity_of(self.settings)

    async def open(self) -> None:
        """Look at the container: that proves URL, token and name; then ask what the cluster allows."""
        caller = await self._connected()
        answer = await self._first_look(caller)
        self._policy = answer.headers.get("x-storage-policy") or self._policy
        self._measure_clock(answer.headers.get("date", ""))
        self._settle(await limits_of(caller))
        segments = await caller.ask("open", None, "HEAD", self._segment_path(None, "open"))
        self._has_segments = segments.status < 300 and segments.headers.get("x-container-object-count") != "0"

    async def _first_look(self, caller: Caller) -> Answer:
        try:
            return await caller.call("open", None, "HEAD", self._path(None, "open"))
        except Unavailable as error:
            error.hint = error.hint or "check auth_url, storage_url and the network"
            raise

    async def _connected(self) -> Caller:
        if self._caller is None:
            self._caller = await connected(self.name, self.settings, self._tokens, self._connect, self._clock)
        return self._caller

    def _measure_clock(self, date: str) -> None:
        """Take the server's clock from an answer's Date, which has whole seconds: half of one is added."""
        server_ns = http_date_ns(date)
        if server_ns:
            self.clock_offset_ns = server_ns + SECOND_NS // 2 - self._clock.now_ns()

    async def create_bucket(self) -> None:
        """Make the container; fine if it is there."""
        caller = await self._connected()
        path = self._path(None, "create_bucket")
        if (await caller.ask("create_bucket", None, "HEAD", path)).status < 300:
            return
        policy = self.settings.storage_policy
        await caller.call("create_bucket", None, "PUT", path, [("x-storage-policy", policy)] if policy else [])

    async def delete_bucket(self) -> None:
        """Remove the container if nothing is in it, and the one for segments if that is empty too."""
        caller = await self._connected()
        answer = await caller.ask("delete_bucket", None, "DELETE", self._path(None, "delete_bucket"))
        if answer.status == 409:
            raise Rejected("the container is not empty", store=self.name, operation="delete_bucket", status=409)
        if answer.status >= 300 and answer.status != 404:
            raise caller.refusal("delete_bucket", None, answer)
        with suppress(StoreError):
            await caller.ask("delete_bucket", None, "DELETE", self._segment_path(None, "delete_bucket"))

    async def container_metadata(self) -> dict[str, str]:
        """The metadata of the container, names in lower case."""
        answer = await self.caller.call("container_metadata", None, "HEAD", self._path(None, "container_metadata"))
        return _metadata(answer.headers, "x-container-meta-")

    async def account_metadata(self) -> dict[str, str]:
        """The metadata of the account, names in lower case."""
        answer = await self.caller.call("account_metadata", None, "HEAD", self.caller.account_path)
        return _metadata(answer.headers, "x-account-meta-")

    async def read_tags(self, key: str, *, version_id: str | None = None) -> dict[str, str]:  # noqa: ARG002
        """Swift has none."""
        raise self._lacks("tags", "read_tags", key)

    async def write_tags(self, key: str, tags: Mapping[str, str]) -> None:  # noqa: ARG002
        """Swift has none."""
        raise self._lacks("tags", "write_tags", key)

    async def read_acl(self, key: str) -> tuple[Grant, ...]:
        """Swift has ACLs of containers only."""
        raise self._lacks("ACL of single objects", "read_acl", key)

    async def write_acl(self, key: str, acl: Sequence[Grant]) -> None:  # noqa: ARG002
        """Swift has ACLs of containers only."""
        raise self._lacks("ACL of single objects", "write_acl", key)

    async def close(self) -> None:
        """Close the connections; may be called twice."""
        caller, self._caller = self._caller, None
        if caller is not None:
            await caller.client.close()


async def connected(
    store: str, settings: SwiftSettings, tokens: TokenSource, connect: ClientFactory, clock: Clock
) -> Caller:
    """A caller of the account that the log-in names."""
    token = await tokens.get()
    path = account_path_of(token.storage_url, settings.account)
    return Caller(store, connect(origin_of(token.storage_url)), path, tokens, clock)


async def limits_of(caller: Caller) -> Limits:
    """What `/info` tells; Swift's own values where the cluster does not show it."""
    root = caller.account_path.partition("/v1")[0]
    answer = await caller.ask("open", None, "GET", f"{root}/info")
    if answer.status >= 300:
        return Limits()
    try:
        return parse_limits(answer.body)
    except ValueError:
        return Limits()


def _metadata(headers: Mapping[str, str], prefix: str) -> dict[str, str]:
    return {name.removeprefix(prefix): value for name, value in headers.items() if name.startswith(prefix)}
