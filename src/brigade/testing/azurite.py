"""Azurite (npm `azurite`), Microsoft's own emulator of the blob service, on loopback.

`make test` puts it into `azurite` beside the Python that runs; BRIGADE_AZURITE may name another `azurite-blob`.
"""

from __future__ import annotations

import os
import secrets
import shutil
import sys
from pathlib import Path

from brigade.testing.processes import StartFailed, free_port
from brigade.testing.servers import Endpoint, Server, http_answer

ACCOUNT = "devstoreaccount1"
# Public: Microsoft documents this key, the same for everybody.
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


class AzuriteServer(Server):
    """Checks signatures and MD5s; tells no CRC64, has no versions and no hierarchical namespace.

    With `certificate` (see `brigade.testing.certificates`) it speaks TLS, and then it takes tokens of Entra ID as well.
    """

    def __init__(self, directory: Path | None = None, *, certificate: Path | None = None) -> None:
        super().__init__(directory)
        self.port = free_port()
        self._certificate = certificate

    @staticmethod
    def missing() -> str | None:
        if _program() is None:
            return "Azurite is not installed (make test does it, with npm)"
        return None if shutil.which("node") else "node is not installed, which runs Azurite"

    @property
    def endpoint(self) -> Endpoint:
        """Its URL holds the account; account and key stand in for a pair of keys."""
        scheme = "https" if self._certificate else "http"
        return Endpoint("azurite", f"{scheme}://127.0.0.1:{self.port}/{ACCOUNT}", "", ACCOUNT, KEY)

    def make_bucket(self, name: str = "bucket") -> str:
        """The name of a container of its own that starts with `name`; whoever uses it makes it."""
        return f"{name}-{secrets.token_hex(4)}"

    def _start(self, directory: Path) -> None:
        program = _program()
        if program is None:
            raise StartFailed("Azurite is not there", hint="make test installs it, with npm")
        options = ["--blobHost", "127.0.0.1", "--blobPort", str(self.port), "--location", str(directory / "data")]
        options += ["--disableTelemetry", "--silent", "--skipApiVersionCheck"]
        if self._certificate:
            options += ["--cert", str(self._certificate), "--key", str(self._certificate), "--oauth", "basic"]
        helper = self._run(program, *options, log="azurite.log")
        helper.wait_ready(lambda: self._is_ready(helper.log), seconds=30)

    def _is_ready(self, log: Path) -> bool:
        if self._certificate:
            return "successfully listens" in log.read_text(errors="replace")
        # It has no page for this; that it refuses is enough.
        return http_answer(self.port)[0] == 400


def _program() -> str | None:
    named = os.environ.get("BRIGADE_AZURITE")
    beside = Path(sys.prefix) / "azurite"
    # The mark is made when all of it is there.
    return named or (str(beside / "node_modules/.bin/azurite-blob") if (beside / ".installed").exists() else None)
