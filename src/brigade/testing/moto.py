"""moto's S3 (PyPI `moto[server]`), in memory: lenient, checks neither signatures nor digests."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

from brigade.testing.processes import free_port
from brigade.testing.servers import Endpoint, Server, http_answer


class MotoServer(Server):
    """An AWS-like server for what stricter ones lack: byte order, storage classes, object lock, versions."""

    def __init__(self, directory: Path | None = None) -> None:
        super().__init__(directory)
        self.port = free_port()

    @staticmethod
    def missing() -> str | None:
        there = find_spec("moto") is not None and find_spec("flask_cors") is not None
        return None if there else "moto is not installed (pip install 'moto[server]')"

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint("moto", f"http://127.0.0.1:{self.port}", "us-east-1", "brigade-test", "not-checked")

    def _start(self, directory: Path) -> None:  # noqa: ARG002 (all of it is in memory)
        command = (sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port))
        helper = self._run(*command, log="moto.log")
        helper.wait_ready(lambda: http_answer(self.port, "/moto-api/")[0] == 200, seconds=30)
