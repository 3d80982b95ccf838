"""The store of Google Cloud Storage, put together from its parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

from brigade.clock import Clock
from brigade.errors import BucketMissing, Rejected, StoreError, Unavailable
from brigade.objects import Grant
from brigade.stores.gcs.buckets import project_of
from brigade.stores.gcs.caller import Caller, Resource
from brigade.stores.gcs.credentials import TokenSource, token_source
from brigade.stores.gcs.multipart import MultipartCalls
from brigade.stores.gcs.opening import ClientFactory, client_factory, identity_of, origin_of
from brigade.stores.gcs.settings import GcsSettings
from brigade.wire.s3time import SECOND_NS, http_date_ns

_FIRST_LOOK = [("maxResults", "1"), ("fields", "items(name),nextPageToken")]


class GcsStore(MultipartCalls):
    """One bucket of Google Cloud Storage; the promises are those of `brigade.stores.base`."""

    def __init__(
        self,
        settings: GcsSettings,
        clock: Clock,
        *,
        source: TokenSource | None = None,
        connect: ClientFactory | None = None,
    ) -> None:
        super().__init__(settings, clock)
        self._source = source or token_source(settings, clock)
        self._connect = connect or client_factory(settings)

    @property
    def identity(self) -> str:
        """The same text for the same bucket, however it is named."""
        return identity_of(self.settings)

    async def open(self) -> None:
        """List one key: that proves endpoint, bucket and credentials."""
        caller = self._connected()
        try:
            answer = await caller.ask("open", None, "GET", caller.objects, _FIRST_LOOK)
        except Unavailable as error:
            error.hint = error.hint or "check the endpoint and the network"
            raise
        if answer.status >= 300:
            raise await caller.refusal("open", None, *answer)
        server_ns = http_date_ns(answer.headers.get("date", ""))
        if server_ns:
            # The header has whole seconds: half of one is added.
            self.clock_offset_ns = server_ns + SECOND_NS // 2 - self._clock.now_ns()

    def _connected(self) -> Caller:
        if self._caller is None:
            client = self._connect(origin_of(self.settings))
            self._caller = Caller(self.name, client, self._source, self.settings)
        return self._caller

    async def part_sizes(self, key: str, *, etag: str) -> list[int] | None:  # noqa: ARG002 (Google keeps no parts)
        """None: the components of a composite object are not told."""
        return None

    async def read_tags(self, key: str, *, version_id: str | None = None) -> dict[str, str]:  # noqa: ARG002
        """Raises `Unsupported`."""
        raise self.lacks("tags on objects", "read_tags", key)

    async def write_tags(self, key: str, tags: Mapping[str, str]) -> None:  # noqa: ARG002
        """Raises `Unsupported`."""
        raise self.lacks("tags on objects", "write_tags", key)

    async def read_acl(self, key: str) -> tuple[Grant, ...]:
        """Raises `Unsupported`."""
        raise self.lacks("access control lists like those of S3", "read_acl", key)

    async def write_acl(self, key: str, acl: Sequence[Grant]) -> None:  # noqa: ARG002
        """Raises `Unsupported`."""
        raise self.lacks("access control lists like those of S3", "write_acl", key)

    async def create_bucket(self) -> None:
        """Make the bucket; fine if it is there and ours."""
        caller = self._connected()
        settings = self.settings
        document: Resource = {"name": settings.bucket}
        if settings.location is not None:
            document["location"] = settings.location
        if settings.storage_class is not None:
            document["storageClass"] = settings.storage_class
        query = [("project", await project_of(settings, caller))]
        try:
            await caller.call("create_bucket", None, "POST", caller.buckets, query, document=document)
        except StoreError as error:
            if error.status != 409 or not await caller.has_bucket():
                raise

    async def delete_bucket(self) -> None:
        """Remove the bucket if nothing is in it, no older generation either; fine if it is not there."""
        caller = self._connected()
        with suppress(BucketMissing):
            query = [("maxResults", "1"), ("versions", "true"), ("fields", "items(name)")]
            page = await caller.call("delete_bucket", None, "GET", caller.objects, query)
            if page.get("items"):
                raise Rejected("the bucket is not empty", store=self.name, operation="delete_bucket")
            await caller.call("delete_bucket", None, "DELETE", caller.bucket)

    async def close(self) -> None:
        """Close the connections; may be called twice."""
        caller, self._caller = self._caller, None
        if caller is not None:
            await caller.client.close()
