"""`${ENV}` and `${file:/path}` in any text of the configuration, so that secrets need not stand in it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from brigade.config.document import Place, Problem

# `$${` stands for a literal `${`.
_REFERENCE = re.compile(r"\$(\$?)\{([^{}]*)\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def interpolate(tree: object, *, environment: Mapping[str, str], directory: Path) -> tuple[object, list[Problem]]:
    """The same tree with every reference in its texts replaced, and the references that could not be."""
    walk = _Walk(environment, directory)
    return walk.replace(tree, ()), walk.problems


@dataclass(slots=True)
class _Walk:
    environment: Mapping[str, str]
    directory: Path
    problems: list[Problem] = field(default_factory=list)

    def replace(self, node: object, place: Place) -> object:
        match node:
            case str() if "${" in node:
                return _REFERENCE.sub(lambda match: self._value(match, place), node)
            case dict():
                return {key: self.replace(value, (*place, key)) for key, value in node.items()}
            case list():
                return [self.replace(value, (*place, index)) for index, value in enumerate(node)]
        return node

    def _value(self, match: re.Match[str], place: Place) -> str:
        escaped, reference = match.groups()
        if escaped:
            return match[0][1:]
        if reference.startswith("file:"):
            text = self._read(self.directory / reference[5:], place)
            return match[0] if text is None else text
        if not _NAME.fullmatch(reference):
            self.problems.append(Problem(place, "a reference is written ${NAME} or ${file:/path}"))
        elif reference not in self.environment:
            self.problems.append(Problem(place, f"the environment variable {reference} is not set"))
        return self.environment.get(reference, match[0])

    def _read(self, path: Path, place: Place) -> str | None:
        try:
            return path.read_text(encoding="utf-8").rstrip("\r\n")
        except OSError as error:
            self.problems.append(Problem(place, f"cannot read {path}: {error.strerror}"))
        except UnicodeDecodeError:
            self.problems.append(Problem(place, f"{path} is not UTF-8 text"))
        return None
