"""What operators and the API keep: documents, orders, tokens, the audit, reports, and what is going on."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_identity = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """From 0003; nothing of what is there changes."""
    op.create_table(
        "documents",
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("settings", sa.JSON, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("set_ns", sa.BigInteger, nullable=False),
        sa.Column("set_by", sa.Text, nullable=False),
    )
    op.create_table(
        "orders",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("paused", sa.Boolean, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("reconcile_ns", sa.BigInteger, nullable=False),
        sa.Column("verify_ns", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "tokens",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("created_ns", sa.BigInteger, nullable=False),
        sa.Column("expires_ns", sa.BigInteger),
        sa.Column("used_ns", sa.BigInteger),
    )
    op.create_table(
        "audit",
        sa.Column("id", _identity, primary_key=True),
        sa.Column("at_ns", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("detail", sa.JSON, nullable=False),
    )
    op.create_index("audit_by_subject", "audit", ["subject", "id"])
    op.create_table(
        "outcomes",
        sa.Column("id", _identity, primary_key=True),
        sa.Column("run_id", sa.BigInteger, nullable=False),
        sa.Column("lines", sa.Integer, nullable=False),
        sa.Column("block", sa.LargeBinary, nullable=False),
    )
    op.create_index("outcomes_by_run", "outcomes", ["run_id", "id"])
    op.create_table(
        "activity",
        sa.Column("id", _identity, primary_key=True),
        sa.Column("replication_id", sa.BigInteger, nullable=False),
        sa.Column("at_ns", sa.BigInteger, nullable=False),
        sa.Column("outcome", sa.JSON, nullable=False),
    )
    op.create_index("activity_by_replication", "activity", ["replication_id", "id"])
    op.create_table(
        "samples",
        sa.Column("replication_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("at_seconds", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("settled", sa.BigInteger, nullable=False),
        sa.Column("settled_bytes", sa.BigInteger, nullable=False),
        sa.Column("failed", sa.BigInteger, nullable=False),
        sa.Column("backlog", sa.BigInteger, nullable=False),
        sa.Column("lag_seconds", sa.BigInteger, nullable=False),
    )
