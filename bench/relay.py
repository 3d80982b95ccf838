"""The least that a gateway can be on aiohttp: requests are signed anew and sent on, nothing is verified or noted.

The peer of `brigade run gateway`. Server and client are aiohttp's; the signature is Brigade's, as in both.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Mapping

import aiohttp
import uvloop
from aiohttp import web
from yarl import URL

from bench.floor import ENDPOINT_VARIABLE
from brigade.wire.sigv4 import UNSIGNED_PAYLOAD, Credentials, Signer

_DROPPED = {"host", "authorization", "connection", "content-length", "transfer-encoding", "x-amz-date"}
_PIECE_BYTES = 256 * 1024


class Relay:
    """Passes requests on to one endpoint."""

    def __init__(self, place: Mapping[str, str], session: aiohttp.ClientSession) -> None:
        self._session = session
        self._url = place["endpoint"]
        self._host = self._url.partition("//")[2]
        self._credentials = Credentials(place["access_key"], place["secret_key"])
        self._signer = Signer(place["region"])

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        named = [(name.lower(), value) for name, value in request.headers.items()]
        named = [(name, value) for name, value in named if name not in _DROPPED]
        hashed = request.headers.get("x-amz-content-sha256", UNSIGNED_PAYLOAD)
        signed = [("host", self._host), *((n, v) for n, v in named if n.startswith("x-amz-") and "sha256" not in n)]
        headers = self._signer.sign(
            self._credentials,
            request.method,
            request.rel_url.raw_path,
            request.query_string,
            signed,
            hashed,
            time.time_ns(),
        )
        if request.can_read_body:
            headers.append(("content-length", str(request.content_length)))
        body = request.content.iter_any() if request.can_read_body else None
        url = URL(self._url + request.raw_path, encoded=True)
        async with self._session.request(request.method, url, headers=headers, data=body) as answer:
            response = web.StreamResponse(status=answer.status, headers=answer.headers)
            await response.prepare(request)
            async for piece in answer.content.iter_any():
                await response.write(piece)
            await response.write_eof()
            return response


async def _main(port: int) -> None:
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=256),
        timeout=aiohttp.ClientTimeout(total=None),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        skip_auto_headers=("Accept", "Accept-Encoding", "User-Agent", "Content-Type"),
        read_bufsize=_PIECE_BYTES,
    )
    async with session:
        relay = Relay(json.loads(os.environ[ENDPOINT_VARIABLE]), session)
        server = web.Server(relay.handle, read_bufsize=_PIECE_BYTES, access_log=None)
        await asyncio.get_running_loop().create_server(server, "127.0.0.1", port)
        sys.stdout.write("relay: listens\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(_main(int(sys.argv[1])))
