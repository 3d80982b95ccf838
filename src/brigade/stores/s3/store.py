"""The S3 store: its parts put together, and how it is opened and closed."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from brigade.clock import Clock
from brigade.errors import (
    AccessDenied,
    BucketMissing,
    ListingBroken,
    NotFound,
    Rejected,
    StoreError,
    Unavailable,
    Unsupported,
)
from brigade.stores.http.calls import Answer
from brigade.stores.s3.caller import Caller, payload_hash_of
from brigade.stores.s3.copying import CopyCalls
from brigade.stores.s3.credentials import CredentialSource, credential_source
from brigade.stores.s3.deleting import DeletingCalls
from brigade.stores.s3.emptiness import require_empty
from brigade.stores.s3.listing import ListingCalls
from brigade.stores.s3.opening import (
    FIRST_REGION,
    ClientFactory,
    client_factory,
    first_region,
    identity_of,
    is_aws,
    place_of,
    region_told,
)
from brigade.stores.s3.settings import Addressing, S3Settings, Vendor
from brigade.stores.s3.vendors import recognise
from brigade.wire.s3listing import parse_listing
from brigade.wire.s3time import SECOND_NS, http_date_ns
from brigade.wire.s3xml import build_location, parse_error
from brigade.wire.sigv4 import Signer

if TYPE_CHECKING:
    from brigade.stores.s3.notifications import BucketNotifications

MAX_MOVES = 2
_FIRST_LOOK = "encoding-type=url&list-type=2&max-keys=1"


class S3Store(ListingCalls, DeletingCalls, CopyCalls):
    """One bucket of one S3 endpoint; the promises are those of `brigade.stores.base`."""

    def __init__(
        self,
        settings: S3Settings,
        clock: Clock,
        *,
        source: CredentialSource | None = None,
        connect: ClientFactory | None = None,
    ) -> None:
        super().__init__(settings, clock)
        self._source = source or credential_source(settings, clock)
        self._connect = connect or client_factory(settings)

    @property
    def identity(self) -> str:
        """The same text for the same bucket, however it is named."""
        return identity_of(self.settings)

    async def open(self) -> None:
        """List one key: that proves endpoint, bucket and credentials, and shows the region and the vendor."""
        answer = await self._look()
        if answer.status >= 300:
            raise self.caller.refusal("open", None, answer.status, answer.headers, answer.body)
        try:
            entries = parse_listing(answer.body).entries
        except ListingBroken as error:
            raise Rejected(
                f"the endpoint does not answer as S3 does: {error.message}",
                store=self.name,
                operation="open",
                hint="check the endpoint",
            ) from error
        if self._traits.tells_tag_count:
            await self._settle_tags(entries[0].key if entries else "brigade")
        if self._capabilities.object_lock:
            await self._settle_locks()

    async def _look(self) -> Answer:
        """The first answer from the region where the bucket is; it also settles the vendor."""
        if self._caller is None:
            await self._move_to(await first_region(self.settings))
        answer = await self._first_answer()
        for _ in range(MAX_MOVES):
            said = parse_error(answer.body) if answer.status >= 300 else None
            region = region_told(said.code, answer.status, answer.headers, said.region) if said else None
            if region is None or region == self.caller.signer.region:
                break
            await self._move_to(region)
            answer = await self._first_answer()
        self._measure_clock(answer.headers.get("date", ""))
        if self.settings.vendor is Vendor.AUTO:
            self._settle(Vendor.AWS if is_aws(self.settings.endpoint) else recognise(answer.headers))
            self.caller.signer = Signer(self.caller.signer.region, blanks=self._traits.blanks)
        return answer

    def _measure_clock(self, date: str) -> None:
        """Take the server's clock from an answer's Date, which has whole seconds: half of one is added."""
        server_ns = http_date_ns(date)
        if server_ns:
            self.clock_offset_ns = server_ns + SECOND_NS // 2 - self._clock.now_ns()

    async def _first_answer(self) -> Answer:
        try:
            return await self.caller.ask("open", "GET", None, _FIRST_LOOK)
        except Unavailable as error:
            untrusted = "certificate" in error.message.lower()
            mend = (
                "set ca_bundle to the authority that signed it" if untrusted else "check the endpoint and the network"
            )
            error.hint = error.hint or mend
            raise

    async def _move_to(self, region: str) -> None:
        """Take up a region: another signer, and where it has another address, another client."""
        place = place_of(self.settings, region)
        old = self._caller
        client = old.client if old is not None and old.place.origin == place.origin else self._connect(place.origin)
        self._caller = Caller(
            self.name,
            client,
            place,
            Signer(region, blanks=self._traits.blanks),
            self._source,
            self._clock,
            requester_pays=self.settings.requester_pays,
        )
        if old is not None and old.client is not client:
            await old.client.close()

    async def _settle_tags(self, key: str) -> None:
        """See whether these credentials may read tags: an object without a tag count has no tags only if they may."""
        try:
            await self.read_tags(key)
        except NotFound:
            self._sees_tags = True
        except (AccessDenied, Unsupported):
            self._sees_tags = False
        else:
            self._sees_tags = True

    async def _settle_locks(self) -> None:
        """See whether the bucket keeps locks: one that was made without refuses every write that has one."""
        if (await self.caller.ask("open", "GET", None, "object-lock=")).status == 404:
            self._capabilities = replace(self._capabilities, object_lock=False)

    async def create_bucket(self) -> None:
        """Make the bucket; fine if it is there and ours."""
        if self._caller is None:
            await self._move_to(await first_region(self.settings))
        region = self.caller.signer.region
        wants_location = self.settings.endpoint is None and region != FIRST_REGION
        try:
            await self._create(region if wants_location else None)
        except StoreError as error:
            if "LocationConstraint" in error.code and not wants_location:
                await self._create(region)
            elif error.code == "BucketAlreadyExists":
                await self.caller.call("create_bucket", "GET", None, _FIRST_LOOK)
            elif error.code != "BucketAlreadyOwnedByYou":
                raise

    async def _create(self, region: str | None) -> None:
        body = build_location(region) if region is not None else None
        await self.caller.call("create_bucket", "PUT", None, body=body, payload_hash=payload_hash_of(body))

    async def delete_bucket(self) -> None:
        """Remove the bucket if nothing is in it, no version either; fine if it is not there."""
        if self._caller is None:
            await self._move_to(await first_region(self.settings))
        with suppress(BucketMissing):
            await require_empty(self.caller)
            await self.caller.call("delete_bucket", "DELETE", None)

    async def expire_under(self, prefix: str, days: int) -> None:
        """See `brigade.stores.base.Expiring`; the store is open."""
        from brigade.stores.s3.lifecycle import expire_under

        await expire_under(self.caller, prefix, days)

    def notifications(self) -> BucketNotifications:
        """The notification settings of the bucket, once the store is open."""
        from brigade.stores.s3.notifications import BucketNotifications

        return BucketNotifications(self)

    def service_caller(self, service: str) -> Caller:
        """Calls another service at the root of the same endpoint, over the same connections: Ceph's topics."""
        place = place_of(replace(self.settings, addressing=Addressing.PATH), self.caller.signer.region)
        root = place.bucket_path.rsplit("/", 1)[0] + "/"
        place = place._replace(bucket_path=root, key_prefix=root)
        signer = Signer(self.caller.signer.region, service, self._traits.blanks)
        return Caller(self.name, self.caller.client, place, signer, self._source, self._clock)

    async def close(self) -> None:
        """Close the connections; may be called twice."""
        caller, self._caller = self._caller, None
        if caller is not None:
            await caller.client.close()
