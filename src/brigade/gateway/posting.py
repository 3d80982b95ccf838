"""Uploads from a browser's form: the policy is checked, and the form goes on with a policy of the store's own key.

The file itself passes as it comes: everything after the fields is sent on byte for byte.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

from brigade.gateway.bodies import Inflow
from brigade.gateway.relay import Sent
from brigade.gateway.upstream import Outbound, Upstream, without_signature
from brigade.gateway.visit import Visit
from brigade.wire.formdata import Form, FormPart, FormReader, boundary_of
from brigade.wire.postpolicy import SizeLimits, check_policy, object_key, sign_form
from brigade.wire.s3faults import Fault


class _FormBody:
    """The new fields, then the rest of the form as it comes; the size of the file is checked before the last piece."""

    replayable = False

    def __init__(
        self, head: bytes, form: Form, inflow: Inflow, left_bytes: int, boundary: bytes, limits: SizeLimits
    ) -> None:
        self.size_bytes = len(head) + len(form.rest) + left_bytes
        self._head = head
        self._rest = form.rest
        self._inflow = inflow
        self._left_bytes = left_bytes
        self._delimiter = b"\r\n--" + boundary
        self._limits = limits
        self._file_bytes = 0
        self._tail = b""
        self._ended = False

    async def chunks(self) -> AsyncIterator[bytes]:
        yield self._head
        piece, left_bytes = self._rest, self._left_bytes
        while True:
            self._count(piece)
            if not left_bytes:
                break
            if piece:
                yield piece
            piece = await self._inflow.next()
            if not piece:
                raise Fault("IncompleteBody")
            left_bytes -= len(piece)
        self._check()
        if piece:
            yield piece

    def _count(self, piece: bytes) -> None:
        """Follow the file to its end; the delimiter may lie across two pieces."""
        if self._ended:
            return
        data = self._tail + piece
        end = data.find(self._delimiter)
        if end >= 0:
            self._file_bytes += end
            self._ended = True
            return
        keep = min(len(data), len(self._delimiter) - 1)
        self._file_bytes += len(data) - keep
        self._tail = data[len(data) - keep :]
        if self._file_bytes > self._limits.most_bytes:
            raise self._too_large()

    def _check(self) -> None:
        if not self._ended:
            raise Fault("MalformedPOSTRequest", "The form has no end.")
        if self._file_bytes > self._limits.most_bytes:
            raise self._too_large()
        if self._file_bytes < self._limits.least_bytes:
            extra = {"ProposedSize": str(self._file_bytes), "MinSizeAllowed": str(self._limits.least_bytes)}
            raise Fault("EntityTooSmall", extra=extra)

    def _too_large(self) -> Fault:
        extra = {"ProposedSize": str(self._file_bytes), "MaxSizeAllowed": str(self._limits.most_bytes)}
        return Fault("EntityTooLarge", extra=extra)


async def post_object(visit: Visit, now_ns: int) -> Sent:
    """Serve a form. Its signature is in its fields, so this is where its user is found."""
    inbound = visit.inbound
    if inbound.size_bytes is None:
        raise Fault("MissingContentLength")
    boundary = boundary_of(inbound.by_name.get("content-type", ""))
    form, taken_bytes = await _read_form(visit.inflow, boundary)
    limits = SizeLimits()
    signed = "policy" in form.fields
    if not signed and not visit.plant.settings.anonymous:
        raise Fault("AccessDenied")
    key = object_key(form.fields, form.file.filename)
    fields: Mapping[str, str] = {**form.fields, "key": key}
    if signed:
        verifier = visit.plant.verifier
        visit.user = visit.plant.routes.user_of(verifier.check_form(fields, now_ns))
        limits = check_policy(fields, inbound.bucket, now_ns)
    upstream = visit.upstream(inbound.bucket, changes=True)
    credentials = await upstream.credentials() if signed else None
    if credentials is not None:
        fields = sign_form(fields, inbound.bucket, limits, credentials, upstream.target.region, now_ns)
    body = _FormBody(
        _form_head(fields, form.file, boundary), form, visit.inflow, inbound.size_bytes - taken_bytes, boundary, limits
    )
    token = await visit.intend(upstream.name, inbound.bucket, [key])
    sent = await _send(visit, upstream, body, token)
    if sent.whole:
        await visit.settle(token)
    return sent


async def _read_form(inflow: Inflow, boundary: bytes) -> tuple[Form, int]:
    reader = FormReader(boundary)
    taken_bytes = 0
    while True:
        data = await inflow.next()
        if not data:
            raise Fault("MalformedPOSTRequest", "The form has no file.")
        taken_bytes += len(data)
        form = reader.feed(data)
        if form is not None:
            return form, taken_bytes


async def _send(visit: Visit, upstream: Upstream, body: _FormBody, token: object | None) -> Sent:
    inbound = visit.inbound
    query = without_signature(inbound.query)
    outbound = Outbound("POST", inbound.upstream_path, query, inbound.headers, body, signed=False)
    async with await upstream.send(outbound) as response:
        await visit.answered(token, response.status)
        return await visit.outflow.relay(response)


def _form_head(fields: Mapping[str, str], file: FormPart, boundary: bytes) -> bytes:
    """The form up to the first byte of the file."""
    lines = b""
    for name, value in fields.items():
        disposition = f'Content-Disposition: form-data; name="{_quoted(name)}"\r\n\r\n{value}\r\n'
        lines += b"--%b\r\n%b" % (boundary, disposition.encode())
    filename = f'; filename="{_quoted(file.filename)}"' if file.filename is not None else ""
    head = f'Content-Disposition: form-data; name="file"{filename}\r\n'
    if file.content_type is not None:
        head += f"Content-Type: {file.content_type}\r\n"
    return lines + b"--%b\r\n%b\r\n" % (boundary, head.encode())


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
