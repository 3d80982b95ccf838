"""`brigade store add | change | remove | show | check` on the state, and where secrets may come from."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

CONFIG = """
seal_key: "0123456789012345678901234567890123456789"
stores:
  one: {type: s3, endpoint: "http://127.0.0.1:1", access_key: a, secret_key: canary}
"""
S3 = ("more", "s3", "--set", "endpoint=http://127.0.0.1:2", "--set", "access_key=k")


@pytest.fixture
def ready(brigade, write):
    write(**{"brigade.yaml": CONFIG})
    return brigade


def test_a_store_from_its_making_to_its_end(ready, tmp_path: Path):
    (tmp_path / "data").mkdir()
    assert ready("store", "add", "disk", "file", "--set", "root=data")[:2] == (0, "disk is set up\n")
    assert ready("store", "change", "disk", "--set", "fsync=false", "--set", "concurrency=3").code == 0
    assert json.loads(ready("store", "show", "disk", "--json").out)["settings"] == {
        "type": "file",
        "root": "data",
        "fsync": False,
        "concurrency": 3,
    }
    assert ready("store", "change", "disk", "--set", "fsync=").code == 0
    assert (
        ready("store", "show", "disk").out
        == 'disk: file data (api)\n  type: "file"\n  root: "data"\n  concurrency: 3\n'
    )
    checked = ready("store", "check", "disk:x")
    assert (checked.code, "what disk:x holds of an object" in checked.out) == (0, True), checked
    assert json.loads(ready("store", "check", "disk:x", "--json", "--read-only").out)["well"] is True
    assert ready("store", "remove", "disk").code == 0
    assert ready("store", "show", "disk").code == 2
    assert [line.split(":")[0] for line in ready("store", "list").out.splitlines()] == ["one"]
    assert ready("store", "remove", "one").code != 0


def test_secrets_come_from_the_environment_a_file_stdin_or_a_prompt(ready, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("SECRET", "canary-env")
    (tmp_path / "secret").write_text("canary-file\n")
    ran = ready("store", "add", *S3, "--secret-env", "secret_key=SECRET", "--secret-file", "session_token=secret")
    assert (ran.code, "canary" in ran.out + ran.err) == (0, False)
    shown = ready("store", "show", "more", "--json").out
    assert json.loads(shown)["settings"]["secret_key"] == "********"
    assert "canary" not in shown
    # A secret stays that is not named.
    assert ready("store", "change", "more", "--set", "region=here").code == 0
    monkeypatch.setattr("sys.stdin", io.StringIO("canary-stdin\n"))
    assert ready("store", "change", "more", "--secret-file", "secret_key=-").code == 0
    assert ready("store", "change", "more", "--set", "session_token=").code == 0
    assert set(json.loads(ready("store", "show", "more", "--json").out)["settings"]) == {
        "type",
        "endpoint",
        "access_key",
        "secret_key",
        "region",
    }
    asked = []

    def prompt(text, *, hide_input, err):
        asked.append((text, hide_input, err))
        return "canary-told"

    monkeypatch.setattr("typer.prompt", prompt)
    assert ready("store", "change", "more", "--secret-prompt", "secret_key").code == 0
    assert asked == [("secret_key", True, True)]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--set", "secret_key=canary"], "can be read by everybody"),
        (["--set", "queue={url: u, secret_key: canary}"], "can be read by everybody"),
        (["--set", "canary"], "--set takes KEY=VALUE"),
        (["--secret-env", "secret_key=NOWHERE"], "no variable NOWHERE"),
        (["--secret-env", "secret_key"], "--secret-env takes KEY=WHERE"),
        (["--secret-file", "secret_key=nowhere"], "nowhere cannot be read"),
        (["--secret-file", "secret_key=/dev/null"], "is empty"),
        (["--secret-env", "region=HOME"], "region is no secret"),
    ],
)
def test_a_secret_is_never_taken_from_the_command_line(ready, arguments, words):
    ran = ready("store", "add", *S3, *arguments)
    assert (ran.code, words in ran.err) == (2, True), ran
    assert "canary" not in ran.err
    assert "more" not in ready("store", "list").out
