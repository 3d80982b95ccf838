"""Finding and reading the configuration: file, references, types, then what the parts say of each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brigade.errors import ConfigError

if TYPE_CHECKING:
    from brigade.config.document import Problem
    from brigade.config.model import Config

FILE_NAME = "brigade.yaml"
FILE_VARIABLE = "BRIGADE_CONFIG"


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration that was found valid, the file it stands in, and what that says, references resolved."""

    file: Path
    config: Config
    values: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def directory(self) -> Path:
        """Where the relative paths of the configuration start."""
        return self.file.parent


def find_config(given: Path | None, environment: Mapping[str, str], directory: Path) -> Path | None:
    """The file to use: the option, then `BRIGADE_CONFIG`, then `brigade.yaml` here; None if there is none.

    Raises `ConfigError` if a file was named and is not there.
    """
    named = given or (Path(environment[FILE_VARIABLE]) if environment.get(FILE_VARIABLE) else None)
    if named is None:
        here = directory / FILE_NAME
        return here if here.is_file() else None
    if not named.is_file():
        asker = "--config" if given else FILE_VARIABLE
        raise ConfigError(f"{named}: there is no such file ({asker})", hint="`brigade config init` writes one")
    return named


def load_config(file: Path, environment: Mapping[str, str]) -> Loaded:
    """The configuration in `file`. Raises `ConfigError` for the first mistake, and tells how many there are."""
    result = examine_config(file, environment)
    if isinstance(result, Loaded):
        return result
    more = f"and {len(result) - 1} more: see `brigade config check`" if len(result) > 1 else ""
    raise ConfigError(result[0], hint=more)


def examine_config(file: Path, environment: Mapping[str, str]) -> Loaded | list[str]:
    """The configuration, or every mistake in it as a line of text.

    Raises `ConfigError` for a file that cannot be read or is not YAML.
    """
    from brigade.config.document import read_document
    from brigade.config.interpolate import interpolate

    document = read_document(_read(file), str(file))
    if not isinstance(document.values, dict):
        return [f"{file}: the configuration is empty" if document.values is None else f"{file}: not a section"]
    values: Any
    values, problems = interpolate(document.values, environment=environment, directory=file.parent)
    judged = judge(values, file.parent)
    if not problems and not isinstance(judged, list):
        return Loaded(file.absolute(), judged, values)
    from brigade.config.problems import format_problem

    problems += judged if isinstance(judged, list) else []
    placed = sorted(((document.line_of(problem.place), problem) for problem in problems), key=itemgetter(0))
    return [format_problem(problem, str(file), line) for line, problem in placed]


def judge(values: Mapping[str, Any], directory: Path) -> Config | list[Problem]:
    """The configuration that these values are, or every mistake in them."""
    from pydantic import ValidationError

    from brigade.config.crosscheck import cross_check
    from brigade.config.model import Config

    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        from brigade.config.problems import explain

        return explain(error, Config)
    return cross_check(config, directory) or config


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{file}: not UTF-8 text") from None
