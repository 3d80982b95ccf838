from __future__ import annotations

from pathlib import Path

import pytest

from brigade.config.document import Problem
from brigade.config.interpolate import interpolate


def run(tree: object, directory: Path = Path("/"), **environment: str) -> tuple[object, list[Problem]]:
    return interpolate(tree, environment=environment, directory=directory)


def test_references_are_replaced_anywhere_in_any_text():
    tree = {"a": ["${X}", "pre-${X}-${Y}"], "b": {"c": "plain"}, "d": 5, "${X}": "keys stay"}
    expected = {"a": ["1", "pre-1-2"], "b": {"c": "plain"}, "d": 5, "${X}": "keys stay"}
    assert run(tree, X="1", Y="2") == (expected, [])


def test_a_file_is_read_without_its_last_line_break(tmp_path: Path):
    (tmp_path / "key").write_text("s3cret\r\n")
    assert run("${file:key}", tmp_path) == ("s3cret", [])
    assert run(f"${{file:{tmp_path}/key}}") == ("s3cret", [])


def test_an_empty_file_is_an_empty_text(tmp_path: Path):
    (tmp_path / "empty").write_text("")
    assert run("a${file:empty}b", tmp_path) == ("ab", [])


def test_two_dollars_are_one():
    assert run("$${X} $5 $", X="1") == ("${X} $5 $", [])


def test_a_replaced_text_is_not_read_again():
    assert run("${X}", X="${Y}", Y="no") == ("${Y}", [])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("${MISSING}", "the environment variable MISSING is not set"),
        ("${}", "a reference is written ${NAME} or ${file:/path}"),
        ("${A-B}", "a reference is written"),
        ("${file:/does/not/exist}", "cannot read /does/not/exist: No such file"),
    ],
)
def test_a_reference_that_leads_nowhere_names_its_place(text: str, words: str):
    _, problems = run({"stores": [{"key": text}]})
    assert [problem.place for problem in problems] == [("stores", 0, "key")]
    assert words in problems[0].words


def test_every_bad_reference_is_told():
    assert len(run({"a": "${X}", "b": "${Y}"})[1]) == 2
