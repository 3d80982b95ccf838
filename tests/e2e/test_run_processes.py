"""`brigade run --processes`, and the gateway over TLS."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import ssl
from contextlib import suppress
from pathlib import Path

import pytest

from brigade.testing.buckets import Bucket
from brigade.testing.certificates import write_certificate
from brigade.testing.servers import Endpoint

pytestmark = pytest.mark.server

CLIENT = {"access_key": "client", "secret_key": "client-secret"}


async def until(condition, seconds=80.0):
    async with asyncio.timeout(seconds):
        while not await asyncio.to_thread(condition):  # noqa: ASYNC110  processes tell nobody
            await asyncio.sleep(0.05)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_alive(pid: int) -> bool:
    with suppress(FileNotFoundError):
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    return False


def configure(brigade, source, target, **gateway):
    a, b = brigade.reach("a", source), brigade.reach("b", target)
    listen = f"127.0.0.1:{free_port()}"
    brigade.gateway = {"listen": listen, "store": "a", "users": {"ann": {"keys": [CLIENT]}}, **gateway}
    brigade.replications = {"photos": {"source": a, "target": b, "live": ["gateway"]}}
    brigade.write_config()
    return listen


def through(source, url):
    endpoint = Endpoint("gateway", url, source.endpoint.region, CLIENT["access_key"], CLIENT["secret_key"])
    return Bucket(endpoint, source.name, source.prefix)


async def test_several_processes_share_the_port_and_the_backlog(brigade, place):
    source, target = place("seaweed"), place("seaweed")
    listen = configure(brigade, source, target)
    process = await brigade.start("run", "--processes", "3")
    await brigade.said(process, "gateway: listens on")
    await until(lambda: len(children(process.pid)) == 2)
    before = set(children(process.pid))
    for number in range(12):
        # A connection of its own each time: the kernel spreads them.
        client = through(source, f"http://{listen}")
        await asyncio.to_thread(client.put, f"k{number:02}", b"x")
        client.close()
    await until(lambda: len(target.keys()) == 12)
    victim = before.pop()
    os.kill(victim, signal.SIGKILL)
    assert "started again" in await brigade.complained(process, "started again")
    await until(lambda: len(set(children(process.pid)) - {victim}) == 2)
    client = through(source, f"http://{listen}")
    await asyncio.to_thread(client.put, "after", b"x")
    client.close()
    await until(lambda: "after" in set(target.keys()))
    left = children(process.pid)
    process.send_signal(signal.SIGTERM)
    ran = await brigade.ended(process, seconds=80)
    assert ran.code == 0, ran.words
    assert not any(is_alive(pid) for pid in left)


async def test_siblings_end_with_the_process_that_started_them(brigade, place):
    source, target = place("seaweed"), place("seaweed")
    configure(brigade, source, target)
    process = await brigade.start("run", "--processes", "2")
    await brigade.said(process, "gateway: listens on")
    await until(lambda: len(children(process.pid)) == 1)
    (sibling,) = children(process.pid)
    # Its output goes where ours went: nobody reads it to its end before it has ended.
    process.send_signal(signal.SIGKILL)
    await until(lambda: not is_alive(sibling))


@pytest.mark.parametrize(("port", "roles"), [(0, ()), (1, ("agent",))])
async def test_what_cannot_be_shared_is_refused(brigade, place, port, roles, tmp_path):
    source = place("seaweed")
    a = brigade.reach("a", source)
    brigade.gateway = {"listen": f"127.0.0.1:{port}", "store": "a", "users": {"ann": {"keys": [CLIENT]}}}
    (tmp_path / "files").mkdir()
    brigade.replications = {"files": {"source": str(tmp_path / "files"), "target": a, "live": ["watch"]}}
    brigade.write_config()
    ran = await brigade("run", *roles, "--processes", "2")
    assert ran.code == 2
    assert ("must name one" if not port else "workers and gateways") in ran.err


def presented(listen: str) -> str:
    host, _, port = listen.partition(":")
    return ssl.get_server_certificate((host, int(port)))


async def test_the_gateway_serves_https_and_takes_up_a_renewed_certificate(brigade, place, monkeypatch):
    source, target = place("seaweed"), place("seaweed")
    file = write_certificate(brigade.directory / "gateway.pem")
    listen = configure(brigade, source, target, tls={"certificate": "gateway.pem"})
    monkeypatch.setenv("AWS_CA_BUNDLE", str(file))
    process = await brigade.start("run")
    assert "https://" in await brigade.said(process, "gateway: listens on")
    client = through(source, f"https://{listen}")
    await asyncio.to_thread(client.put, "one", b"1")
    await until(lambda: target.keys() == ["one"])
    client.close()
    before = await asyncio.to_thread(presented, listen)
    write_certificate(file)
    process.send_signal(signal.SIGHUP)
    await until(lambda: presented(listen) != before)
    file.write_text("nothing of the kind")
    process.send_signal(signal.SIGHUP)
    assert "gateway.tls" in await brigade.complained(process, "what was read before stays in force")
    assert await asyncio.to_thread(presented, listen) != before
    process.send_signal(signal.SIGTERM)
    assert (await brigade.ended(process, seconds=80)).code == 0
