"""Which real servers can run on this machine, and why the others cannot."""

from __future__ import annotations

from brigade.testing.azurite import AzuriteServer
from brigade.testing.ceph import CephServer
from brigade.testing.moto import MotoServer
from brigade.testing.servers import SeaweedServer, Server
from brigade.testing.swift import SwiftServer

SERVERS: dict[str, type[Server]] = {
    "seaweed": SeaweedServer,
    "ceph": CephServer,
    "moto": MotoServer,
    "swift": SwiftServer,
    "azurite": AzuriteServer,
}
_WITHOUT_S3 = {"azurite"}


def absent() -> dict[str, str]:
    """The servers that cannot run here, each with the reason."""
    return {name: reason for name, server in SERVERS.items() if (reason := server.missing())}


def available() -> list[str]:
    """The names of the servers that can run here and speak S3."""
    return [name for name, server in SERVERS.items() if name not in _WITHOUT_S3 and server.missing() is None]
