"""`brigade run`: what clients write through the gateway and into watched directories is at the target soon."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
from contextlib import closing, suppress

import botocore.session
import pytest
from botocore.config import Config

from brigade.testing.available import available
from brigade.testing.bodies import pattern
from brigade.testing.buckets import Bucket
from brigade.testing.live import CLIENT, one_user, running_gateway, stop, until

pytestmark = pytest.mark.server

FULL = [name for name in ("seaweed", "ceph") if name in available()]
MEBIBYTE = 1024 * 1024


def configure(brigade, source, target, **replication):
    """One bucket that is followed through the gateway."""
    a, b = brigade.reach("a", source), brigade.reach("b", target)
    brigade.gateway = one_user("a")
    brigade.replications = {"photos": {"source": a, "target": b, "live": ["gateway"], **replication}}
    brigade.write_config()


@pytest.mark.parametrize("server", FULL)
async def test_what_is_written_through_the_gateway_is_at_the_target_soon(brigade, place, server):
    source, target = place(server), place(server)
    source.put("old/here before", b"before", Metadata={"v": "1"})
    configure(brigade, source, target, delete="tracked")
    parts = [pattern(5 * MEBIBYTE, 1), b"the end"]
    async with running_gateway(brigade, source) as (process, through):
        await until(lambda: target.keys() == ["old/here before"])
        assert target.head("old/here before")["Metadata"] == {"v": "1"}
        await asyncio.to_thread(through.put, "new", b"first", ContentType="text/x", Tagging="a=1")
        await asyncio.to_thread(through.put, "short", b"lived")
        await asyncio.to_thread(through.put_parts, "large", parts)
        await until(lambda: {"new", "short", "large"} <= set(target.keys()))
        await until(lambda: target.tags("new") == {"a": "1"})
        assert target.head("new")["ContentType"] == "text/x"
        await asyncio.to_thread(through.put, "new", b"second")
        await asyncio.to_thread(through.set_tags, "new", b="2")
        await asyncio.to_thread(through.delete, "short")
        await until(lambda: target.get("new") == b"second" and target.tags("new") == {"b": "2"})
        await until(lambda: target.etags() == source.etags())
        assert target.get("large") == b"".join(parts)
        await stop(brigade, process)
    assert source.uploads() == target.uploads() == []


def backlog_length(brigade) -> int:
    """How many keys wait or are in work."""
    with closing(sqlite3.connect(brigade.state)) as connection:
        return int(connection.execute("SELECT count(*) FROM backlog").fetchone()[0])


@pytest.mark.timeout(120)
async def test_a_killed_process_loses_nothing(brigade, place):
    source, target = place("seaweed"), place("seaweed")
    configure(brigade, source, target, bandwidth="300kB/s")
    objects = {f"{number:03}": pattern(20_000, number) for number in range(60)}
    # Only the gateway: what it notes waits on the backlog.
    async with running_gateway(brigade, source, "gateway") as (process, through):
        for key, body in objects.items():
            await asyncio.to_thread(through.put, key, body)
        # A write that is noted and not settled would be held for longer than the store may be silent.
        await asyncio.sleep(0.5)
        await brigade.kill(process)
    assert target.keys() == []
    assert backlog_length(brigade) == len(objects)
    process = await brigade.start("run", "worker")
    await until(target.keys)
    await brigade.kill(process)
    assert 0 < len(target.keys()) < len(objects)
    process = await brigade.start("run", "worker")
    await until(lambda: target.etags() == source.etags())
    # What the dead one had in work is looked at when its leases have ended.
    await until(lambda: backlog_length(brigade) == 0, 75)
    assert target.contents() == objects
    await stop(brigade, process)


async def test_a_worker_copies_what_only_the_backlog_knows(brigade, place):
    source, target = place("seaweed"), place("seaweed")
    configure(brigade, source, target)
    worker = await brigade.start("run", "worker")
    await brigade.said(worker, "in step")
    async with running_gateway(brigade, source, "gateway") as (gateway, through):
        await asyncio.to_thread(through.put, "k", b"1")
        await until(lambda: target.keys() == ["k"])
        await stop(brigade, gateway)
    await stop(brigade, worker)


async def test_a_file_that_is_written_arrives_in_the_bucket(brigade, place, tmp_path):
    target = place("seaweed")
    root = tmp_path / "files"
    root.mkdir()
    (root / "old").write_bytes(b"old")
    b = brigade.reach("b", target)
    brigade.replications = {"files": {"source": "./files", "target": b, "live": ["watch"], "delete": "tracked"}}
    brigade.write_config()
    process = await brigade.start("run")
    await brigade.said(process, f"files: watches {root}")
    await until(lambda: target.keys() == ["old"])
    (root / "new").mkdir()
    (root / "new" / "file").write_bytes(b"new")
    (root / "old").unlink()
    await until(lambda: target.keys() == ["new/file"])
    assert target.get("new/file") == b"new"
    await stop(brigade, process)


async def test_what_comes_behind_the_gateways_back_comes_with_the_schedule(brigade, place):
    source, target = place("seaweed"), place("seaweed")
    configure(brigade, source, target, reconcile="1s")
    async with running_gateway(brigade, source) as (process, _):
        source.put("behind", b"its back")
        await until(lambda: target.keys() == ["behind"])
        await stop(brigade, process)


async def test_stores_that_are_out_are_waited_for(brigade, place, own_bucket):
    source, missing = place("seaweed"), own_bucket("seaweed")
    missing.remove()
    configure(brigade, source, missing)
    async with running_gateway(brigade, source) as (process, through):
        await asyncio.to_thread(through.put, "k", b"1")
        missing.client.create_bucket(Bucket=missing.name)
        await until(lambda: missing.keys() == ["k"], 30)
        ran = await stop(brigade, process)
    assert "is tried again" in ran.err
    missing.delete("k")


def presigned(through: Bucket, key: str) -> str:
    """A URL that may write a key."""
    client = botocore.session.get_session().create_client(
        "s3",
        endpoint_url=through.endpoint.url,
        region_name=through.endpoint.region,
        aws_access_key_id=CLIENT["access_key"],
        aws_secret_access_key=CLIENT["secret_key"],
        config=Config(s3={"addressing_style": "path"}, signature_version="s3v4"),
    )
    try:
        return client.generate_presigned_url("put_object", {"Bucket": through.name, "Key": through.prefix + key})
    finally:
        client.close()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
async def test_a_request_under_way_may_end_before_the_process_does(brigade, place, how):
    source, target = place("seaweed"), place("seaweed")
    configure(brigade, source, target)
    async with running_gateway(brigade, source) as (process, through):
        host, _, path = presigned(through, "k").removeprefix("http://").partition("/")
        reader, writer = await asyncio.open_connection(*host.split(":"))
        writer.write(f"PUT /{path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 4\r\n\r\nab".encode())
        await asyncio.sleep(0.3)
        process.send_signal(how)
        await asyncio.sleep(0.3)
        writer.write(b"cd")
        answer = await reader.readline()
        writer.close()
        await writer.wait_closed()
        assert b" 200 " in answer
        assert (await brigade.ended(process, seconds=25)).code == 0
    assert source.get("k") == b"abcd"


async def test_a_second_signal_hurries(brigade, place):
    source, target = place("seaweed"), place("seaweed")
    configure(brigade, source, target)
    async with running_gateway(brigade, source) as (process, through):
        host, _, path = presigned(through, "k").removeprefix("http://").partition("/")
        _, writer = await asyncio.open_connection(*host.split(":"))
        writer.write(f"PUT /{path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 4\r\n\r\nab".encode())
        await asyncio.sleep(0.3)
        process.send_signal(signal.SIGTERM)
        await asyncio.sleep(0.3)
        assert process.returncode is None
        process.send_signal(signal.SIGTERM)
        ran = await brigade.ended(process, seconds=5)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
    assert (ran.code, "interrupted" in ran.err) == (130, True), ran.words


async def test_a_port_that_is_taken_and_wrong_roles_are_one_line(brigade, place):
    source, target = place("seaweed"), place("seaweed")
    configure(brigade, source, target)
    for arguments, words in (
        (["run", "wroker"], "there is no role 'wroker'"),
        (["run", "agent"], "nothing to do for a process that is agent only"),
        (["run", "--dry-run"], "go with --once"),
    ):
        ran = await brigade(*arguments)
        assert (ran.code, ran.out, len(ran.err.splitlines())) == (2, "", 1), ran.words
        assert words in ran.err
    brigade.gateway["listen"] = source.endpoint.url.removeprefix("http://")
    brigade.write_config()
    ran = await brigade("run", "gateway")
    assert (ran.code, len(ran.err.splitlines())) == (2, 1), ran.words
    assert "cannot listen on" in ran.err
    brigade.gateway = None
    brigade.write_config()
    ran = await brigade("run")
    assert (ran.code, len(ran.err.splitlines())) == (2, 1), ran.words
    assert "there is no section `gateway`" in ran.err


async def test_a_changed_configuration_is_taken_up_and_a_wrong_one_is_not(brigade, place):
    source, target, second = (place("seaweed") for _ in range(3))
    c = brigade.reach("c", second)
    configure(brigade, source, target)
    async with running_gateway(brigade, source) as (process, through):
        await asyncio.to_thread(through.put, "one", b"1")
        await until(lambda: target.keys() == ["one"])
        # A second target, by the file alone; the gateway stays as it is.
        brigade.replications["more"] = {**brigade.replications["photos"], "target": c}
        brigade.write_config()
        await brigade.said(process, "configuration: read again")
        await until(lambda: second.keys() == ["one"])
        await asyncio.to_thread(through.put, "two", b"2")
        await until(lambda: target.keys() == second.keys() == ["one", "two"])
        # A wrong file is told of, and what was read before goes on.
        brigade.replications["wrong"] = {"source": "nowhere:x", "target": c}
        brigade.write_config()
        process.send_signal(signal.SIGHUP)
        await brigade.complained(process, "what was read before stays in force")
        await asyncio.to_thread(through.put, "three", b"3")
        await until(lambda: target.keys() == second.keys() == ["one", "three", "two"])
        # What is wanted no more ends; the others go on.
        del brigade.replications["wrong"], brigade.replications["photos"]
        brigade.write_config()
        process.send_signal(signal.SIGHUP)
        await brigade.said(process, "configuration: read again")
        await asyncio.to_thread(through.put, "four", b"4")
        await until(lambda: "four" in set(second.keys()))
        assert "four" not in set(target.keys())
        await stop(brigade, process)
