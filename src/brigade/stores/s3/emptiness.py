"""Making sure that a bucket is empty before it is removed."""

from __future__ import annotations

from brigade.errors import ListingBroken, Rejected
from brigade.stores.s3.caller import Caller
from brigade.wire.xml import XmlError, parse

_ONE_VERSION = "max-keys=1&versions="
_ONE_OBJECT = "list-type=2&max-keys=1"
_LISTINGS = ("ListVersionsResult", "ListBucketResult")
_CONTENT = ("Contents", "Version", "DeleteMarker")


async def require_empty(caller: Caller) -> None:
    """Raise `Rejected` if the bucket holds an object, a version or the mark of a deletion, and what a listing raises.

    S3 refuses to remove such a bucket; some servers (SeaweedFS as it comes) would remove it with all it holds.
    """
    for query in (_ONE_VERSION, _ONE_OBJECT):
        answer = await caller.ask("delete_bucket", "GET", None, query)
        if answer.status == 501 and query is _ONE_VERSION:
            continue
        if answer.status >= 300:
            raise caller.refusal("delete_bucket", None, *answer)
        try:
            document = parse(answer.body)
        except XmlError as error:
            raise ListingBroken(str(error), store=caller.store, operation="delete_bucket") from error
        if document.name not in _LISTINGS:
            raise ListingBroken(f"it is a {document.name}", store=caller.store, operation="delete_bucket")
        if any(document.all(name) for name in _CONTENT):
            raise Rejected(
                "the bucket is not empty",
                store=caller.store,
                operation="delete_bucket",
                code="BucketNotEmpty",
                status=409,
            )
