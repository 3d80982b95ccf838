"""`kill -9` at any moment: the next run finishes the rest only, and nothing is left astray."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from brigade.testing.available import available
from brigade.testing.bodies import pattern
from brigade.testing.buckets import Bucket
from brigade.testing.processes import children
from brigade.testing.proxy import ProxyAction, ProxyFault

pytestmark = pytest.mark.server

FULL = [name for name in ("seaweed", "ceph") if name in available()]
MEBIBYTE = 1024 * 1024
PARTS = [pattern(5 * MEBIBYTE, number) for number in range(19)] + [b"end"]
SMALL = {f"{number // 50:02}/{number:04}": b"%d" % number for number in range(2000)}


@pytest.fixture(scope="module")
def many_files(tmp_path_factory):
    """2,000 small files."""
    root = tmp_path_factory.mktemp("many")
    for key, body in SMALL.items():
        (root / key).parent.mkdir(exist_ok=True)
        (root / key).write_bytes(body)
    return root


@pytest.fixture(scope="module")
def large_objects(running):
    """One object of 20 parts on each server."""
    made = {}

    def give(server):
        if server not in made:
            at = running(server)
            made[server] = Bucket(at.endpoint, at.make_bucket("large"))
            made[server].put_parts("large", PARTS, Metadata={"v": "1"})
        return made[server]

    return give


async def test_in_the_middle_of_two_thousand_objects(brigade, many_files, place, proxied):
    middle, target = place("seaweed"), place("seaweed")
    m = brigade.reach("m", middle)
    assert (await brigade.sync(str(many_files), m)).json["copied"] == 2000
    at_source, at_target = await proxied(middle), await proxied(target)
    a, b = brigade.reach("a", middle, url=at_source.url), brigade.reach("b", target, url=at_target.url)
    process = await brigade.start("sync", a, b, "--processes", "1")
    await brigade.reached(process, lambda: at_target.counts["put"] > 700)
    await brigade.kill(process)
    # What was on its way through the proxy still arrives.
    await asyncio.sleep(1)
    done = target.etags()
    assert 500 < len(done) < 2000
    assert done.items() <= middle.etags().items()
    at_source.forget()
    ran = await brigade.sync(a, b)
    # What was proven is not read again: as many reads as there were objects left.
    assert ran.json["copied"] == 2000 - len(done)
    assert at_source.counts["get"] == 2000 - len(done)
    assert (ran.json["skipped"], ran.json["in_step"]) == (len(done), True)
    assert target.etags() == middle.etags()
    assert target.uploads() == []


async def test_in_the_middle_of_two_thousand_files_of_a_directory(brigade, many_files, tmp_path):
    process = await brigade.start("sync", str(many_files), "down", "--processes", "1")
    down = tmp_path / "down"
    await brigade.reached(process, (down / "10" / "0520").exists)
    await brigade.kill(process)

    def files():
        found = [path for path in down.rglob("*") if path.is_file()]
        return {path.relative_to(down).as_posix(): path for path in found if not hidden(path.relative_to(down))}

    def hidden(path: Path):
        return path.parts[0].startswith(".brigade")

    done = files()
    assert 0 < len(done) < 2000
    # A file is there with all of its content, or not at all.
    assert all(path.read_bytes() == SMALL[key] for key, path in done.items())
    assert (await brigade.sync(str(many_files), "down")).json["in_step"] is True
    assert {key: path.read_bytes() for key, path in files().items()} == SMALL
    assert not [path for path in down.rglob("*") if path.is_file() and hidden(path.relative_to(down))]


@pytest.mark.parametrize("target_server", FULL)
async def test_in_the_middle_of_an_upload_of_twenty_parts(brigade, large_objects, place, proxied, target_server):
    source, target = large_objects(target_server), place(target_server)
    at_source, at_target = await proxied(source), await proxied(target)
    a, b = brigade.reach("a", source, url=at_source.url), brigade.reach("b", target, url=at_target.url)
    # The answer to the tenth part never comes.
    at_target.add(ProxyFault("put_part", ProxyAction.HANG_RESPONSE, number=10, times=20))
    process = await brigade.start("sync", a, b)
    await brigade.reached(process, lambda: target.uploaded_parts() >= 9)
    await brigade.kill(process)
    assert target.keys() == []
    assert target.uploads() == ["large"]
    at_target.faults.clear()
    there = target.uploaded_parts()
    at_source.forget()
    at_target.forget()
    ran = await brigade.sync(a, b)
    assert ran.json["copied"] == 1
    assert at_target.counts["create_multipart"] == 0
    # More may have arrived since it was counted; what is there is neither read nor sent again.
    assert at_target.counts["put_part"] <= 20 - there
    assert at_source.counts["get"] == at_target.counts["put_part"]
    assert target.etags() == source.etags()
    assert target.head("large")["Metadata"] == {"v": "1"}
    assert target.uploads() == []


@pytest.mark.parametrize("target_server", FULL)
@pytest.mark.parametrize("call", ["create_multipart", "complete_multipart"])
async def test_while_an_answer_is_held_back(brigade, large_objects, place, proxied, target_server, call):
    source, target = large_objects(target_server), place(target_server)
    at_target = await proxied(target, ProxyFault(call, ProxyAction.HANG_RESPONSE))
    a, b = brigade.reach("a", source), brigade.reach("b", target, url=at_target.url)
    process = await brigade.start("sync", a, b)
    await brigade.reached(process, lambda: sum(at_target.fired.values()))
    await brigade.kill(process)
    assert target.uploads() == (["large"] if call == "create_multipart" else [])
    at_target.forget()
    ran = await brigade.sync(a, b)
    assert ran.json["in_step"] is True
    assert target.etags() == source.etags()
    assert target.uploads() == []
    if call == "complete_multipart":
        assert at_target.counts["put_part"] == 0


async def test_an_upload_whose_source_is_gone_is_cleaned_away(brigade, place, proxied):
    source, target = place("seaweed"), place("seaweed")
    source.put_parts("large", PARTS[:3])
    source.put("small", b"1")
    at_target = await proxied(target, ProxyFault("put_part", ProxyAction.HANG, number=2, times=9))
    a, b = brigade.reach("a", source), brigade.reach("b", target, url=at_target.url)
    process = await brigade.start("sync", a, b)
    await brigade.reached(process, lambda: at_target.counts["put_part"] >= 2)
    await brigade.kill(process)
    assert target.uploads() == ["large"]
    source.delete("large")
    at_target.faults.clear()
    await brigade.sync(a, b)
    assert target.uploads() == []


async def test_with_helper_processes_they_end_and_the_next_run_finishes(
    brigade, large_objects, place, proxied, tmp_path
):
    # Enough bytes that helpers are called: sparse files cost nothing to make.
    source = tmp_path / "up"
    source.mkdir()
    for number in range(17):
        with (source / f"large-{number:02}").open("wb") as file:
            file.truncate(32 * MEBIBYTE)
    down = tmp_path / "down"
    process = await brigade.start("sync", "up", "down", "--processes", "2")
    await brigade.reached(process, lambda: children(process.pid))
    helpers = set(children(process.pid))
    await brigade.kill(process)
    await asyncio.to_thread(wait_until_gone, helpers)
    for path in down.glob("large-*"):
        assert path.stat().st_size == 32 * MEBIBYTE
    ran = await brigade.sync("up", "down", "--processes", "2")
    assert ran.json["in_step"] is True
    assert len(list(down.glob("large-*"))) == 17


def wait_until_gone(pids):
    until = time.monotonic() + 40
    while any(map(is_alive, pids)):
        assert time.monotonic() < until, "a helper outlives its run"
        time.sleep(0.02)


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
