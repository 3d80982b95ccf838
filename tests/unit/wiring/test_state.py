from __future__ import annotations

from pathlib import Path

import pytest

from brigade.errors import StateError
from brigade.wiring.state import state_url


def url(here: Path, option: str | None = None, configured: str | None = None, **environment: str) -> str:
    config = here / "etc" / "brigade.yaml"
    return state_url(option, environment, configured, directory=here, config=config)


def test_the_option_stands_over_the_variable_over_the_configuration_over_the_home(tmp_path: Path):
    home = {"XDG_STATE_HOME": str(tmp_path / "xdg")}
    assert url(tmp_path, "o.db", "c.db", BRIGADE_STATE="v.db", **home) == f"sqlite:///{tmp_path}/o.db"
    assert url(tmp_path, None, "c.db", BRIGADE_STATE="v.db", **home) == f"sqlite:///{tmp_path}/v.db"
    assert url(tmp_path, None, "c.db", **home) == f"sqlite:///{tmp_path}/etc/c.db"
    assert url(tmp_path, None, None, **home) == f"sqlite:///{tmp_path}/xdg/brigade/brigade.db"


def test_the_home_is_the_last_resort(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert url(tmp_path) == f"sqlite:///{tmp_path}/.local/state/brigade/brigade.db"
    assert (tmp_path / ".local/state/brigade").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sqlite:///x.db", "sqlite:///{here}/x.db"),
        ("sqlite:////abs/x.db", "sqlite:////abs/x.db"),
        ("postgresql://u:p@h/d", "postgresql://u:p@h/d"),
        ("sub/x.db", "sqlite:///{here}/sub/x.db"),
        ("sqlite://", "sqlite://"),
    ],
)
def test_a_state_is_a_file_or_a_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, expected: str):
    monkeypatch.setattr(Path, "mkdir", lambda *_, **__: None)
    assert url(tmp_path, text) == expected.format(here=tmp_path)


def test_a_folder_that_cannot_be_made_says_so(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match=r"cannot make .*file.*--state"):
        url(tmp_path, "file/x.db")
