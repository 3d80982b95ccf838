"""PostgreSQL as the state: the same promises, and several machines that share it."""

from __future__ import annotations

import asyncio
import secrets
import signal

import psycopg
import pytest

from brigade.testing.bodies import pattern
from brigade.testing.buckets import Bucket
from brigade.testing.command import Command
from brigade.testing.proxy import ProxyAction, ProxyFault
from brigade.testing.servers import Endpoint

pytestmark = pytest.mark.server


@pytest.fixture
def state(postgres_url):
    """A database of this test's own."""
    name = f"e2e_{secrets.token_hex(4)}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return postgres_url.replace("/postgres?", f"/{name}?")


@pytest.fixture
async def machines(tmp_path, state):
    """Two machines: each with a directory, a home and processes of its own, and one state."""
    both = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        command = Command(tmp_path / name)
        command.state = state
        both.append(command)
    yield both
    for command in both:
        await command.close()


async def test_what_one_machine_has_proven_the_other_need_not(machines, place, proxied):
    one, two = machines
    source, target = place("seaweed"), place("seaweed")
    source.put("a", b"1")
    source.put("b", b"2", Metadata={"v": "1"})
    source.set_tags("b", v="1")
    ran = await one.sync(one.reach("a", source), one.reach("b", target), "--delete", "tracked")
    assert ran.json["copied"] == 2
    source.delete("a")
    a, b = two.reach("a", source), two.reach("b", target)
    ran = await two.sync(a, b, "--delete", "tracked", "--max-delete", "50%")
    # Only a shared state can know that this replication wrote it.
    assert (ran.json["deleted"], ran.json["skipped"], ran.json["copied"]) == (1, 1, 0)
    assert target.keys() == ["b"]


async def test_two_machines_never_run_one_replication_at_once(machines, place):
    one, two = machines
    source, target = place("seaweed"), place("seaweed")
    for number in range(10):
        source.put(f"{number}", pattern(300_000, number))
    for machine in machines:
        machine.reach("a", source)
        machine.reach("b", target)
    a, b = f"a:{source.name}/{source.prefix}", f"b:{target.name}/{target.prefix}"
    first = await one.start("sync", a, b, "--json", "--bandwidth", "400kB/s")
    await one.reached(first, target.keys)
    second = await two("sync", a, b)
    assert second.code == 3
    assert "is running since" in second.err
    ran = await one.ended(first)
    assert (ran.code, ran.json["copied"]) == (0, 10)
    assert (await two.sync(a, b)).json["skipped"] == 10


async def test_a_machine_that_died_leaves_its_upload_to_the_other(machines, place, proxied):
    one, two = machines
    source, target = place("seaweed"), place("seaweed")
    source.put_parts("large", [pattern(5 * 1024 * 1024, number) for number in range(3)])
    proxy = await proxied(target, ProxyFault("put_part", ProxyAction.HANG, number=3, times=9))
    for machine in machines:
        machine.reach("a", source)
        machine.reach("b", target, url=proxy.url)
    a, b = f"a:{source.name}/{source.prefix}", f"b:{target.name}/{target.prefix}"
    process = await one.start("sync", a, b)
    await one.reached(process, lambda: proxy.counts["put_part"] == 3 and target.uploaded_parts() == 2)
    await one.kill(process)
    proxy.faults.clear()
    proxy.forget()
    ran = await two.sync(a, b)
    assert ran.json["copied"] == 1
    assert (proxy.counts["create_multipart"], proxy.counts["put_part"]) == (0, 1)
    assert target.etags() == source.etags()


async def test_a_state_that_cannot_be_reached_is_told_without_its_password(brigade, tmp_path):
    (tmp_path / "a").mkdir()
    ran = await brigade("sync", "a", "b", "--state", "postgresql://user:hidden-word@127.0.0.1:1/x")
    assert ran.code == 1
    assert "the state postgresql://user@127.0.0.1:1/x cannot be reached" in ran.err
    assert ran.err.count("\n") == 1
    assert "hidden-word" not in ran.words


async def test_the_gateway_of_one_machine_and_the_worker_of_another(machines, place):
    source, target = place("seaweed"), place("seaweed")
    for machine in machines:
        a, b = machine.reach("a", source), machine.reach("b", target)
        keys = {"access_key": "client", "secret_key": "client-secret"}
        machine.gateway = {"listen": "127.0.0.1:0", "store": "a", "users": {"ann": {"keys": [keys]}}}
        machine.replications = {"photos": {"source": a, "target": b, "live": ["gateway"]}}
        machine.write_config()
    worker = await machines[0].start("run", "worker")
    await machines[0].said(worker, "in step")
    gateway = await machines[1].start("run", "gateway")
    url = (await machines[1].said(gateway, "gateway: listens on")).split()[-1]
    through = Bucket(Endpoint("gateway", url, "us-east-1", "client", "client-secret"), source.name, source.prefix)
    await asyncio.to_thread(through.put, "k", b"1")
    await machines[0].reached(worker, lambda: target.keys() == ["k"])
    through.close()
    for machine, process in zip(machines, (worker, gateway), strict=True):
        process.send_signal(signal.SIGTERM)
        assert (await machine.ended(process, seconds=20)).code == 0
