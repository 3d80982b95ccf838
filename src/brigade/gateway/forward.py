"""The common way: a request goes to its store as it came, and the store's answer to the client."""

from __future__ import annotations

from brigade.gateway.inbound import Inbound
from brigade.gateway.intake import take_in
from brigade.gateway.relay import Sent
from brigade.gateway.uploads import Uploads
from brigade.gateway.upstream import Outbound, Upstream, without_signature
from brigade.gateway.visit import Visit
from brigade.stores.http.base import HttpResponse
from brigade.wire.operations import Touches
from brigade.wire.s3faults import Fault
from brigade.wire.s3requests import MAX_DELETE_BYTES, parse_delete
from brigade.wire.s3xml import parse_upload_id
from brigade.wire.xml import XmlError

_ENDS_UPLOAD = ("CompleteMultipartUpload", "AbortMultipartUpload")


async def forward(visit: Visit, upstream: Upstream, uploads: Uploads) -> Sent:
    """Send a request on and pass its answer back."""
    inbound = visit.inbound
    touches = inbound.operation.touches
    intake = await take_in(
        inbound,
        visit.verified,
        visit.inflow,
        trailers=upstream.target.trailers,
        hold_bytes=visit.plant.settings.limits.buffer_bytes,
        whole_bytes=MAX_DELETE_BYTES if touches is Touches.LISTED else None,
    )
    token: object | None = None
    if touches is not Touches.NOTHING:
        token = await visit.intend(upstream.name, inbound.bucket, touched_keys(inbound, intake.body))
    outbound = Outbound(
        inbound.method,
        inbound.upstream_path,
        without_signature(inbound.query),
        intake.headers,
        intake.body,
        intake.payload_hash,
        signed=visit.signed,
    )
    async with await upstream.send(outbound) as response:
        if inbound.operation.name == "CreateMultipartUpload" and response.status == 200:
            await _remember(inbound, upstream, uploads, response)
        await visit.answered(token, response.status)
        sent = await visit.outflow.relay(response)
    if sent.whole:
        await visit.settle(token)
    if inbound.operation.name in _ENDS_UPLOAD and response.status in (200, 204):
        await uploads.ended(inbound.bucket, inbound.parameter("uploadId"))
    return sent


def touched_keys(inbound: Inbound, body: object) -> list[str]:
    """The keys that a request may change; none for the bucket itself. Raises `Fault` for a list that is none."""
    if inbound.operation.touches is Touches.KEY:
        return [inbound.key]
    if inbound.operation.touches is Touches.LISTED:
        return parse_delete(body if isinstance(body, bytes) else b"")
    return []


async def _remember(inbound: Inbound, upstream: Upstream, uploads: Uploads, response: HttpResponse) -> None:
    """Note where an upload begins. The answer stays readable: `read` keeps what it has read."""
    try:
        upload_id = parse_upload_id(await response.read())
    except XmlError as error:
        raise Fault("InternalError", "The store's answer names no upload.") from error
    await uploads.began(inbound.bucket, upload_id, upstream.name)
