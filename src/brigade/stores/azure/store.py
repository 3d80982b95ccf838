"""The Azure store: its parts put together, and how it is opened and closed."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from brigade.clock import Clock
from brigade.errors import AccessDenied, BucketMissing, NotFound, Rejected, StoreError, Unavailable, Unsupported
from brigade.stores.azure.caller import Caller
from brigade.stores.azure.copying import CopyCalls
from brigade.stores.azure.credentials import Authority
from brigade.stores.azure.deleting import DeletingCalls
from brigade.stores.azure.opening import ClientFactory, identity_of, open_caller
from brigade.stores.azure.settings import AzureSettings
from brigade.stores.http.calls import Answer
from brigade.wire.azurelisting import parse_blobs
from brigade.wire.s3time import SECOND_NS, http_date_ns

_CONTAINER = ("restype", "container")
# General purpose v1 and premium block blobs.
_KINDS_WITHOUT_TIERS = ("Storage", "BlockBlobStorage")
_FIRST_LOOK = (_CONTAINER, ("comp", "list"), ("maxresults", "1"))


class AzureStore(DeletingCalls, CopyCalls):
    """One container of one storage account; the promises are those of `brigade.stores.base`."""

    def __init__(
        self,
        settings: AzureSettings,
        clock: Clock,
        *,
        authority: Authority | None = None,
        connect: ClientFactory | None = None,
    ) -> None:
        super().__init__(settings, clock)
        self._authority = authority
        self._connect = connect
        self._ended = {}

    @property
    def identity(self) -> str:
        """The same text for the same container, however it is named."""
        return identity_of(self.settings)

    async def open(self) -> None:
        """List one blob: that proves endpoint, container and credentials; then see what the account can do."""
        self._take_up()
        answer = await self._first_answer()
        with self._placing("open", None):
            page = parse_blobs(answer.body)
        server_ns = http_date_ns(answer.headers.get("date", ""))
        if server_ns:
            # The Date has whole seconds: half of one is added.
            self.clock_offset_ns = server_ns + SECOND_NS // 2 - self._clock.now_ns()
        await self._look_at_account()
        if self._capabilities.tags:
            self._sees_tags = await self._may_read_tags(page.entries[0].key if page.entries else "brigade")

    def _take_up(self) -> Caller:
        if self._caller is None:
            self._caller = open_caller(
                self.settings, self._clock, store=self.name, authority=self._authority, connect=self._connect
            )
        return self._caller

    async def _first_answer(self) -> Answer:
        try:
            return await self.caller.call("open", "GET", None, _FIRST_LOOK)
        except Unavailable as error:
            untrusted = "certificate" in error.message.lower()
            mend = (
                "set ca_bundle to the authority that signed it" if untrusted else "check account, endpoint and network"
            )
            error.hint = error.hint or mend
            raise

    async def _look_at_account(self) -> None:
        """Take up what the account says of itself; not all credentials may ask, and most accounts are flat and have tiers."""
        query = [("restype", "account"), ("comp", "properties")]
        said: Mapping[str, str] = {}
        with suppress(AccessDenied, Rejected, Unsupported):
            said = (await self.caller.call("open", "HEAD", None, query)).headers
        hierarchical = self.settings.hierarchical
        if hierarchical is None:
            hierarchical = said.get("x-ms-is-hns-enabled", "").lower() == "true"
        self._settle(hierarchical=hierarchical, tiers=said.get("x-ms-account-kind") not in _KINDS_WITHOUT_TIERS)

    async def _may_read_tags(self, key: str) -> bool:
        """Whether these credentials may read tags: a blob without a tag count has no tags only if they may."""
        try:
            await self.read_tags(key)
        except NotFound:
            return True
        except (AccessDenied, Unsupported, Rejected):
            return False
        return True

    async def create_bucket(self) -> None:
        """Make the container; fine if it is there."""
        try:
            await self._take_up().call("create_bucket", "PUT", None, [_CONTAINER])
        except StoreError as error:
            if error.code != "ContainerAlreadyExists":
                raise

    async def delete_bucket(self) -> None:
        """Remove the container if nothing is in it, no snapshot, version or deleted blob either; fine if it is not there.

        Azure would remove it with all that it holds.
        """
        caller = self._take_up()
        with suppress(BucketMissing):
            answer = await self._look_for_anything(caller)
            with self._placing("delete_bucket", None):
                page = parse_blobs(answer.body)
            if page.entries or page.marker is not None:
                raise Rejected(
                    "the container is not empty", store=self.name, operation="delete_bucket", code="ContainerNotEmpty"
                )
            await caller.call("delete_bucket", "DELETE", None, [_CONTAINER])

    async def _look_for_anything(self, caller: Caller) -> Answer:
        """A listing of one thing, whatever it is. An account without versions may refuse to be asked for them."""
        query = [*_FIRST_LOOK, ("include", "snapshots,versions,deleted")]
        answer = await caller.ask("delete_bucket", "GET", None, query)
        if answer.status == 400:
            query[-1] = ("include", "snapshots,deleted")
            return await caller.call("delete_bucket", "GET", None, query)
        if answer.status >= 300:
            raise caller.refusal("delete_bucket", None, *answer)
        return answer

    async def close(self) -> None:
        """Close the connections; may be called twice."""
        caller, self._caller = self._caller, None
        if caller is not None:
            await caller.client.close()
