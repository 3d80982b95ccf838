"""The containers of an account: what `store:*` stands for."""

from __future__ import annotations

from brigade.clock import Clock
from brigade.errors import AccessDenied, BucketMissing, Rejected
from brigade.stores.azure.opening import ClientFactory, open_caller
from brigade.stores.azure.settings import AzureSettings
from brigade.wire.azurexml import parse_containers
from brigade.wire.xml import XmlError

_PAGE = "1000"
_FIRST_LOOK = (("restype", "container"), ("comp", "list"), ("maxresults", "1"))


async def list_containers(settings: AzureSettings, clock: Clock, *, connect: ClientFactory | None = None) -> list[str]:
    """The names of all containers, sorted. The container in `settings` plays no part. Raises `StoreError`."""
    store = f"{settings.name}:*"
    caller = open_caller(settings, clock, store=store, connect=connect)
    names: list[str] = []
    marker: str | None = ""
    try:
        while marker is not None:
            query = [("comp", "list"), ("maxresults", _PAGE)] + ([("marker", marker)] if marker else [])
            answer = await caller.call("list_buckets", "GET", None, query, path=caller.place.account_path)
            try:
                page = parse_containers(answer.body)
            except XmlError as error:
                text = f"the list of containers cannot be read: {error}"
                raise Rejected(text, store=store, operation="list_buckets") from None
            names += page.names
            marker = page.marker
    finally:
        await caller.client.close()
    return sorted(names)


async def has_container(settings: AzureSettings, clock: Clock, *, connect: ClientFactory | None = None) -> bool:
    """True if the account has the container in `settings` and lets us look at it. Raises `StoreError` if it does not say."""
    caller = open_caller(settings, clock, store=settings.name, connect=connect)
    try:
        # Its properties would tell too, but a SAS of the container may not ask for them.
        await caller.call("head_bucket", "GET", None, _FIRST_LOOK)
    except (BucketMissing, AccessDenied):
        return False
    finally:
        await caller.client.close()
    return True
