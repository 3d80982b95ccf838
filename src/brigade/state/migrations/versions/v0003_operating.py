"""What operators change while everything runs: routes, blocks, dismissals; and where the clients' uploads began."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_identity = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """From 0002; nothing of what is there changes."""
    op.create_table(
        "routes",
        sa.Column("user_name", sa.Text, primary_key=True),
        sa.Column("bucket", sa.Text, primary_key=True),
        sa.Column("store", sa.Text, nullable=False),
        sa.Column("set_ns", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "blocks",
        sa.Column("user_name", sa.Text, primary_key=True),
        sa.Column("bucket", sa.Text, primary_key=True),
        sa.Column("writes_only", sa.Boolean, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("set_ns", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "gateway_uploads",
        sa.Column("bucket", sa.Text, primary_key=True),
        sa.Column("upload_id", sa.Text, primary_key=True),
        sa.Column("store", sa.Text, nullable=False),
        sa.Column("until_ns", sa.BigInteger, nullable=False),
    )
    op.create_index("gateway_uploads_until", "gateway_uploads", ["until_ns"])
    op.create_table(
        "dismissals",
        sa.Column("id", _identity, primary_key=True),
        sa.Column("replication_id", sa.BigInteger, nullable=False),
        sa.Column("key", sa.LargeBinary, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("dismissed_ns", sa.BigInteger, nullable=False),
    )
    op.create_index("dismissals_by_replication", "dismissals", ["replication_id", "id"])
    op.create_table(
        "revisions",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("revision", sa.BigInteger, nullable=False),
    )
