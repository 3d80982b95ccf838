"""What was set up at run time, beside what stands in the file: stores, users, replications."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from brigade.clock import Clock
from brigade.errors import Exists, Missing, Stale
from brigade.state.control_rows import Document, DocumentKind
from brigade.state.engine import Database
from brigade.state.revisions import raise_revision, revision_of
from brigade.state.schema import documents

_NAME = "documents"


class Documents:
    """Each change is one transaction and raises the revision, which every process looks at."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def revision(self) -> int:
        """The number of the newest change, 0 before the first."""
        return await self._database.read.run(lambda connection: revision_of(connection, _NAME))

    async def all(self) -> list[Document]:
        """Every document, by kind and name."""
        query = select(documents).order_by(documents.c.kind, documents.c.name)
        return [_document(row) for row in await self._database.read.run(lambda found: found.execute(query).all())]

    async def find(self, kind: DocumentKind, name: str) -> Document | None:
        """One document, None if it is not there."""
        query = select(documents).where(documents.c.kind == kind.value, documents.c.name == name)
        row = await self._database.read.run(lambda connection: connection.execute(query).first())
        return _document(row) if row is not None else None

    async def create(self, kind: DocumentKind, name: str, settings: Mapping[str, object], by: str) -> Document:
        """A new document of version 1. Raises `Exists`."""
        made = Document(kind, name, dict(settings), 1, self._clock.now_ns(), by)
        await self._database.write.run(lambda connection: _create(connection, made))
        return made

    async def change(
        self, kind: DocumentKind, name: str, settings: Mapping[str, object], by: str, *, version: int
    ) -> Document:
        """Other settings in the place of those of this version. Raises `Stale`, or `Missing`."""
        changed = Document(kind, name, dict(settings), version + 1, self._clock.now_ns(), by)
        await self._database.write.run(lambda connection: _change(connection, changed))
        return changed

    async def delete(self, kind: DocumentKind, name: str, *, version: int | None = None) -> None:
        """Remove a document, if given only in this version. Raises `Stale`, or `Missing`."""
        await self._database.write.run(lambda connection: _delete(connection, kind, name, version))


def _document(row: Row[Any]) -> Document:
    return Document(DocumentKind(row.kind), row.name, row.settings, row.version, row.set_ns, row.set_by)


def _create(connection: Connection, made: Document) -> None:
    try:
        with connection.begin_nested():
            connection.execute(insert(documents).values(**{**made._asdict(), "kind": made.kind.value}))
    except IntegrityError:
        raise Exists(f"there is a {made.kind} {made.name!r} already", hint="choose another name") from None
    raise_revision(connection, _NAME)


def _change(connection: Connection, changed: Document) -> None:
    values = {"settings": changed.settings, "version": changed.version, "set_ns": changed.set_ns}
    where = _where(changed.kind, changed.name, changed.version - 1)
    if not connection.execute(update(documents).where(*where).values(**values, set_by=changed.set_by)).rowcount:
        _refuse(connection, changed.kind, changed.name)
    raise_revision(connection, _NAME)


def _delete(connection: Connection, kind: DocumentKind, name: str, version: int | None) -> None:
    if not connection.execute(delete(documents).where(*_where(kind, name, version))).rowcount:
        _refuse(connection, kind, name)
    raise_revision(connection, _NAME)


def _where(kind: DocumentKind, name: str, version: int | None) -> list[Any]:
    where = [documents.c.kind == kind.value, documents.c.name == name]
    return where if version is None else [*where, documents.c.version == version]


def _refuse(connection: Connection, kind: DocumentKind, name: str) -> None:
    """Raise what explains why no row was met."""
    if connection.execute(select(documents.c.version).where(*_where(kind, name, None))).first() is None:
        raise Missing(f"there is no {kind} {name!r} that was made at run time")
    raise Stale(f"the {kind} {name!r} was changed by somebody else meanwhile", hint="look at it again, then change it")
