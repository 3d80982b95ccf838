"""A number for each thing that processes watch; it rises with each change of it."""

from __future__ import annotations

from contextlib import suppress

from sqlalchemy import Connection, Insert, Update, insert, select, update
from sqlalchemy.exc import IntegrityError

from brigade.state.schema import revisions


def revision_of(connection: Connection, name: str) -> int:
    """The number of the newest change, 0 before the first."""
    return int(connection.execute(select(revisions.c.revision).where(revisions.c.name == name)).scalar() or 0)


def raise_revision(connection: Connection, name: str) -> None:
    """Tell of a change, in the transaction that makes it."""
    change = update(revisions).where(revisions.c.name == name).values(revision=revisions.c.revision + 1)
    change_or_insert(connection, change, insert(revisions).values(name=name, revision=1))


def change_or_insert(connection: Connection, change: Update, new: Insert) -> None:
    """Change the row, or make it where there is none."""
    if connection.execute(change).rowcount:
        return
    # On PostgreSQL another process may insert it between the two statements; then ours is a change of it.
    if not insert_unless_there(connection, new):
        connection.execute(change)


def insert_unless_there(connection: Connection, new: Insert) -> bool:
    """Make the row, unless its key is taken. True if it was made."""
    with suppress(IntegrityError), connection.begin_nested():
        connection.execute(new)
        return True
    return False
