"""Use cases: stores, users and replications that are set up at run time, beside those of the file.

What stands in the file is shown and cannot be changed here. Secrets are sealed before they are kept and masked before
they are shown; a mask that is given back means the secret that is there.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from brigade.control.desk import Desk
from brigade.control.plain_values import check_plain
from brigade.control.sealing import has_secrets, masked, unmasked
from brigade.errors import ConfigError, Exists, Missing, Refused, UsageError
from brigade.state.control_rows import Document, DocumentKind

_MOST_CHARACTERS = 128


class Origin(StrEnum):
    """Where settings come from."""

    FILE = "file"
    API = "api"


class Shown(NamedTuple):
    """Settings as they may be shown. Those of the file have no version. `problem`: why they are not in force."""

    kind: DocumentKind
    name: str
    settings: Mapping[str, Any]
    origin: Origin
    version: int | None = None
    set_ns: int | None = None
    set_by: str | None = None
    problem: str | None = None


async def show_all(desk: Desk, kind: DocumentKind) -> list[Shown]:
    """Everything of a kind, by name."""
    documents = await desk.state.control.documents.all()
    problems = desk.plans.problems(documents)
    shown = [_of_file(kind, name, settings) for name, settings in desk.plans.of_file(kind).items()]
    shown += [_of_document(each, problems) for each in documents if each.kind is kind]
    return sorted(shown, key=lambda each: (each.name, each.origin))


async def show(desk: Desk, kind: DocumentKind, name: str) -> Shown:
    """One of them; the file's goes first. Raises `Missing`."""
    if (settings := desk.plans.of_file(kind).get(name)) is not None:
        return _of_file(kind, name, settings)
    documents = await desk.state.control.documents.all()
    found = next((each for each in documents if (each.kind, each.name) == (kind, name)), None)
    if found is None:
        raise Missing(f"there is no {kind} {name!r}")
    return _of_document(found, desk.plans.problems(documents))


async def create(desk: Desk, kind: DocumentKind, name: str, settings: Mapping[str, Any]) -> Shown:
    """Set up something new. Doing it twice is doing it once.

    Raises `Exists` where something else has the name, `ConfigError` for settings that make no sense, and for secrets
    where there is no key to seal them.
    """
    _check_name(name)
    check_plain(settings)
    settings = unmasked(settings, {})
    if name in desk.plans.of_file(kind):
        raise Exists(f"the configuration file has a {kind} {name!r}", hint="choose another name")
    sealed = _sealed(desk, kind, name, settings)
    await _check_fit(desk, Document(kind, name, sealed, 1, 0, desk.actor))
    documents = desk.state.control.documents
    try:
        made = await documents.create(kind, name, sealed, desk.actor)
    except Exists:
        there = await documents.find(kind, name)
        if there is None or _opened(desk, there) != dict(settings):
            raise
        return _of_document(there, {})
    await desk.record("create", f"{kind} {name}", {"settings": masked(settings)})
    return _of_document(made, {})


async def change(desk: Desk, kind: DocumentKind, name: str, settings: Mapping[str, Any], *, version: int) -> Shown:
    """Other settings in the place of those of this version. Raises as `create`, `Stale`, and `Missing`."""
    check_plain(settings)
    there = await _find_own(desk, kind, name)
    settings = unmasked(settings, _opened(desk, there))
    sealed = _sealed(desk, kind, name, settings)
    await _check_fit(desk, there._replace(settings=sealed))
    changed = await desk.state.control.documents.change(kind, name, sealed, desk.actor, version=version)
    before, after = masked(there.settings), masked(settings)
    await desk.record("change", f"{kind} {name}", {"before": before, "after": after})
    return _of_document(changed, {})


async def delete(desk: Desk, kind: DocumentKind, name: str, *, version: int | None = None) -> None:
    """Take it away. Objects stay, at the source and at the target. Raises `Stale`, `Missing`, `Refused`.

    Refused where something else of what was set up needs it.
    """
    there = await _find_own(desk, kind, name)
    documents = await desk.state.control.documents.all()
    before = desk.plans.problems(documents)
    after = desk.plans.problems([each for each in documents if each != there])
    if broken := [key for key in after if key not in before]:
        raise Refused(
            f"{kind} {name!r} is needed by {broken[0][0]} {broken[0][1]!r}", hint="delete or change that one first"
        )
    await desk.state.control.documents.delete(kind, name, version=version)
    if kind is DocumentKind.REPLICATION:
        await desk.state.control.orders.forget(name)
        known = await desk.state.control.troubles.all()
        await desk.state.control.troubles.clear([each for each in known if each.partition("/")[0] == name])
    await desk.record("delete", f"{kind} {name}", {"settings": masked(there.settings)})


def _of_file(kind: DocumentKind, name: str, settings: Mapping[str, Any]) -> Shown:
    return Shown(kind, name, masked(settings), Origin.FILE)


def _of_document(found: Document, problems: Mapping[tuple[DocumentKind, str], str]) -> Shown:
    problem = problems.get((found.kind, found.name))
    settings = masked(found.settings)
    return Shown(found.kind, found.name, settings, Origin.API, found.version, found.set_ns, found.set_by, problem)


async def _find_own(desk: Desk, kind: DocumentKind, name: str) -> Document:
    if name in desk.plans.of_file(kind):
        raise Refused(
            f"{kind} {name!r} stands in the configuration file and is changed there",
            hint="a replication of the file can be paused here",
        )
    found = await desk.state.control.documents.find(kind, name)
    if found is None:
        raise Missing(f"there is no {kind} {name!r}")
    return found


async def _check_fit(desk: Desk, candidate: Document) -> None:
    place = candidate.kind, candidate.name
    others = [each for each in await desk.state.control.documents.all() if (each.kind, each.name) != place]
    before = desk.plans.problems(others)
    problems = desk.plans.problems([*others, candidate])
    if place in problems:
        raise ConfigError(problems[place])
    # Documents are read by name: one that comes before others may take the place of a later one.
    if broken := [key for key in problems if key not in before]:
        raise ConfigError(f"{broken[0][0]} {broken[0][1]!r} would not fit any more: {problems[broken[0]]}")


def _sealed(desk: Desk, kind: DocumentKind, name: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    return desk.plans.sealer().seal(settings, f"{kind}.{name}") if has_secrets(settings) else dict(settings)


def _opened(desk: Desk, document: Document) -> dict[str, Any]:
    if not has_secrets(document.settings):
        return dict(document.settings)
    return desk.plans.sealer().open(document.settings, f"{document.kind}.{document.name}")


def _check_name(name: str) -> None:
    good = name and len(name) <= _MOST_CHARACTERS and all(each.isalnum() or each in "-_." for each in name)
    if not good or not name.strip("."):
        raise UsageError(f"a name is made of letters, digits, - _ and . and has at most {_MOST_CHARACTERS} characters")
