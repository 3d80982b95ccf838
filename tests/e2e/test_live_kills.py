"""`kill -9` of each part of a live replication at its worst moment: nothing that was acknowledged is lost."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from brigade.testing.bodies import pattern
from brigade.testing.buckets import Bucket
from brigade.testing.fleet import StateWindow
from brigade.testing.postgres import PostgresServer
from brigade.testing.processes import free_port
from brigade.testing.proxy import ProxyAction, ProxyFault
from brigade.testing.servers import Endpoint

pytestmark = [pytest.mark.server, pytest.mark.timeout(120)]

CLIENT = {"access_key": "client", "secret_key": "client-secret"}
# Longer than every lease and every hold.
A_WHILE_SECONDS = 300.0
# What only a reconcile asks of the target: without it only the backlog can bring anything there.
NO_RECONCILE = ProxyFault(
    "list_page", ProxyAction.RESPOND, times=10**9, target="max-keys=1000", status=403, code="AccessDenied"
)


async def until(condition, seconds=80.0):
    """Wait until something holds."""
    async with asyncio.timeout(seconds):
        while not await asyncio.to_thread(condition):  # noqa: ASYNC110  real servers tell nobody
            await asyncio.sleep(0.05)


def configure(brigade, source, target, source_url=None, target_url=None, **options):
    a = brigade.reach("a", source, url=source_url)
    b = brigade.reach("b", target, url=target_url)
    listen = f"127.0.0.1:{free_port()}"
    brigade.gateway = {"listen": listen, "store": "a", "users": {"ann": {"keys": [CLIENT]}}}
    brigade.replications = {"photos": {"source": a, "target": b, "live": ["gateway"], "delete": "mirror", **options}}
    brigade.write_config()


@asynccontextmanager
async def gateway_of(brigade, source):
    """The process, and the source's place as clients see it."""
    process = await brigade.start("run", "gateway")
    url = (await brigade.said(process, "gateway: listens on")).split()[-1]
    endpoint = Endpoint("gateway", url, source.endpoint.region, CLIENT["access_key"], CLIENT["secret_key"])
    through = Bucket(endpoint, source.name, source.prefix)
    yield process, through
    through.close()


@pytest.fixture
def window(brigade):
    """The state, where it is a file."""
    window = StateWindow(f"sqlite:///{brigade.state}")
    yield window
    window.close()


async def drained(window):
    await until(lambda: not window.rows())


async def test_what_a_killed_worker_had_claimed_is_done_by_the_next(brigade, place, proxied, window):
    source, target = place("seaweed"), place("seaweed")
    stuck = ProxyFault("put", ProxyAction.HANG, times=10**9)
    proxy = await proxied(target, NO_RECONCILE, stuck)
    configure(brigade, source, target, target_url=proxy.url, transfers=250)
    objects = {f"{number:03}": pattern(100, number) for number in range(500)}
    async with gateway_of(brigade, source) as (gateway, through):

        def write_all():
            with ThreadPoolExecutor(8) as pool:
                list(pool.map(through.put, objects, objects.values()))

        await asyncio.to_thread(write_all)
        await until(lambda: not any(row.holds for row in window.rows()))
        await brigade.kill(gateway)
    worker = await brigade.start("run", "worker")
    await until(lambda: sum(row.owner is not None for row in window.rows()) == 500)
    await until(lambda: proxy.fired[stuck] > 0)
    await brigade.kill(worker)
    assert target.keys() == []
    proxy.faults.remove(stuck)
    await brigade.start("run", "worker")
    assert len(window.rows()) == 500
    window.pass_time(A_WHILE_SECONDS)
    await drained(window)
    assert await asyncio.to_thread(target.contents) == objects


async def test_a_write_whose_gateway_died_before_the_store_had_answered_is_copied(brigade, place, proxied, window):
    source, target = place("seaweed"), place("seaweed")
    proxy = await proxied(source)
    configure(brigade, source, target, source_url=proxy.url)
    worker = await brigade.start("run", "worker")
    await brigade.said(worker, "in step")
    held = ProxyFault("put", ProxyAction.HOLD_ANSWER)
    async with gateway_of(brigade, source) as (gateway, through):
        proxy.add(held)
        putting = asyncio.create_task(asyncio.to_thread(through.put, "k", b"written, and nobody knows"))
        await until(lambda: proxy.fired[held])
        await brigade.kill(gateway)
        with pytest.raises(BotoCoreError):
            await putting
    assert source.get("k") == b"written, and nobody knows"
    [row] = window.rows()
    assert (row.holds, row.owner) == (1, None)
    assert target.keys() == []
    window.pass_time(A_WHILE_SECONDS)
    await drained(window)
    assert target.get("k") == b"written, and nobody knows"


class Writer:
    """A client that writes one object after the other until told to stop."""

    def __init__(self, through):
        self.through = through
        self.acknowledged = {}
        self.refused = 0
        self._stop = threading.Event()
        self._task = asyncio.create_task(asyncio.to_thread(self._write))

    def _write(self):
        number = 0
        while not self._stop.wait(0.005):
            number += 1
            key, body = f"{number % 40:02}", b"%d" % number
            try:
                self.through.put(key, body)
            except ClientError as error:
                if error.response["ResponseMetadata"]["HTTPStatusCode"] != 503:
                    raise
                self.refused += 1
            else:
                self.acknowledged[key] = body

    async def stop(self):
        self._stop.set()
        await self._task


async def test_a_database_that_dies_makes_writes_wait_and_loses_nothing(brigade, place):
    source, target = place("seaweed"), place("seaweed")
    with PostgresServer() as database:
        brigade.state = database.url
        configure(brigade, source, target)
        source.put("first", b"to be read")
        worker = await brigade.start("run", "worker")
        await brigade.said(worker, "in step")
        async with gateway_of(brigade, source) as (gateway, through):
            writer = Writer(through)
            await until(lambda: len(writer.acknowledged) > 20)
            database.crash()
            before = writer.refused
            await until(lambda: writer.refused > before + 3)
            # Whether a read goes on has nothing to do with the database.
            assert await asyncio.to_thread(through.get, "first") == b"to be read"
            then = dict(writer.acknowledged)
            await asyncio.sleep(0.5)
            assert writer.acknowledged == then
            await asyncio.to_thread(database.restart)
            await until(lambda: writer.acknowledged != then)
            count = writer.refused
            await until(lambda: len(set(writer.acknowledged.items()) - set(then.items())) > 20)
            assert writer.refused < count + 20
            await writer.stop()
            assert worker.returncode is None
            assert gateway.returncode is None
            # What was refused never reached the store.
            assert {key: source.get(key) for key in writer.acknowledged} == writer.acknowledged
            window = StateWindow(database.url)
            # What it had in hand when the database died it takes up again when the lease has ended.
            await until(lambda: window.is_idle(leases=True))
            window.pass_time(A_WHILE_SECONDS)
            await drained(window)
            window.close()
            assert target.etags() == source.etags()
            for process in (gateway, worker):
                process.terminate()
                ran = await brigade.ended(process, seconds=80)
                assert ran.code == 0, ran.words
