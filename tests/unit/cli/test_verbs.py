from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

STORES = "stores: {disk: {type: file, root: data}, mem: {type: memory}}\n"


def test_diff_tells_each_difference_and_exits_1(brigade, write):
    write(a__same="1", a__changed="1")
    brigade("sync", "a", "b")
    write(a__new="1", b__old="1", b__changed="22")
    ran = brigade("diff", "a", "b")
    assert ran.code == 1
    assert {tuple(line.split("  ")[:2]) for line in ran.out.splitlines()[:-1]} == {
        ("missing", "new"),
        ("extra", "old"),
        ("different", "changed"),
    }
    assert ran.out.splitlines()[-1] == "1 the same, 3 differ"


def test_diff_as_json_is_a_line_for_each_difference(brigade, write):
    write(a__x="1", b__y="1")
    lines = [json.loads(line) for line in brigade("diff", "a", "b", "--json").out.splitlines()]
    assert [(line["key"], line["status"]) for line in lines] == [("x", "missing"), ("y", "extra")]
    assert all(list(line) == ["key", "status", "reason"] for line in lines)


def test_diff_of_equal_places_is_0_and_changes_nothing(brigade, write, tmp_path: Path):
    write(a__x="1")
    brigade("sync", "a", "b")
    assert brigade("diff", "a", "b").code == 0
    assert brigade("diff", "a", "nowhere").code == 1
    assert not (tmp_path / "nowhere").exists()


def test_diff_with_checksum_reads_what_listings_cannot_tell(brigade, write, tmp_path: Path):
    write(**{"brigade.yaml": STORES, "a__x": "1"})
    brigade("sync", "a", "b")
    copy = tmp_path / "b/x"
    times = copy.stat()
    copy.write_text("2")
    # With its record gone nothing but the bytes themselves can tell.
    os.removexattr(copy, "user.brigade")
    os.utime(copy, ns=(times.st_atime_ns, times.st_mtime_ns))
    ran = brigade("diff", "a", "b", "--checksum")
    assert (ran.code, ran.out.splitlines()[0][:12]) == (1, "different  x")


def test_ls_lists_one_level_or_all(brigade, write):
    write(a__x="1", a__sub__y="22")
    assert [line.split()[-1] for line in brigade("ls", "a").out.splitlines()] == ["sub/", "x"]
    assert [line.split()[-1] for line in brigade("ls", "a", "-R").out.splitlines()] == ["sub/y", "x"]


def test_ls_as_json(brigade, write):
    write(a__x="1", a__sub__y="22")
    folder, thing = (json.loads(line) for line in brigade("ls", "a", "--json").out.splitlines())
    assert folder == {"prefix": "sub/"}
    assert list(thing) == ["key", "size_bytes", "etag", "modified", "storage_class"]
    assert (thing["key"], thing["size_bytes"]) == ("x", 1)


def test_ls_of_a_missing_place_is_an_error(brigade):
    assert brigade("ls", "nowhere").code == 1


def test_config_init_writes_what_check_accepts(brigade, monkeypatch: pytest.MonkeyPatch):
    assert brigade("config", "init").code == 0
    ran = brigade("config", "check")
    assert ran.code == 2
    assert ran.err.count("is not set") == 4
    for name in ("OLD_ACCESS_KEY", "OLD_SECRET_KEY", "NEW_ACCESS_KEY", "NEW_SECRET_KEY"):
        monkeypatch.setenv(name, "x")
    ran = brigade("config", "check")
    assert (ran.code, ran.out) == (0, f"{Path.cwd()}/brigade.yaml is right: 2 stores, 1 replications\n")
    assert brigade("config", "init").code == 2


def test_config_check_finds_replications_that_write_one_key(brigade, write):
    config = (
        STORES + "replications:\n  one: {source: ./a, target: 'disk:x'}\n  two: {source: ./b, target: 'disk:x/y'}\n"
    )
    write(**{"brigade.yaml": config})
    ran = brigade("config", "check", "--json")
    assert ran.code == 2
    assert json.loads(ran.out)["problems"] == ["one and two could write the same key: their targets overlap"]
    assert brigade("run", "--once").code == 2


def test_config_schema_is_json(brigade):
    assert json.loads(brigade("config", "schema").out)["title"] == "brigade.yaml"


RUN = (
    STORES
    + """\
replications:
  bad: {source: ./missing, target: "disk:bad"}
  good: {source: ./a, target: "disk:good"}
"""
)


def test_run_once_runs_all_and_the_worst_decides(brigade, write, tmp_path: Path):
    write(**{"brigade.yaml": RUN, "a__x": "1"})
    ran = brigade("run", "--once")
    assert ran.code == 1
    assert "good: in step" in ran.out
    assert "brigade: error: bad: " in ran.err
    assert (tmp_path / "data/good/x").read_text() == "1"


def test_run_once_takes_names(brigade, write):
    write(**{"brigade.yaml": RUN, "a__x": "1"})
    ran = brigade("run", "--once", "--json", "good")
    assert ran.code == 0
    assert json.loads(ran.out)["replication"] == "good"
    assert "there is no replication 'goood' in the configuration (there are: bad, good)" in (
        brigade("run", "--once", "goood").err
    )


def test_run_once_needs_a_configuration(brigade):
    assert "there is no configuration here" in brigade("run", "--once").err


def test_a_dry_run_of_all_changes_nothing(brigade, write, tmp_path: Path):
    write(**{"brigade.yaml": RUN, "a__x": "1"})
    assert "copy  x  missing at the target" in brigade("run", "--once", "--dry-run", "good").out
    assert not (tmp_path / "data").exists()


def test_store_check_shows_steps_capabilities_and_fidelity(brigade, write, tmp_path: Path):
    write(**{"brigade.yaml": STORES, "data__x": "1"})
    ran = brigade("store", "check", "disk")
    assert ran.code == 0
    assert [line.split()[0] for line in ran.out.splitlines()[:3]] == ["reach", "sign", "list"]
    assert "capabilities" in ran.out
    assert "storage class             not carried" in ran.out
    assert [path.name for path in (tmp_path / "data").iterdir() if not path.name.startswith(".brigade-meta")] == ["x"]


def test_store_check_of_a_pair_shows_what_survives(brigade, write):
    write(**{"brigade.yaml": STORES, "data__x": "1"})
    ran = brigade("store", "check", "mem:b", "disk:", "--json", "--read-only")
    rows = {row["what"]: row["fate"] for row in json.loads(ran.out)["fidelity"]}
    assert rows["tags"] == "carried"
    assert rows["storage class"] == "not carried"


def test_store_check_of_what_is_not_there_fails(brigade, write):
    write(**{"brigade.yaml": STORES})
    ran = brigade("store", "check", "disk")
    assert ran.code == 1
    assert "failed" in ran.out
