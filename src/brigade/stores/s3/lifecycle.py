"""Letting objects expire by a lifecycle rule of our own, beside whatever rules others have made."""

from __future__ import annotations

from hashlib import md5, sha256

from brigade.errors import NotFound, Rejected
from brigade.stores.s3.caller import Caller
from brigade.stores.s3.headers import base64_of
from brigade.wire.s3lifecycle import with_expiry
from brigade.wire.xml import XmlError


async def expire_under(caller: Caller, prefix: str, days: int) -> None:
    """Have the server delete what lies under `prefix` so many days after it was written. Raises what the store raises."""
    try:
        document = (await caller.call("read_lifecycle", "GET", None, "lifecycle=")).body
    except NotFound:
        document = None  # NoSuchLifecycleConfiguration; a missing bucket is another error
    try:
        body = with_expiry(document, prefix, days)
    except XmlError as error:
        text = f"the lifecycle rules cannot be read, so none is added: {error}"
        raise Rejected(text, store=caller.store, operation="read_lifecycle") from None
    if body is None:
        return
    headers = [("content-md5", base64_of(md5(body, usedforsecurity=False).hexdigest()))]
    await caller.call("write_lifecycle", "PUT", None, "lifecycle=", headers, body, sha256(body).hexdigest())
