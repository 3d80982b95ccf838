"""A small, hard XML reader: names without namespaces, text, children; no document type, no entities of its own, bounded."""

from __future__ import annotations

import re
from xml.parsers import expat

MAX_DOCUMENT_BYTES = 64 * 1024 * 1024
MAX_DEPTH = 32

_REFERENCE = re.compile(r"&(?:#x([0-9a-fA-F]{1,6})|#([0-9]{1,7})|(amp|lt|gt|quot|apos));")
_NAMED = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")


class XmlError(ValueError):
    """The document is not well-formed, or is more than an answer of a store may be."""


class Node:
    """One element. `text` is the text straight inside it, joined."""

    __slots__ = ("children", "name", "text")

    def __init__(self, name: str) -> None:
        self.name = name
        self.text = ""
        self.children: list[Node] = []

    def all(self, name: str) -> list[Node]:
        """The children of that name."""
        return [child for child in self.children if child.name == name]

    def child(self, name: str) -> Node | None:
        """The first child of that name."""
        return next((child for child in self.children if child.name == name), None)

    def text_of(self, *path: str) -> str | None:
        """The text of the first element down a path of names, None if there is none."""
        node: Node | None = self
        for name in path:
            node = node.child(name) if node is not None else None
        return None if node is None else node.text


class _Builder:
    def __init__(self) -> None:
        self.root: Node | None = None
        self._open: list[Node] = []

    def start(self, name: str, _attributes: dict[str, str]) -> None:
        node = Node(name.rpartition(":")[2])
        if self._open:
            self._open[-1].children.append(node)
        else:
            self.root = node
        self._open.append(node)
        if len(self._open) > MAX_DEPTH:
            raise XmlError(f"the document is nested deeper than {MAX_DEPTH}")

    def end(self, _name: str) -> None:
        self._open.pop()

    def data(self, text: str) -> None:
        self._open[-1].text += text

    def doctype(self, *_: object) -> None:
        raise XmlError("the document has a document type, which no store sends")


def parse(document: bytes | str) -> Node:
    """The root of a document. Raises `XmlError` if it is cut off or not well-formed."""
    if len(document) > MAX_DOCUMENT_BYTES:
        raise XmlError(f"the document has more than {MAX_DOCUMENT_BYTES} bytes")
    builder = _Builder()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = builder.doctype
    try:
        parser.Parse(document, True)
    except (expat.ExpatError, UnicodeEncodeError) as error:
        raise XmlError(f"not well-formed: {error}") from error
    if builder.root is None:
        raise XmlError("the document is empty")
    return builder.root


def unescape(text: str) -> str:
    """Text as it stands in a document, read: the five named references and the numbered ones."""
    if _REFERENCE.sub("", text).count("&"):
        raise XmlError(f"an unknown reference in {text[:80]!r}")
    return _REFERENCE.sub(_referred, text)


def _referred(match: re.Match[str]) -> str:
    hexadecimal, decimal, name = match.groups()
    if name:
        return _NAMED[name]
    try:
        return chr(int(hexadecimal, 16) if hexadecimal else int(decimal))
    except (ValueError, OverflowError) as error:
        raise XmlError(f"not a character: {match.group()}") from error


def escape(text: str) -> str:
    """Text for a document that is written; a character that XML cannot hold raises `XmlError`."""
    if _CONTROL.search(text):
        raise XmlError(f"XML cannot hold {text[:80]!r}")
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text.replace("\r", "&#13;").replace("\n", "&#10;").replace("\t", "&#9;")
