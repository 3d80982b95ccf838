"""The configuration of a live replication: two stores, a gateway before the first, one pair of buckets."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from brigade.testing.servers import Endpoint

GATEWAY_KEYS = {"access_key": "bench-client", "secret_key": "bench-client-secret"}


def place_of(at: Endpoint) -> dict[str, str]:
    """Where an endpoint is and how to sign for it."""
    return {"endpoint": at.url, "region": at.region, "access_key": at.access_key, "secret_key": at.secret_key}


def write_live_config(
    directory: Path,
    source: Endpoint,
    target: Endpoint,
    *,
    port: int = 0,
    buckets: tuple[str, str] | None = None,
) -> Path:
    """`live.yaml`, which is JSON. `buckets` None: the gateway follows nothing."""
    values: dict[str, Any] = {
        "stores": {"source": {"type": "s3", **place_of(source)}, "target": {"type": "s3", **place_of(target)}},
        "gateway": {
            "listen": f"127.0.0.1:{port}",
            "store": "source",
            "users": {"bench": {"keys": [GATEWAY_KEYS]}},
        },
    }
    if buckets is not None:
        places = {"source": f"source:{buckets[0]}", "target": f"target:{buckets[1]}"}
        values["replications"] = {"bench": {**places, "live": ["gateway"], "processes": 1}}
    path = directory / "live.yaml"
    with open(path, "w", opener=lambda file, flags: os.open(file, flags, 0o600)) as file:
        json.dump(values, file)
    return path
