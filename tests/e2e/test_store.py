"""`brigade store check` and `brigade ls` against real servers."""

from __future__ import annotations

import pytest

from brigade.testing.available import available

pytestmark = pytest.mark.server

FULL = [name for name in ("seaweed", "ceph") if name in available()]
# What each server is known not to have.
MISSING = {"seaweed": ["byte-order listing"], "ceph": ["part reads"]}


@pytest.mark.parametrize("server", FULL)
async def test_every_step_is_named_with_its_result_and_nothing_is_left(brigade, own_bucket, server):
    bucket = own_bucket(server)
    bucket.put("mine", b"1")
    ran = await brigade("store", "check", brigade.reach("a", bucket).rstrip("/"), "--json")
    assert ran.code == 0, ran.words
    steps = {step["name"]: step["verdict"] for step in ran.json["steps"]}
    assert len(steps) == 12
    assert [name for name, verdict in steps.items() if verdict != "ok"] == MISSING[server]
    assert (bucket.keys(), bucket.uploads()) == (["mine"], [])


async def test_read_only_writes_nothing(brigade, place, proxied):
    bucket = place("seaweed")
    proxy = await proxied(bucket)
    ran = await brigade("store", "check", brigade.reach("a", bucket, url=proxy.url), "--read-only")
    assert ran.code == 0
    assert not {name for name in proxy.counts if name not in ("list_page", "read_tags", "head", "get", "other")}


async def test_what_a_pair_cannot_carry_is_said_before_and_in_one_line(brigade, place):
    bucket = place("seaweed")
    bucket.put("a", b"1")
    a = brigade.reach("a", bucket)
    ran = await brigade("store", "check", a, "out", "--json", "--read-only")
    assert ran.code == 1, "the directory is not there yet"
    (brigade.directory / "out").mkdir()
    ran = await brigade("store", "check", a, "out", "--json", "--read-only")
    lost = [row["what"] for row in ran.json["fidelity"] if row["fate"] == "not carried"]
    assert lost
    notes = (await brigade("sync", a, "out")).err.splitlines()
    assert len(notes) == 1
    assert all(what in notes[0] for what in lost)


@pytest.mark.parametrize(
    ("settings", "step", "words"),
    [
        ({"secret_key": "wrong"}, "sign", "the secret key is wrong"),
        ({"endpoint": "http://127.0.0.1:1"}, "reach", "check the endpoint and the network"),
    ],
)
async def test_the_step_that_fails_says_what_to_do(brigade, place, settings, step, words):
    bucket = place("seaweed")
    ran = await brigade("store", "check", brigade.reach("a", bucket, **settings))
    assert ran.code == 1
    (failed,) = (line for line in ran.out.splitlines() if " failed " in line)
    assert failed.startswith(step)
    assert words in failed


async def test_a_bucket_that_is_not_there_cannot_be_listed(brigade, place):
    brigade.reach("a", place("seaweed"))
    ran = await brigade("store", "check", "a:there-is-no-such-bucket")
    assert ran.code == 1
    assert "list                failed" in ran.out


@pytest.mark.parametrize("server", FULL)
async def test_ls_shows_a_level_or_all(brigade, place, server):
    bucket = place(server)
    for key in ("b", "a/1", "a/2", "a/x/1", "c/1"):
        bucket.put(key, b"22")
    a = brigade.reach("a", bucket)
    level = (await brigade("ls", a, "--json")).lines
    assert sorted(line.get("key") or line["prefix"] for line in level) == ["a/", "b", "c/"]
    whole = (await brigade("ls", a, "-R", "--json")).lines
    assert {line["key"]: line["size_bytes"] for line in whole} == dict.fromkeys(["b", "a/1", "a/2", "a/x/1", "c/1"], 2)
    assert {line["key"]: line["etag"] for line in whole} == bucket.etags()
