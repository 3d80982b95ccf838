"""Servers that speak Google's JSON API, for tests: two emulators and the fake of our own."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

from brigade.testing.gcs_fake import GcsFake
from brigade.testing.processes import StartFailed, free_port
from brigade.testing.servers import LocalServer, find_binary, http_answer


class _Emulator(LocalServer):
    def __init__(self, directory: Path | None = None) -> None:
        super().__init__(directory)
        self.port = free_port()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"


class PlainEmulator(_Emulator):
    """gcp-storage-emulator (PyPI): the happy path; no preconditions, no generations, no paging."""

    @staticmethod
    def missing() -> str | None:
        there = find_spec("gcp_storage_emulator") is not None
        return None if there else "gcp-storage-emulator is not installed (pip install gcp-storage-emulator)"

    def _start(self, directory: Path) -> None:  # noqa: ARG002 (all of it is in memory)
        command = ("-m", "gcp_storage_emulator", "start", "--host=127.0.0.1", f"--port={self.port}", "--in-memory")
        helper = self._run(sys.executable, *command, log="emulator.log")
        helper.wait_ready(lambda: http_answer(self.port)[0] == 200, seconds=30)


class FakeGcsServer(_Emulator):
    """fake-gcs-server (Go): generations, preconditions, paging."""

    @staticmethod
    def missing() -> str | None:
        return None if find_binary("fake-gcs-server") else "fake-gcs-server is not installed (`make servers` with Go)"

    def _start(self, directory: Path) -> None:  # noqa: ARG002 (all of it is in memory)
        program = find_binary("fake-gcs-server")
        if program is None:
            raise StartFailed("the fake-gcs-server program is not there", hint="make servers")
        flags = ("-backend=memory", "-scheme=http", "-host=127.0.0.1", f"-port={self.port}", "-log-level=error")
        public = (f"-public-host=127.0.0.1:{self.port}", f"-external-url={self.url}")
        # It keeps its content in memory, and gives back what was deleted only when it is near such a limit.
        helper = self._run(program, *flags, *public, log="fake-gcs-server.log", GOMEMLIMIT="1GiB")
        helper.wait_ready(lambda: http_answer(self.port, "/storage/v1/b?project=test")[0] == 200, seconds=30)


GCS_SERVERS: dict[str, type[GcsFake | FakeGcsServer | PlainEmulator]] = {
    "gcs-fake": GcsFake,
    "fake-gcs-server": FakeGcsServer,
    "gcp-storage-emulator": PlainEmulator,
}


def absent() -> dict[str, str]:
    """The servers that cannot run here, each with the reason."""
    emulators = {"fake-gcs-server": FakeGcsServer, "gcp-storage-emulator": PlainEmulator}
    return {name: reason for name, server in emulators.items() if (reason := server.missing())}


def available() -> list[str]:
    """The names of those that can run here; the fake always can."""
    return [name for name in GCS_SERVERS if name not in absent()]
