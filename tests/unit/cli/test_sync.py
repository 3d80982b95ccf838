from __future__ import annotations

import json
from pathlib import Path

import pytest

KEYS = [
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
]


def test_a_directory_is_copied_and_copied_no_more(brigade, write, tmp_path: Path):
    write(a__x="1", a__sub__y="22")
    ran = brigade("sync", "a", "b")
    assert ran.code == 0
    assert ran.out.startswith("2 copied (3 B), 0 skipped in ")
    assert ran.out.endswith("\nin step\n")
    assert (tmp_path / "b/sub/y").read_text() == "22"
    assert brigade("sync", "a", "b").out.startswith("0 copied (0 B), 2 skipped in ")


def test_json_is_one_object_with_the_promised_keys(brigade, write):
    write(a__x="1")
    ran = brigade("sync", "a", "b", "--json")
    values = json.loads(ran.out)
    assert ran.out.count("\n") == 1
    assert list(values)[: len(KEYS)] == KEYS
    assert (values["copied"], values["copied_bytes"], values["in_step"]) == (1, 1, True)


def test_a_dry_run_prints_the_plan_and_changes_nothing(brigade, write, tmp_path: Path):
    write(a__x="1", a__y="2")
    ran = brigade("sync", "a", "b", "--dry-run")
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert lines[:2] == ["copy  x  missing at the target", "copy  y  missing at the target"]
    assert lines[2].startswith("2 would be copied (2 B)")
    assert lines[3] == "dry run: nothing was changed"
    assert not (tmp_path / "b").exists()


def test_the_report_has_a_line_for_each_object(brigade, write, tmp_path: Path):
    write(a__x="1", a__y="22")
    (tmp_path / "a/link").symlink_to("x")
    brigade("sync", "a", "b", "--report", "r.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    assert {(line["key"], line["action"]) for line in lines} == {("x", "copy"), ("y", "copy"), ("link", "skip")}
    assert all(list(line) == ["key", "action", "reason", "proof", "size_bytes", "error"] for line in lines)


def test_filters_limits_and_their_order_reach_the_run(brigade, write, tmp_path: Path):
    write(a__keep__x="1", a__keep__tmp__y="1", a__drop__z="1", a__big="0123456789")
    brigade("sync", "a", "b", "--exclude", "**/tmp/**", "--include", "keep/**", "--include", "big", "--max-size", "5B")
    assert [path.relative_to(tmp_path / "b").as_posix() for path in (tmp_path / "b").rglob("?")] == ["keep/x"]


def test_mirror_deletes_within_the_guard(brigade, write, tmp_path: Path):
    write(a__x="1", b__x="1", b__y="1", b__z="1")
    refused = brigade("sync", "a", "b", "--delete", "mirror")
    assert refused.code == 3
    assert "refused: 2 of 3 objects would be deleted" in refused.out
    assert "NOT in step" in refused.out
    assert (tmp_path / "b/z").exists()
    done = brigade("sync", "a", "b", "--delete", "mirror", "--max-delete", "2")
    assert (done.code, "2 deleted" in done.out) == (0, True)
    assert [path.name for path in (tmp_path / "b").iterdir() if not path.name.startswith(".")] == ["x"]


def test_an_object_that_fails_is_shown_with_its_reason(brigade, write, tmp_path: Path):
    write(a__x="1", b__x__y="1")
    ran = brigade("sync", "a", "b")
    assert ran.code == 1
    failed = ran.out.splitlines()[0]
    assert failed.startswith("failed  x  ")
    assert "NOT in step" in ran.out


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["missing", "b"], 1, "the directory {here}/missing does not exist"),
        (["a", "a"], 2, "source and target are the same place"),
        (["a", "./a/../a"], 2, "source and target are the same place"),
        (["a", "a/sub"], 2, "the target lies inside the source"),
        (["a/sub", "a"], 2, "the source lies inside the target"),
        (["a", "link"], 2, "source and target are the same place"),
        (["a/x", "b"], 2, "is a file, a location is a directory"),
        (["nowhere:x", "b"], 2, "there is no store 'nowhere' (known: none"),
        (["a", "b", "--min-size", "much"], 2, "--min-size: 'much' is no size"),
        (["a", "b", "--max-age", "old"], 2, "--max-age: 'old' is no duration"),
        (["a", "b", "--max-delete", "most"], 2, "--max-delete: 'most' is no limit"),
        (["a", "b", "--bandwidth", "0"], 2, "--bandwidth: a bandwidth of '0' would never end"),
        (["a", "b", "--exclude", "[x"], 2, "--exclude: bad filter pattern '[x'"),
        (["a", "b", "--report", "no/r.jsonl"], 2, "--report no/r.jsonl: cannot be written"),
        (["a", "b", "--config", "no.yaml"], 2, "no.yaml: there is no such file (--config)"),
        (["a", "b", "--state", "mongo://x"], 2, "mongo is no database"),
    ],
)
def test_wrong_input_is_one_clear_line(brigade, write, tmp_path: Path, arguments: list[str], code: int, words: str):
    write(a__x="1", a__sub__y="1")
    (tmp_path / "link").symlink_to("a")
    ran = brigade("sync", *arguments)
    assert ran.code == code
    assert words.format(here=tmp_path) in ran.err
    assert ran.err.count("\n") == 1


def test_a_report_that_cannot_be_finished_fails_the_run_and_keeps_the_summary(brigade, write):
    write(a__x="1")
    ran = brigade("sync", "a", "b", "--report", "/dev/full")
    assert ran.code == 1
    assert "in step" in ran.out
    assert "the report /dev/full is not complete: No space left" in ran.err


def test_stores_of_the_configuration_have_names(brigade, write, tmp_path: Path):
    write(**{"brigade.yaml": "stores: {disk: {type: file, root: data}}\n", "data__p__x": "1", "data__pq__y": "2"})
    assert brigade("sync", "disk:p", "out").code == 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["x"]


def test_keys_that_would_write_on_the_terminal_are_quoted(brigade, tmp_path: Path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a/\x1b[2J\nx").write_text("1")
    ran = brigade("sync", "a", "b", "-n")
    assert ran.out.splitlines()[0] == r"copy  '\x1b[2J\nx'  missing at the target"
