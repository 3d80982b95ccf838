"""Runs proxy, account, container and object server of OpenStack Swift in one process.

Started by `brigade.testing.swift` under a Python that has swift, with the directory of the configuration and the four
ports; it imports nothing of Brigade. No memcached: tokens and container facts live in this process.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Callable
from importlib import import_module
from typing import Any

SERVERS = ("proxy", "account", "container", "object")


class LocalCache:
    """As much of swift's memcache client as its middleware uses, for one process."""

    memcache_servers = ("local",)

    def __init__(self) -> None:
        self._values: dict[str, tuple[Any, float]] = {}

    def get(self, key: str, **_: Any) -> Any:
        value, until = self._values.get(key, (None, 0.0))
        return value if not until or until > _now() else None

    def set(self, key: str, value: Any, serialize: bool = True, time: float = 0, **_: Any) -> None:
        kept = json.loads(json.dumps(value)) if serialize else value
        self._values[key] = (kept, _now() + time if time else 0.0)

    def incr(self, key: str, delta: int = 1, time: float = 0) -> int:
        number = max(0, int(self.get(key) or 0) + delta)
        self.set(key, number, time=time)
        return number

    def decr(self, key: str, delta: int = 1, time: float = 0) -> int:
        return self.incr(key, -delta, time)

    def delete(self, key: str, **_: Any) -> None:
        self._values.pop(key, None)

    def set_multi(self, mapping: dict[str, Any], _server_key: str, **how: Any) -> None:
        for key, value in mapping.items():
            self.set(key, value, **how)

    def get_multi(self, keys: list[str], _server_key: str) -> list[Any]:
        return [self.get(key) for key in keys]


def _now() -> float:
    return time.time()


def cache_factory(_global: dict[str, str], **_local: str) -> Callable[[Any], Any]:
    """The paste filter that stands where swift's memcache filter would."""
    cache = LocalCache()

    def wrap(app: Any) -> Any:
        def call(environ: dict[str, Any], start: Any) -> Any:
            environ["swift.cache"] = cache
            return app(environ, start)

        return call

    return wrap


def _build_rings(directory: str, ports: dict[str, int]) -> None:
    builder_class = import_module("swift.common.ring").RingBuilder
    for name in SERVERS[1:]:
        builder = builder_class(4, 1, 0)
        device = {"id": 0, "region": 1, "zone": 1, "weight": 1, "device": "d1", "meta": ""}
        place = {"ip": "127.0.0.1", "port": ports[name]}
        replication = {"replication_ip": "127.0.0.1", "replication_port": ports[name]}
        builder.add_dev({**device, **place, **replication})
        builder.rebalance()
        builder.get_ring().save(f"{directory}/{name}.ring.gz")


def main(directory: str, *numbers: str) -> None:
    """Serve until killed."""
    eventlet = import_module("eventlet")
    eventlet.monkey_patch(all=False, socket=True, select=True, thread=True)
    utils = import_module("swift.common.utils")
    utils.set_swift_dir(directory)
    ports = dict(zip(SERVERS, map(int, numbers), strict=True))
    _build_rings(directory, ports)
    wsgi = import_module("swift.common.wsgi")
    warnings.filterwarnings("ignore", message="capitalize_response_headers is disabled")
    pool = eventlet.GreenPool()
    for name in reversed(SERVERS):
        app = wsgi.loadapp(f"{directory}/{name}.conf", global_conf={"log_name": name})
        listener = eventlet.listen(("127.0.0.1", ports[name]), backlog=512)
        # S3 clients know `ETag` and not `Etag`.
        how = {"protocol": wsgi.SwiftHttpProtocol, "capitalize_response_headers": False}
        pool.spawn(import_module("eventlet.wsgi").server, listener, app, utils.get_logger({}, name), **how)
    pool.waitall()


if __name__ == "__main__":
    main(*sys.argv[1:])
