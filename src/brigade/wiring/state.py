"""Where Brigade remembers: the option, the environment, the configuration, then a file in the home."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from brigade.errors import StateError

STATE_VARIABLE = "BRIGADE_STATE"
_SQLITE = "sqlite:///"


def state_url(
    option: str | None, environment: Mapping[str, str], configured: str | None, *, directory: Path, config: Path | None
) -> str:
    """The database to use. Relative files start at `directory`, those of the configuration beside it.

    Raises `StateError` if the folder of a file cannot be made.
    """
    if given := option or environment.get(STATE_VARIABLE):
        return _absolute(given, directory)
    if configured:
        return _absolute(configured, config.parent if config else directory)
    base = environment.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return _absolute(str(Path(base) / "brigade" / "brigade.db"), directory)


def _absolute(text: str, directory: Path) -> str:
    if "://" in text and not text.startswith(_SQLITE):
        return text
    name = text.removeprefix(_SQLITE)
    if name in ("", ":memory:"):
        return text
    path = directory / Path(name).expanduser()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StateError(
            f"state: cannot make {path.parent}: {error.strerror}", hint="name another file by --state"
        ) from None
    return f"{_SQLITE}{path}"
