"""Ranges: the parts of a run that several workers share."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_identity = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """From 0004; nothing of what is there changes."""
    op.create_table(
        "ranges",
        sa.Column("id", _identity, primary_key=True),
        sa.Column("run_id", sa.BigInteger, sa.ForeignKey("runs.id"), nullable=False),
        sa.Column("after", sa.LargeBinary, nullable=False),
        sa.Column("upto", sa.LargeBinary),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("wanted", sa.Boolean, nullable=False),
        sa.Column("owner", sa.Text),
        sa.Column("lease_until_ns", sa.BigInteger, nullable=False),
        sa.Column("fence", sa.BigInteger, nullable=False),
        sa.Column("counts", sa.JSON, nullable=False),
        sa.Column("source_objects", sa.BigInteger, nullable=False),
        sa.Column("target_objects", sa.BigInteger, nullable=False),
        sa.Column("planned", sa.BigInteger, nullable=False),
        sa.Column("incomplete", sa.Text),
        sa.Column("refusal", sa.Text),
    )
    op.create_index("ranges_by_after", "ranges", ["run_id", "after"], unique=True)
