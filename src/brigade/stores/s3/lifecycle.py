"""Letting objects expire by a lifecycle rule of our own, beside whatever rules others have made."""

from __future__ import annotations

from hashlib import md5, sha256

from brigade.errors import Rejected, StoreError
from brigade.stores.http.calls import Answer
from brigade.stores.s3.caller import Caller
from brigade.stores.s3.headers import base64_of
from brigade.wire.s3lifecycle import with_expiry
from brigade.wire.xml import XmlError

_NO_RULES = "NoSuchLifecycleConfiguration"
# Said of the whole configuration: a write that does not repeat it sets it back for everybody's transitions.
_SMALLEST = "x-amz-transition-default-minimum-object-size"


async def expire_under(caller: Caller, prefix: str, days: int) -> None:
    """Have the server delete what lies under `prefix` so many days after it was written. Raises what the store raises."""
    answer = await _read(caller)
    try:
        body = with_expiry(answer.body if answer is not None else None, prefix, days)
    except XmlError as error:
        text = f"the lifecycle rules cannot be read, so none is added: {error}"
        raise Rejected(text, store=caller.store, operation="read_lifecycle") from None
    if body is None:
        return
    headers = [("content-md5", base64_of(md5(body, usedforsecurity=False).hexdigest()))]
    if answer is not None and _SMALLEST in answer.headers:
        headers.append((_SMALLEST, answer.headers[_SMALLEST]))
    await caller.call("write_lifecycle", "PUT", None, "lifecycle=", headers, body, sha256(body).hexdigest())


async def _read(caller: Caller) -> Answer | None:
    """The answer with the configuration; None only where the server's own word is that there is none."""
    try:
        return await caller.call("read_lifecycle", "GET", None, "lifecycle=")
    except StoreError as error:
        if error.code != _NO_RULES:
            raise
        return None
