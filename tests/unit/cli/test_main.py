from __future__ import annotations

import pytest
import typer

from brigade import __version__
from brigade.cli import main as cli
from brigade.cli.main import VERBS, main
from brigade.errors import UsageError


def test_help_names_every_verb_and_what_it_does(brigade):
    ran = brigade("--help")
    assert ran.code == 0
    for name, verb in VERBS.items():
        assert name in ran.out
        assert verb.help in ran.out


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_has_a_help_of_its_own(brigade, verb: str):
    ran = brigade(verb, "--help")
    assert ran.code == 0
    assert f"brigade {verb}" in ran.out


def test_version(brigade):
    assert brigade("version").out == f"brigade {__version__}\n"


def test_without_a_verb_the_help_is_printed_and_the_code_is_2(brigade):
    ran = brigade()
    assert (ran.code, ran.out) == (2, brigade("--help").out)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["snyc"], "No such command 'snyc'"),
        (["sync", "a"], "Missing argument 'TARGET'"),
        (["sync", "a", "b", "--frobnicate"], "No such option: --frobnicate"),
        (["sync", "a", "b", "--delete", "maybe"], "'maybe' is not one of 'no', 'tracked', 'mirror'"),
        (["sync", "a", "b", "--transfers", "0"], "0 is not in the range x>=1"),
        (["run"], "there is no configuration here"),
    ],
)
def test_wrong_usage_is_one_line_and_2(brigade, arguments: list[str], words: str):
    ran = brigade(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("brigade: error: ")
    assert words in ran.err
    assert ran.err.count("\n") == 1


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch):
    """Makes the whole command raise an error."""

    def fail(error: BaseException) -> None:
        def app(**_: object) -> None:
            raise error

        monkeypatch.setattr(cli, "app", app)

    return fail


def test_an_error_of_ours_is_one_line_with_its_hint(failing, capsys: pytest.CaptureFixture[str]):
    failing(UsageError("the key\nis odd", hint="look"))
    assert main([]) == 2
    assert capsys.readouterr().err == "brigade: error: the key is odd (look)\n"


def test_an_interrupt_is_130_and_says_that_nothing_is_lost(failing, capsys: pytest.CaptureFixture[str]):
    for error in (KeyboardInterrupt(), typer.Abort()):
        failing(error)
        assert main([]) == 130
        assert "the next run goes on" in capsys.readouterr().err


def test_an_unexpected_error_is_one_line_that_names_its_traceback(
    failing, capsys: pytest.CaptureFixture[str], tmp_path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    failing(ExceptionGroup("x", [ExceptionGroup("y", [ZeroDivisionError("by zero")])]))
    assert main([]) == 1
    line = capsys.readouterr().err
    assert line.startswith("brigade: error: unexpected ZeroDivisionError: by zero; the traceback is in ")
    assert "Traceback" not in line
    (written,) = tmp_path.glob("brigade-*.traceback")
    assert str(written) in line
    assert "ZeroDivisionError" in written.read_text()


def test_debug_shows_the_traceback(failing, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("BRIGADE_DEBUG", "1")
    failing(ZeroDivisionError("by zero"))
    assert main([]) == 1
    assert "ZeroDivisionError: by zero" in capsys.readouterr().err
