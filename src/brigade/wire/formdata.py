"""The head of a browser's upload: the fields of a multipart/form-data body up to the first byte of its file."""

from __future__ import annotations

import re
from typing import NamedTuple

from brigade.wire.s3faults import Fault

# The real service takes 20 KB of fields; a policy with a long list of conditions is the largest of them.
MAX_FIELDS_BYTES = 64 * 1024
MAX_FIELDS = 200

_BOUNDARY = re.compile(r'multipart/form-data\s*;.*?boundary="?([^";,]{1,200}?)"?\s*(?:;|$)', re.IGNORECASE).match
_PARAMETER = re.compile(r';\s*([A-Za-z*]+)=(?:"((?:[^"\\]|\\.)*)"|([^;\s]+))').findall


class FormPart(NamedTuple):
    """The head of one part. `filename` None where it is no file."""

    name: str
    filename: str | None
    content_type: str | None


class Form(NamedTuple):
    """All fields before the file, in order and by their names in lower case; the file's own head; what follows it."""

    fields: dict[str, str]
    file: FormPart
    rest: bytes


def boundary_of(content_type: str) -> bytes:
    """The boundary that a Content-Type names. Raises `Fault`."""
    match = _BOUNDARY(content_type)
    if match is None:
        raise Fault("MalformedPOSTRequest", "The Content-Type is not multipart/form-data with a boundary.")
    return match.group(1).encode("utf-8", "surrogateescape")


class FormReader:
    """Feed it the body until it gives the form. Raises `Fault`."""

    def __init__(self, boundary: bytes) -> None:
        self._delimiter = b"\r\n--" + boundary
        # The first boundary has no line before it.
        self._pending = b"\r\n"
        self._consumed_bytes = 0
        self._fields: dict[str, str] = {}
        self._part: FormPart | None = None
        self._begun = False

    def feed(self, data: bytes) -> Form | None:
        """The form, None as long as more is needed."""
        self._pending += data
        while True:
            found = self._step()
            if found is None:
                if self._consumed_bytes + len(self._pending) > MAX_FIELDS_BYTES + len(data):
                    raise Fault("MaxPostPreDataLengthExceededError")
                return None
            if self._part is not None and self._is_file(self._part):
                return Form(self._fields, self._part, self._pending)

    def _step(self) -> bool | None:
        """Take one value or one head off; None where it has not come yet."""
        if self._part is None and self._begun:
            return self._take_head()
        end = self._pending.find(self._delimiter)
        if end < 0:
            return None
        if self._part is not None:
            self._add(self._part.name, self._pending[:end])
        elif end:
            raise Fault("MalformedPOSTRequest", "The body does not begin with its boundary.")
        self._drop(end + len(self._delimiter))
        self._part = None
        self._begun = True
        return True

    def _take_head(self) -> bool | None:
        if self._pending.startswith(b"--"):
            raise Fault("IncorrectNumberOfFilesInPostRequest")
        end = self._pending.find(b"\r\n\r\n")
        if end < 0:
            return None
        if not self._pending.startswith(b"\r\n"):
            raise Fault("MalformedPOSTRequest")
        self._part = _head(self._pending[2:end])
        self._drop(end + 4)
        return True

    def _add(self, name: str, value: bytes) -> None:
        if name in self._fields or len(self._fields) >= MAX_FIELDS:
            raise Fault("InvalidArgument", f"The form has too many fields, or more than one {name!r}.")
        try:
            self._fields[name] = value.decode()
        except UnicodeDecodeError as error:
            raise Fault("MalformedPOSTRequest", f"The field {name!r} is not UTF-8.") from error

    def _drop(self, count: int) -> None:
        self._pending = self._pending[count:]
        self._consumed_bytes += count
        if self._consumed_bytes > MAX_FIELDS_BYTES:
            raise Fault("MaxPostPreDataLengthExceededError")

    @staticmethod
    def _is_file(part: FormPart) -> bool:
        return part.name == "file"


def _head(raw: bytes) -> FormPart:
    try:
        lines = raw.decode().split("\r\n")
    except UnicodeDecodeError as error:
        raise Fault("MalformedPOSTRequest") from error
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    disposition = headers.get("content-disposition", "")
    parameters = {name.lower(): quoted or plain for name, quoted, plain in _PARAMETER(disposition)}
    if not disposition.lower().startswith("form-data") or "name" not in parameters:
        raise Fault("MalformedPOSTRequest")
    filename = parameters.get("filename")
    if filename is not None:
        filename = re.split(r"[/\\]", filename)[-1]
    return FormPart(parameters["name"].lower(), filename, headers.get("content-type"))
