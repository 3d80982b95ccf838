"""Alembic migrations of the state; `brigade.state.migrate` runs them."""
