"""HTTP for stores: one client to one origin, chosen in `open_client`."""

from __future__ import annotations

import ssl as tls

from brigade.stores.http.base import HttpClient


def open_client(
    origin: str,
    *,
    ssl: tls.SSLContext | None,
    connections: int,
    connect_timeout_seconds: float,
    idle_timeout_seconds: float,
) -> HttpClient:
    """A client of `origin` (`scheme://host:port`); call it inside a running event loop.

    `ssl` None means the system's trusted authorities where the scheme is https. At most `connections` are
    open at once; further requests wait their turn.
    """
    from brigade.stores.http.client import Client
    from brigade.stores.http.pool import Pool

    return Client(
        Pool(
            origin,
            ssl_context=ssl,
            limit=connections,
            connect_timeout_seconds=connect_timeout_seconds,
            idle_timeout_seconds=idle_timeout_seconds,
        )
    )
