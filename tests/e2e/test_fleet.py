"""Workers on one PostgreSQL compare one flat bucket together, and any of them may be killed at any moment."""

from __future__ import annotations

import asyncio
import re
import secrets
import signal

import psycopg
import pytest

from brigade.state.owner import Owner
from brigade.testing.available import available
from brigade.testing.buckets import Bucket
from brigade.testing.command import Command

pytestmark = pytest.mark.server

# Servers that list in byte order from anywhere: only of such listings a part can be given away.
SERVERS = [name for name in ("ceph", "moto") if name in available()][:1]
COUNT = 2400
THERE = 400
EXTRA = [f"obj-{number:05}.extra" for number in range(0, COUNT, 100)]


@pytest.fixture
def state(postgres_url):
    """A database of this test's own."""
    name = f"fleet_{secrets.token_hex(4)}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return postgres_url.replace("/postgres?", f"/{name}?")


@pytest.fixture
async def machine(tmp_path, state):
    """Makes machines: each with a directory of its own, and one state for all."""
    made = []

    def make():
        directory = tmp_path / f"machine {len(made)}"
        directory.mkdir()
        made.append(Command(directory))
        made[-1].state = state
        return made[-1]

    yield make
    for command in made:
        await command.close()


def asked(state, query):
    with psycopg.connect(state) as connection:
        return connection.execute(query).fetchall()


def holders(state):
    """The processes that hold a range."""
    try:
        rows = asked(state, "SELECT owner FROM ranges WHERE state IN ('running', 'scanned')")
    except psycopg.errors.UndefinedTable:
        return set()
    return {Owner.parse(owner).pid for (owner,) in rows}


async def until(condition, seconds=80.0):
    async with asyncio.timeout(seconds):
        while not await asyncio.to_thread(condition):  # noqa: ASYNC110  processes tell nobody
            await asyncio.sleep(0.05)


@pytest.fixture
async def flat(running, brigade, tmp_path):
    """Gives a flat bucket of many objects and another one that has some of them, and some that are too much.

    They go with their server: to delete each object would take longer than the test.
    """
    buckets = []

    async def make(server):
        at = running(server)
        source, target = (Bucket(at.endpoint, at.make_bucket("fleet")) for _ in range(2))
        buckets.extend((source, target))
        files = tmp_path / "files"
        files.mkdir()
        for number in range(COUNT):
            (files / f"obj-{number:05}").write_bytes(b"%d" % number)
        await brigade.sync("files", brigade.reach("a", source))
        await brigade.sync(
            "files",
            brigade.reach("b", target),
            "--include",
            "obj-000*",
            "--include",
            "obj-021*",
            "--include",
            "obj-005*",
            "--include",
            "obj-017*",
            "--exclude",
            "*",
        )
        for key in EXTRA:
            target.put(key, b"extra")
        return source, target

    yield make
    for bucket in buckets:
        bucket.close()


@pytest.mark.timeout(150)
@pytest.mark.parametrize("server", SERVERS)
async def test_workers_share_a_flat_bucket_and_all_but_the_last_are_killed(machine, flat, state, proxied, server):
    source, target = await flat(server)
    proxy = await proxied(target)

    async def start(**limits):
        here = machine()
        a, b = here.reach("a", source), here.reach("b", target, url=proxy.url, **limits)
        here.replications = {"flat": {"source": a, "target": b, "delete": "mirror", "reconcile": "1h"}}
        here.write_config()
        return here, await here.start("run", "worker")

    # So slow that there is time to kill them, on any machine.
    workers = [await start(requests_per_second=150) for _ in range(2)]
    pids = {process.pid for _, process in workers}
    await until(lambda: holders(state) == pids)
    await until(lambda: proxy.counts["put"] > 200)
    first, last = workers
    await first[0].kill(first[1])
    killed_at = proxy.counts["put"]
    # What the dead one held is taken over by whoever sees that it is dead.
    await until(lambda: holders(state) == {last[1].pid})
    await until(lambda: proxy.counts["put"] > killed_at + 200)
    await last[0].kill(last[1])
    assert proxy.counts["delete_many"] == proxy.counts["delete"] == 0
    assert set(EXTRA) <= set(target.keys())
    assert asked(state, "SELECT state FROM runs") == [("running",)]

    here, process = await start()
    await until(lambda: asked(state, "SELECT state FROM runs") == [("done",)], 60)
    words = await here.said(process, " copied (")
    assert await here.said(process, "in step") == "flat: in step"
    assert target.etags() == source.etags()
    # It is still the run that the first one began. Nothing but what was under way at a kill was sent twice.
    assert asked(state, "SELECT state FROM runs") == [("done",)]
    assert proxy.counts["put"] <= COUNT - THERE + 2 * 64
    copied, deleted, skipped = (
        int(re.findall(rf"(\d+) {word}", words)[0]) for word in ("copied", "deleted", "skipped")
    )
    assert (copied + skipped, deleted) == (COUNT, len(EXTRA))
    assert 0 < copied < COUNT - THERE - 400
    process.send_signal(signal.SIGTERM)
    assert (await here.ended(process, seconds=20)).code == 0
