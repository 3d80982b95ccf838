"""Reading YAML strictly: no key twice, `no` is a word and not false, and every value knows its line."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple

import yaml

from brigade.errors import ConfigError

Place = tuple[str | int, ...]

_TAG = "tag:yaml.org,2002:"


class Problem(NamedTuple):
    """One mistake in the file: where it stands and what it is. The words never repeat a value: it may be a secret."""

    place: Place
    words: str


class _Loader(yaml.SafeLoader):
    """The plain scalars of YAML 1.2: YAML 1.1 would read `no` as false, `6:30` as 390 and dates as dates."""


_Loader.yaml_implicit_resolvers = {}
_Loader.add_implicit_resolver(_TAG + "bool", re.compile(r"(?:true|false|True|False)$"), list("tfTF"))
_Loader.add_implicit_resolver(_TAG + "int", re.compile(r"-?(?:0|[1-9][0-9]*)$"), list("-0123456789"))
_Loader.add_implicit_resolver(_TAG + "float", re.compile(r"-?[0-9]+\.[0-9]+$"), list("-0123456789"))
_Loader.add_implicit_resolver(_TAG + "null", re.compile(r"(?:~|null|)$"), ["~", "n", ""])


@dataclass(slots=True)
class Document:
    """The values of a file and the line that each of them stands on.

    `seen` holds the nodes met so far: true while what is inside of one is being read.
    """

    values: object = None
    lines: dict[Place, int] = field(default_factory=dict)
    seen: dict[int, bool] = field(default_factory=dict)

    def line_of(self, place: Place) -> int:
        """The line of the value at `place`, or of the nearest section around it; 0 if the file is empty."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 0)


def read_document(text: str, name: str) -> Document:
    """Parse one YAML document. Raises `ConfigError` that names the file and the line."""
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        document = Document()
        if node is not None:
            _note(node, (), document, name)
            document.values = loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise ConfigError(f"{name}:{line}: not YAML: {error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{name}: not YAML: {error}") from None
    return document


def _note(node: yaml.Node, place: Place, document: Document, name: str) -> None:
    """Remember where each value stands; refuse keys that stand there twice and aliases that hold themselves."""
    document.lines.setdefault(place, node.start_mark.line + 1)
    if id(node) in document.seen:
        if document.seen[id(node)]:
            raise ConfigError(f"{name}:{node.start_mark.line + 1}: {dotted(place)} holds itself")
        return  # an alias of what was noted where it stands
    document.seen[id(node)] = True
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = (*place, str(key.value))
            if inner in document.lines and key.value != "<<":
                line = key.start_mark.line + 1
                first = document.lines[inner]
                raise ConfigError(f"{name}:{line}: {dotted(inner)} stands here twice", hint=f"first in line {first}")
            document.lines[inner] = key.start_mark.line + 1
            _note(value, inner, document, name)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _note(value, (*place, index), document, name)
    document.seen[id(node)] = False


def dotted(place: Place) -> str:
    """`stores.minio.region`, `replications.photos.filters[0]`."""
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text
