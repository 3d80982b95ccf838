"""`${ENV}` and `${file:/path}` in any text of the configuration, so that secrets need not stand in it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from brigade.errors import ConfigError

# `$${` stands for a literal `${`.
_REFERENCE = re.compile(r"\$(\$?)\{([^{}]*)\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def interpolate(node: object, *, environment: Mapping[str, str], directory: Path, place: str = "") -> object:
    """The same tree with every reference in its texts replaced. Raises `ConfigError` naming the place."""
    if isinstance(node, str):
        return _replace(node, environment, directory, place) if "${" in node else node
    if isinstance(node, dict):
        return {
            key: interpolate(value, environment=environment, directory=directory, place=f"{place}.{key}".lstrip("."))
            for key, value in node.items()
        }
    if isinstance(node, list):
        return [
            interpolate(value, environment=environment, directory=directory, place=f"{place}[{index}]")
            for index, value in enumerate(node)
        ]
    return node


def _replace(text: str, environment: Mapping[str, str], directory: Path, place: str) -> str:
    def value_of(match: re.Match[str]) -> str:
        if match[1]:
            return match[0][1:]
        reference = match[2]
        if reference.startswith("file:"):
            return _read(directory / reference[5:], place)
        if not _NAME.fullmatch(reference):
            raise ConfigError(f"{place}: ${{{reference}}} is no reference", hint="write ${NAME} or ${file:/path}")
        if reference not in environment:
            raise ConfigError(f"{place}: the environment variable {reference} is not set")
        return environment[reference]

    return _REFERENCE.sub(value_of, text)


def _read(path: Path, place: str) -> str:
    try:
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        raise ConfigError(f"{place}: cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{place}: {path} is not UTF-8 text") from None
