"""`brigade sync`: copies what is missing, proves it, and does nothing the second time."""

from __future__ import annotations

import asyncio
import json

import pytest

from brigade.testing.available import available
from brigade.testing.bodies import pattern

pytestmark = pytest.mark.server

FULL = [name for name in ("seaweed", "ceph") if name in available()]
SMALL = {"a": b"1", "b/c": b"22", "b/d.txt": b"", "e": pattern(70_000)}

SUMMARY_KEYS = [
    "copied",
    "copied_bytes",
    "metadata_updated",
    "deleted",
    "skipped",
    "failed",
    "conflicts",
    "unprovable",
    "duration_seconds",
    "in_step",
    "refused",
    "incomplete",
    "dry_run",
    "archived",
]


def fill(bucket, objects=SMALL):
    for key, body in objects.items():
        bucket.put(key, body)


@pytest.mark.parametrize("target_server", FULL)
@pytest.mark.parametrize("source_server", FULL)
async def test_a_second_sync_copies_nothing_and_asks_for_no_object(
    brigade, place, proxied, source_server, target_server
):
    source, target = place(source_server), place(target_server)
    fill(source)
    source.put_parts("parts", [pattern(5 * 1024 * 1024), b"end"])
    # An object that is synced in the very second of its writing is looked at once more by the next run.
    await asyncio.sleep(1)
    at_source, at_target = await proxied(source), await proxied(target)
    a, b = brigade.reach("a", source, url=at_source.url), brigade.reach("b", target, url=at_target.url)
    first = await brigade.sync(a, b)
    assert (first.json["copied"], first.json["in_step"]) == (5, True)
    assert {line["proof"] for line in first.report.values()} == {"etag"}
    assert target.contents() == source.contents()
    assert target.etags() == source.etags()
    at_source.forget()
    at_target.forget()
    second = await brigade.sync(a, b)
    assert (second.json["copied"], second.json["skipped"], second.json["in_step"]) == (0, 5, True)
    for proxy in (at_source, at_target):
        # Opening a store tries one listing, the locks of the bucket and the tags of one object, whatever it holds.
        assert proxy.counts["list_page"] == 3
        assert proxy.counts["read_tags"] <= 1
        assert not proxy.counts.keys() - {"list_page", "read_tags"}


async def test_a_directory_goes_up_and_comes_back_and_stays(brigade, place, proxied, tmp_path):
    bucket = place("seaweed")
    proxy = await proxied(bucket)
    b = brigade.reach("b", bucket, url=proxy.url)
    for key, body in SMALL.items():
        (tmp_path / "up" / key).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "up" / key).write_bytes(body)
    assert (await brigade.sync("up", b)).json["copied"] == 4
    assert bucket.contents() == SMALL
    assert (await brigade.sync(b, "down")).json["copied"] == 4
    assert {key: (tmp_path / "down" / key).read_bytes() for key in SMALL} == SMALL
    proxy.forget()
    for source, target in (("up", b), (b, "down")):
        again = await brigade.sync(source, target)
        assert (again.json["copied"], again.json["skipped"]) == (0, 4)
    assert not proxy.counts.keys() - {"list_page", "read_tags"}
    assert proxy.counts["read_tags"] <= 2


async def test_json_has_the_documented_keys_and_the_report_a_line_for_each_object(brigade, place, tmp_path):
    source, target = place("seaweed"), place("seaweed")
    fill(source)
    fill(target, {"a": b"1", "extra": b"?"})
    a, b = brigade.reach("a", source), brigade.reach("b", target)
    ran = await brigade.sync(a, b, "--exclude", "e")
    assert ran.out.count("\n") == 1
    assert list(ran.json) == SUMMARY_KEYS
    assert ran.json["copied_bytes"] == 2
    lines = [json.loads(line) for line in (tmp_path / "report.jsonl").read_text().splitlines()]
    assert sorted(line["key"] for line in lines) == ["a", "b/c", "b/d.txt", "e", "extra"]
    assert all(list(line) == ["key", "action", "reason", "proof", "size_bytes", "error"] for line in lines)
    actions = {key: (line["action"], line["proof"]) for key, line in ran.report.items()}
    assert actions["a"] == ("skip", "etag")
    assert actions["b/c"] == ("copy", "etag")
    assert "excluded by 'e'" in ran.report["e"]["reason"]
    assert "deletion is off" in ran.report["extra"]["reason"]


async def test_a_dry_run_changes_nothing_at_either_side(brigade, place, proxied):
    source, target = place("seaweed"), place("seaweed")
    fill(source)
    fill(target, {"a": b"other", "extra": b"?"})
    before = target.contents()
    proxy = await proxied(target)
    a, b = brigade.reach("a", source), brigade.reach("b", target, url=proxy.url)
    ran = await brigade("sync", a, b, "--dry-run", "--delete", "mirror", "--max-delete", "50%")
    assert ran.code == 0
    assert {tuple(line.split("  ")[:2]) for line in ran.out.splitlines() if "  " in line} == {
        ("copy", "a"),
        ("copy", "b/c"),
        ("copy", "b/d.txt"),
        ("copy", "e"),
        ("delete", "extra"),
    }
    assert "dry run: nothing was changed" in ran.out
    assert target.contents() == before
    assert {request.method for request in proxy.requests} <= {"GET", "HEAD"}
    # It is on no record either: the next run does all of it.
    assert (await brigade.sync(a, b)).json["copied"] == 4


async def test_rules_are_tried_in_order_and_limits_hold(brigade, place):
    source, target = place("seaweed"), place("seaweed")
    fill(
        source, {"logs/a.log": b"12", "logs/keep.log": b"12", "img/a.png": b"1234", "img/b.png": b"", "n": b"12345678"}
    )
    a = brigade.reach("a", source)

    async def copied(*options):
        ran = await brigade.sync(a, brigade.reach("b", target), "--dry-run", *options)
        return sorted(key for key, line in ran.report.items() if line["action"] == "copy")

    assert await copied("--exclude", "logs/**", "--include", "**") == ["img/a.png", "img/b.png", "n"]
    assert await copied("--include", "keep.log", "--exclude", "*.log", "--include", "**") == [
        "img/a.png",
        "img/b.png",
        "logs/keep.log",
        "n",
    ]
    assert await copied("--exclude", "*.log", "--include", "keep.log", "--include", "**") == [
        "img/a.png",
        "img/b.png",
        "n",
    ]
    assert await copied("--min-size", "2B", "--max-size", "4B") == ["img/a.png", "logs/a.log", "logs/keep.log"]
    assert await copied("--min-age", "1h") == []
    assert len(await copied("--max-age", "1h")) == 5
