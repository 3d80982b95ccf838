"""Replications that cannot be: what is asked for, the target, or both together make no sense; told before any run."""

from __future__ import annotations

from pathlib import Path

import pytest

from brigade.config.load import Loaded, examine_config

STORES = """\
stores:
  swift: {type: swift, auth_url: "http://swift.example/auth/v1.0", user: "a:b", key: x}
  s3: {type: s3, endpoint: "https://s3.example"}
  google: {type: gcs, anonymous: true}
  azure: {type: azure, account: acc, anonymous: true}
  every: {type: azure, account: acc, anonymous: true, versions: all}
  ages: {type: gcs, anonymous: true, versions: all}
  disk: {type: file, root: /srv/x}
replications:
  r: {source: "%s", target: "%s", %s}
"""


def found(directory: Path, target: str, more: str, source: str = "swift:c") -> list[str]:
    """The mistakes, each without the name of the file."""
    file = directory / "brigade.yaml"
    file.write_text(STORES % (source, target, more), encoding="utf-8")
    judged = examine_config(file, {})
    return [] if isinstance(judged, Loaded) else [line.partition(": ")[2] for line in judged]


@pytest.mark.parametrize("target", ["google:b", "azure:b", "disk:", "./copies", "gs://b", "az://b"])
def test_who_cannot_let_objects_expire_is_told_so_by_the_check(tmp_path: Path, target: str):
    (line,) = found(tmp_path, target, "expire_after: 30d")
    assert line.startswith(f"replications.r.expire_after: {target} cannot let objects expire by itself")
    assert line.endswith("drop expire_after")


@pytest.mark.parametrize(
    ("target", "duration", "is_right"),
    [
        ("s3:b", "30d", True),
        ("s3://b/p", "2w", True),
        ("s3:b", "36h", False),
        ("s3://b/p", "90s", False),
        ("swift:b", "90s", True),
        ("swift://b", "36h", True),
        ("swift:b", "0", False),
        ("s3:b", "0d", False),
    ],
)
def test_an_expiry_is_what_its_target_can_keep(tmp_path: Path, target: str, duration: str, is_right: bool):
    lines = found(tmp_path, target, f"expire_after: {duration}")
    assert (not lines) is is_right
    words = "whole days" if duration in ("36h", "90s") else "gone when it arrives"
    assert all(words in line for line in lines)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("layout: hashed", "replications.r: `layout: hashed` needs the `account`"),
        ("account: AUTH_a", "replications.r: `account` is for `layout: hashed`"),
        ("layout: hashed, account: AUTH_a/c", "replications.r: `account` is the name alone"),
        ("retain_source: false, delete: mirror", "(leave delete at `no`)"),
        ("retain_source: false, compare: size", "an archive needs proof"),
        ("retain_local: false", "replications.r.retain_local: unknown key, did you mean retain_source?"),
        ("propagate_delete: true", "replications.r.propagate_delete: unknown key, did you mean delete?"),
        ("remote_delete_after: 5", "unknown key, did you mean expire_after?"),
    ],
)
def test_what_contradicts_itself_or_is_another_tools_word_is_one_line(tmp_path: Path, more: str, words: str):
    (line,) = found(tmp_path, "s3:b", more)
    assert words in line


def test_a_location_without_a_bucket_is_found_before_a_run(tmp_path: Path):
    (line,) = found(tmp_path, "s3:", "layout: plain")
    assert line == "replications.r.target: s3: names no bucket: write s3:bucket or s3:bucket/prefix"
    assert found(tmp_path, "disk:", "layout: plain") == []


@pytest.mark.parametrize("view", ["every:c", "ages:b/p"])
def test_a_store_that_shows_older_versions_is_a_source_only(tmp_path: Path, view: str):
    (line,) = found(tmp_path, view, "layout: plain")
    assert line.startswith(f"replications.r.target: {view} shows older versions as objects (versions: all)")
    assert found(tmp_path, "s3:b", "layout: plain", source=view) == []
    (line,) = found(tmp_path, "s3:b", "retain_source: false", source=view)
    assert line.startswith("replications.r.retain_source: ")
    assert line.endswith("nothing is deleted there")
