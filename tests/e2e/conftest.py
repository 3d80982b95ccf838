"""What the end-to-end tests share: places on real servers, proxies before them, and the command as a process."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from brigade.testing.available import absent
from brigade.testing.buckets import Bucket
from brigade.testing.command import Command
from brigade.testing.proxy import FaultProxy, ProxyFault
from brigade.testing.servers import Server

HERE = Path(__file__).parent


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what needs a server that cannot run here; the summary names these servers and why."""
    out = {
        item for item in items if HERE in item.path.parents and absent().keys() & set(getattr(item, "fixturenames", ()))
    }
    if out:
        config.hook.pytest_deselected(items=[item for item in items if item in out])
        items[:] = [item for item in items if item not in out]


@pytest.fixture(scope="session")
def ceph(running: Callable[[str], Server]) -> Server:
    """A Ceph RGW for the session. Tests that ask for it are collected only where it is installed."""
    return running("ceph")


@pytest.fixture(scope="session")
def shared_buckets(running: Callable[[str], Server]) -> Callable[[str], Bucket]:
    """One bucket of each server for the session: a SeaweedFS bucket takes a quarter of a second to make."""
    made: dict[str, Bucket] = {}

    def give(server: str) -> Bucket:
        if server not in made:
            running_server = running(server)
            made[server] = Bucket(running_server.endpoint, running_server.make_bucket("e2e"))
        return made[server]

    return give


@pytest.fixture
def place(shared_buckets: Callable[[str], Bucket]) -> Iterator[Callable[[str], Bucket]]:
    """Gives places of this test's own: a fresh prefix in the bucket of that server."""
    given: list[Bucket] = []

    def give(server: str) -> Bucket:
        bucket = shared_buckets(server)
        given.append(Bucket(bucket.endpoint, bucket.name, f"{secrets.token_hex(4)}/"))
        return given[-1]

    yield give
    for bucket in given:
        bucket.close()


@pytest.fixture
def own_bucket(running: Callable[[str], Server]) -> Iterator[Callable[[str], Bucket]]:
    """Gives whole buckets of this test's own, gone in the end."""
    given: list[Bucket] = []

    def give(server: str) -> Bucket:
        running_server = running(server)
        given.append(Bucket(running_server.endpoint, running_server.make_bucket("e2e")))
        return given[-1]

    yield give
    for bucket in given:
        # A test may have removed it, or left what its server cannot delete.
        with suppress(ClientError, BotoCoreError):
            bucket.remove()
        bucket.close()


@pytest.fixture
async def proxied() -> AsyncIterator[Callable[..., Awaitable[FaultProxy]]]:
    """Puts a counting, breaking proxy before the server of a bucket."""
    async with AsyncExitStack() as stack:

        async def before(bucket: Bucket, *faults: ProxyFault) -> FaultProxy:
            return await stack.enter_async_context(FaultProxy(bucket.endpoint.url, *faults))

        yield before


@pytest.fixture
async def brigade(tmp_path: Path) -> AsyncIterator[Command]:
    """The command line, in a directory of its own with a state of its own."""
    command = Command(tmp_path)
    yield command
    await command.close()


class SmallDisk:
    """A file system of its own with room for 4 MiB, where this process may mount one; else a plain directory."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", "size=4m", "none", str(path)]
        mounted = os.geteuid() == 0 and subprocess.run(command, check=False, capture_output=True).returncode == 0
        self.is_mounted = mounted
        self._is_real = mounted

    def unmount(self) -> None:
        """Leave what an unmounted directory shows: nothing."""
        if self.is_mounted:
            subprocess.run(["umount", str(self.path)], check=True)
            self.is_mounted = False
        elif not self._is_real:
            shutil.rmtree(self.path)
            self.path.mkdir()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """See `SmallDisk`."""
    disk = SmallDisk(tmp_path / "disk")
    yield disk
    disk.unmount()
