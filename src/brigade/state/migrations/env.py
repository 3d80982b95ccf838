"""Alembic's entry: migrates the connection that `brigade.state.migrate` hands over, in its transaction."""

from __future__ import annotations

from alembic import context

from brigade.state.schema import complete_metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=complete_metadata(connection.dialect.name))
with context.begin_transaction():
    context.run_migrations()
