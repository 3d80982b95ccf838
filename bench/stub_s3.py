"""An S3 server that only lists: any bucket holds N objects made by a rule, in byte order. Signatures are not looked at.

For measuring what a listing of a million objects costs and how much memory it takes, without a server that has to
hold them: whole pages come out of one template, in which the number of the page is filled in. Every bucket lists the
same objects; those of `NEWER_BUCKET` are written later, so that a sync to it has nothing to do.

    python -m bench.stub_s3 PORT OBJECTS
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qs, urlsplit

import uvloop

PAGE_OBJECTS = 1000
NEWER_BUCKET = "target"
_OLDER, _NEWER = "2024-01-01T00:00:00.000Z", "2024-06-01T00:00:00.000Z"
_PAGE_MARK = b"@@@@@@"
_MAX_HEAD_BYTES = 64 * 1024
_NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
_NO_UPLOADS = f"<ListMultipartUploadsResult {_NAMESPACE}><IsTruncated>false</IsTruncated></ListMultipartUploadsResult>"
_NO_TAGS = f"<Tagging {_NAMESPACE}><TagSet></TagSet></Tagging>"


def _entry(number: int, modified: str) -> bytes:
    """One object; `_PAGE_MARK` stands for the page, which keys and ETags have in them."""
    return (
        f"<Contents><Key>{_PAGE_MARK.decode()}/{number:03d}-object.bin</Key><LastModified>{modified}</LastModified>"
        f"<ETag>&quot;{number:026x}{_PAGE_MARK.decode()}&quot;</ETag><Size>{1000 + number}</Size>"
        "<StorageClass>STANDARD</StorageClass></Contents>"
    ).encode()


class Listing:
    """The pages of one bucket."""

    def __init__(self, objects: int, modified: str) -> None:
        self._objects = objects
        self._entries = [_entry(number, modified) for number in range(PAGE_OBJECTS)]
        self._whole = b"".join(self._entries)

    def page(self, first: int, limit: int) -> bytes:
        """At most `limit` objects from number `first` on, as ListObjectsV2 answers."""
        count = max(0, min(limit, PAGE_OBJECTS, self._objects - first))
        after = first + count
        more = after < self._objects and limit > 0
        token = f"<NextContinuationToken>{after}</NextContinuationToken>" if more else ""
        head = (
            f'<?xml version="1.0" encoding="UTF-8"?><ListBucketResult {_NAMESPACE}><Name>stub</Name><Prefix></Prefix>'
            f"<KeyCount>{count}</KeyCount><MaxKeys>{limit}</MaxKeys><IsTruncated>{str(more).lower()}</IsTruncated>{token}"
        )
        return b"".join([head.encode(), self._between(first, after), b"</ListBucketResult>"])

    def _between(self, first: int, after: int) -> bytes:
        page, offset = divmod(first, PAGE_OBJECTS)
        if offset == 0 and after - first == PAGE_OBJECTS:
            return self._whole.replace(_PAGE_MARK, b"%06d" % page)
        numbers = (divmod(number, PAGE_OBJECTS) for number in range(first, after))
        return b"".join([self._entries[place].replace(_PAGE_MARK, b"%06d" % page) for page, place in numbers])


class Stub:
    """Answers requests; it knows no objects, only their listing."""

    def __init__(self, objects: int) -> None:
        self._older = Listing(objects, _OLDER)
        self._newer = Listing(objects, _NEWER)

    def answer(self, method: str, target: str) -> bytes:
        """The body for a request."""
        parts = urlsplit(target)
        query = parse_qs(parts.query, keep_blank_values=True)
        if method != "GET":
            return b""
        if "uploads" in query:
            return _NO_UPLOADS.encode()
        if "tagging" in query:
            return _NO_TAGS.encode()
        listing = self._newer if parts.path.split("/")[1] == NEWER_BUCKET else self._older
        return listing.page(_first(query), int(query.get("max-keys", [str(PAGE_OBJECTS)])[0]))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, kept alive until the client goes. Requests have no body."""
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
                body = self.answer(method, target)
                writer.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\nContent-Length: %d\r\n\r\n" % len(body)
                )
                writer.write(body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def _first(query: Mapping[str, Sequence[str]]) -> int:
    """The number of the first object that is asked for; `marker` is how the older ListObjects goes on."""
    if "continuation-token" in query:
        return int(query["continuation-token"][0])
    after = query.get("start-after", query.get("marker", [""]))[0]
    return _number_after(after) if after else 0


def _number_after(key: str) -> int:
    """The number of the first object behind a key that the rule made."""
    page, _, rest = key.partition("/")
    return int(page) * PAGE_OBJECTS + int(rest[:3]) + 1


async def _main(port: int, objects: int) -> None:
    server = await asyncio.start_server(Stub(objects).serve, "127.0.0.1", port, limit=_MAX_HEAD_BYTES)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_main(int(sys.argv[1]), int(sys.argv[2])))
