"""Alembic's entry: migrates the connection that `brigade.state.migrate` hands over, in its transaction."""

from __future__ import annotations

from alembic import context

from brigade.state.schema import complete_metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=complete_metadata())
with context.begin_transaction():
    context.run_migrations()
