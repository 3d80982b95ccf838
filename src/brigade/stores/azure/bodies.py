"""Bodies on their way into Azure: what is known of their content beforehand, and what is found out while they pass."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Sequence

from brigade.errors import Corrupt
from brigade.objects import Checksum, ChecksumAlgorithm
from brigade.stores.base import Body, BytesBody
from brigade.stores.checked import CheckedBody
from brigade.stores.digests import md5_hex, new_digest


class HashedBody:
    """Passes a body on and hashes it."""

    def __init__(self, body: Body, algorithms: Sequence[ChecksumAlgorithm]) -> None:
        self._body = body
        self._algorithms = algorithms
        self.found: dict[ChecksumAlgorithm, str] = {}

    @property
    def size_bytes(self) -> int:
        return self._body.size_bytes

    @property
    def replayable(self) -> bool:
        return self._body.replayable

    async def chunks(self) -> AsyncIterator[bytes]:
        digests = {algorithm: new_digest(algorithm) for algorithm in self._algorithms}
        async for chunk in self._body.chunks():
            for digest in digests.values():
                digest.update(chunk)
            yield chunk
        self.found = {algorithm: digest.hexdigest() for algorithm, digest in digests.items()}


def known_md5(body: Body, expect: Checksum | None) -> str | None:
    """The MD5 that the server can be told before the body comes. Raises `Corrupt` for bytes that are not as expected."""
    if expect is not None and expect.algorithm is ChecksumAlgorithm.MD5:
        return expect.hex
    if type(body) is not BytesBody:
        return None
    if expect is not None:
        digest = new_digest(expect.algorithm)
        digest.update(body.data)
        if digest.hexdigest() != expect.hex:
            raise Corrupt(f"the content does not have the {expect.algorithm} that it should have")
    return md5_hex(body.data)


def plain(body: Body) -> bytes | Body:
    """Content in memory as bytes, which the client sends in one piece."""
    return body.data if type(body) is BytesBody else body


def checked(body: Body, expect: Checksum | None) -> Body:
    """A body that is held to its digest before its last piece has gone."""
    return body if expect is None else CheckedBody(body, expect)


def base64_of(hexadecimal: str) -> str:
    """A digest in hex, as headers want it."""
    return base64.b64encode(bytes.fromhex(hexadecimal)).decode()


def crc64_value(hexadecimal: str) -> str:
    """A CRC64 (NVME) as Azure writes it: the number's bytes from the lowest, in base64."""
    return base64.b64encode(bytes.fromhex(hexadecimal)[::-1]).decode()
