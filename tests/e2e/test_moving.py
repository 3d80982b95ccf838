"""docs/moving.md, step by step, with a client that writes all the time."""

from __future__ import annotations

import asyncio
import re
import signal
from contextlib import suppress
from functools import partial
from importlib import import_module
from pathlib import Path

import pytest
import typer
from botocore.exceptions import BotoCoreError, ClientError

from brigade.cli.main import VERBS
from brigade.testing.buckets import Bucket
from brigade.testing.servers import Endpoint, SeaweedServer

pytestmark = pytest.mark.server

PAGE = Path(__file__).resolve().parents[2] / "docs" / "moving.md"
CLIENT = {"access_key": "app", "secret_key": "app-secret"}
STEP = {"live": ["gateway"], "delete": "tracked"}


class Client:
    """Puts, overwrites and deletes, and tries again until it is told that it is done."""

    def __init__(self, through: Bucket) -> None:
        self.through = through
        self.told: dict[str, bytes] = {}
        self.turned_away = 0
        self.stopped = False

    def run(self) -> None:
        number = 0
        while not self.stopped:
            number += 1
            key = f"k{number % 40:02}"
            if number % 7:
                self._insist(partial(self.through.put, key, b"%d" % number))
                self.told[key] = b"%d" % number
            else:
                self._insist(partial(self.through.delete, key))
                self.told.pop(key, None)

    def _insist(self, act) -> None:
        while True:
            with suppress(ClientError, BotoCoreError):
                act()
                return
            self.turned_away += 1


async def drained(brigade, name):
    async with asyncio.timeout(40):
        # The state tells nobody; each look is a process of its own.
        while (await brigade("status", name, "--json")).json["state"] != "in step":  # noqa: ASYNC110
            await asyncio.sleep(0.1)


async def done(brigade, *arguments):
    ran = await brigade(*arguments)
    assert ran.code == 0, ran.words
    return ran


async def test_a_bucket_moves_while_a_client_writes_and_could_move_back(brigade, own_bucket):
    old = own_bucket("seaweed")
    with SeaweedServer() as vendor:
        new = Bucket(vendor.endpoint, old.name)
        new.client.create_bucket(Bucket=new.name)
        old.put("here before", b"1", Metadata={"a": "b"})
        a, b = brigade.reach("ceph", old), brigade.reach("minio", new)
        users, there = {"app": {"keys": [CLIENT]}}, {"bucket": old.name}
        brigade.gateway = {"listen": "127.0.0.1:0", "users": users, "routes": [{**there, "store": "ceph"}]}
        brigade.replications = {"photos": {"source": a, "target": b, **STEP}}
        brigade.write_config()
        await done(brigade, "store", "check", a, b)
        process = await brigade.start("run")
        url = (await brigade.said(process, "gateway: listens on")).split()[-1]
        endpoint = Endpoint("gateway", url, old.endpoint.region, CLIENT["access_key"], CLIENT["secret_key"])
        client = Client(Bucket(endpoint, old.name))
        async with asyncio.TaskGroup() as group:
            writing = group.create_task(asyncio.to_thread(client.run))
            try:
                await asyncio.sleep(1)
                await done(brigade, "replication", "reconcile", "photos")
                await done(brigade, "route", "block", old.name, "--writes", "--note", "moves to minio")
                await drained(brigade, "photos")
                await done(brigade, "diff", a, b)
                before = dict(client.told)
                assert {key: new.get(key) for key in before} == before
                brigade.replications = {
                    "photos-back": {"source": b, "target": a, "live": ["gateway"], "delete": "mirror"}
                }
                brigade.gateway = {**brigade.gateway, "routes": [{**there, "store": "minio"}]}
                brigade.write_config()
                await brigade.said(process, "configuration: read again")
                assert "minio" in (await brigade("route", "test", old.name)).out
                await done(brigade, "route", "unblock", old.name)
                turned_away = client.turned_away
                await asyncio.sleep(1)
            finally:
                client.stopped = True
            await writing
        assert turned_away > 0, "the block was not felt"
        assert client.told != before
        await drained(brigade, "photos-back")
        assert new.contents() == old.contents() == {"here before": b"1", **client.told}
        await done(brigade, "diff", b, a)
        assert not (await done(brigade, "failures", "--json")).out
        process.send_signal(signal.SIGTERM)
        assert (await brigade.ended(process, seconds=30)).code == 0
        new.close()


def test_every_command_of_the_page_exists():
    page = PAGE.read_text()
    for line in re.findall(r"^\$ brigade (.+?)(?: +#.*)?$", page, flags=re.MULTILINE):
        verb, *rest = line.split()
        command = typer.main.get_command(import_module(f"brigade.cli.{VERBS[verb].module}").app)
        below = getattr(command, "commands", {})
        command = below[rest[0]] if below else command
        options = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in rest if word.startswith("--")} <= options, line
