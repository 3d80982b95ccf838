"""The file and what was set up at run time, read as one configuration. The file goes first, and is never harmed."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from brigade.config.document import dotted
from brigade.config.load import Loaded, judge
from brigade.control.sealing import Sealer, has_secrets
from brigade.errors import ConfigError
from brigade.state.control_rows import Document, DocumentKind
from brigade.state.state import State
from brigade.wiring.routes import check_routes
from brigade.wiring.wiring import Wiring

_ORDER = (DocumentKind.STORE, DocumentKind.USER, DocumentKind.REPLICATION)
"""What others refer to comes first."""


class Merged(NamedTuple):
    """The whole, and what of the documents does not fit into it, with the reason."""

    loaded: Loaded
    problems: Mapping[tuple[DocumentKind, str], str]


async def with_documents(wiring: Wiring, state: State) -> Wiring:
    """The wiring for the file and what was set up at run time; what does not fit is left out."""
    if wiring.loaded is None:
        return wiring
    return wiring.renewed(merge(wiring, wiring.loaded, await state.control.documents.all()).loaded)


def merge(wiring: Wiring, loaded: Loaded, documents: Sequence[Document]) -> Merged:
    """Every document that fits the file and those before it; the others are left out, and told of."""
    ordered = sorted(documents, key=lambda each: (_ORDER.index(each.kind), each.name))
    problems: dict[tuple[DocumentKind, str], str] = {}
    fitting = []
    for document in ordered:
        try:
            fitting.append(_opened(loaded, document))
        except ConfigError as error:
            problems[document.kind, document.name] = str(error)
    try:
        return Merged(_added(wiring, loaded, fitting), problems)
    except ConfigError:
        # One of them is to blame, and the others are not to suffer for it.
        return _one_by_one(wiring, loaded, fitting, problems)


def _one_by_one(
    wiring: Wiring, loaded: Loaded, documents: Iterable[Document], problems: dict[tuple[DocumentKind, str], str]
) -> Merged:
    for document in documents:
        try:
            loaded = _added(wiring, loaded, [document])
        except ConfigError as error:
            problems[document.kind, document.name] = str(error)
    return Merged(loaded, problems)


def _added(wiring: Wiring, loaded: Loaded, documents: Sequence[Document]) -> Loaded:
    """The configuration with these documents, whose secrets are open. Raises `ConfigError` where they do not fit."""
    if not documents:
        return loaded
    values = _with(loaded.values, documents)
    judged = judge(values, loaded.directory)
    if isinstance(judged, list):
        raise ConfigError("; ".join(f"{dotted(problem.place)}: {problem.words}" for problem in judged))
    added = Loaded(loaded.file, judged, values)
    if problems := check_routes(wiring.renewed(added)):
        raise ConfigError(problems[0])
    return added


def _opened(loaded: Loaded, document: Document) -> Document:
    """The document with its secrets. Raises `ConfigError` where they cannot be opened, or the name is taken."""
    if document.name in section_of(loaded.values, document.kind):
        raise ConfigError(f"the file has a {document.kind} of this name, which goes first")
    if not has_secrets(document.settings):
        return document
    return document._replace(settings=sealer_of(loaded).open(document.settings, place_of(document.kind, document.name)))


def sealer_of(loaded: Loaded) -> Sealer:
    """What seals the secrets of documents. Raises `ConfigError` without a key."""
    if loaded.config.seal_key is None:
        raise ConfigError(
            "secrets cannot be kept in the state without a key to seal them",
            hint='set seal_key: "${BRIGADE_SEAL_KEY}" in the configuration; `openssl rand -base64 32` makes one',
        )
    return Sealer(loaded.config.seal_key)


def place_of(kind: DocumentKind, name: str) -> str:
    """Whose secrets these are, as sealing sees it."""
    return f"{kind}.{name}"


def section_of(values: Mapping[str, Any], kind: DocumentKind) -> Mapping[str, Any]:
    """What a configuration has of a kind, by name."""
    if kind is DocumentKind.USER:
        return (values.get("gateway") or {}).get("users") or {}
    return values.get(f"{kind.value}s") or {}


def _with(values: Mapping[str, Any], documents: Iterable[Document]) -> dict[str, Any]:
    whole = copy.deepcopy(dict(values))
    for document in documents:
        if document.kind is DocumentKind.USER:
            part = whole.setdefault("gateway", {}).setdefault("users", {})
        else:
            part = whole.get(f"{document.kind.value}s")
            if part is None:
                part = whole[f"{document.kind.value}s"] = {}
        part[document.name] = dict(document.settings)
    return whole
