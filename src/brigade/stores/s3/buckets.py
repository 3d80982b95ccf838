"""The buckets that a pair of keys owns: what `store:*` stands for."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from brigade.clock import Clock
from brigade.errors import Rejected
from brigade.stores.s3.caller import Caller
from brigade.stores.s3.credentials import credential_source
from brigade.stores.s3.opening import ClientFactory, client_factory, first_region, place_of, region_told
from brigade.stores.s3.settings import Addressing, S3Settings
from brigade.wire.encoding import encode_value
from brigade.wire.s3xml import parse_error
from brigade.wire.sigv4 import Signer
from brigade.wire.xml import XmlError, parse

# AWS answers in pages only when asked to, and refuses accounts of more than ten thousand buckets otherwise.
_PAGE = 1000


class _Page(NamedTuple):
    names: list[str]
    cursor: str | None


async def list_buckets(settings: S3Settings, clock: Clock) -> list[str]:
    """The names of all buckets, sorted. The bucket in `settings` plays no part. Raises `StoreError`."""
    settings = replace(settings, addressing=Addressing.PATH)
    place = place_of(settings, await first_region(settings))
    root = place.bucket_path.rsplit("/", 1)[0] + "/"
    place = place._replace(bucket_path=root, key_prefix=root)
    source = credential_source(settings, clock)
    client = client_factory(settings)(place.origin)
    try:
        signer = Signer(await first_region(settings))
        caller = Caller(f"{settings.name}:*", client, place, signer, source, clock)
        return await _all_names(caller)
    finally:
        await client.close()


async def has_bucket(settings: S3Settings, clock: Clock, *, connect: ClientFactory | None = None) -> bool:
    """True if the server has the bucket in `settings` and lets us look at it. Raises `StoreError` if it does not say."""
    settings = replace(settings, addressing=Addressing.PATH)
    region = await first_region(settings)
    place = place_of(settings, region)
    client = (connect or client_factory(settings))(place.origin)
    try:
        caller = Caller(settings.name, client, place, Signer(region), credential_source(settings, clock), clock)
        answer = await caller.ask("head_bucket", "HEAD", None)
        if answer.status < 300 or region_told("", answer.status, answer.headers, None) not in (None, region):
            return True
        # What is refused belongs to others, or to nobody: it is no bucket of this pair of keys.
        if answer.status in (400, 403, 404):
            return False
        raise caller.refusal("head_bucket", None, *answer)
    finally:
        await client.close()


async def _all_names(caller: Caller) -> list[str]:
    names: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await _page(caller, cursor)
        names += page.names
        cursor = page.cursor
    return sorted(names)


async def _page(caller: Caller, cursor: str) -> _Page:
    query = f"continuation-token={encode_value(cursor)}&max-buckets={_PAGE}" if cursor else f"max-buckets={_PAGE}"
    answer = await caller.ask("list_buckets", "GET", None, query)
    if answer.status >= 300:
        said = parse_error(answer.body)
        region = region_told(said.code, answer.status, answer.headers, said.region)
        if region is None or region == caller.signer.region:
            raise caller.refusal("list_buckets", None, answer.status, answer.headers, answer.body)
        caller.signer = Signer(region)
        answer = await caller.call("list_buckets", "GET", None, query)
    try:
        document = parse(answer.body)
        if document.name != "ListAllMyBucketsResult":
            raise XmlError(f"it is a {document.name}")
        buckets = document.child("Buckets")
        names = [bucket.text_of("Name") for bucket in buckets.all("Bucket")] if buckets else []
        return _Page([name for name in names if name], document.text_of("ContinuationToken") or None)
    except XmlError as error:
        raise Rejected(
            f"the list of buckets cannot be read: {error}", store=caller.store, operation="list_buckets"
        ) from None
