"""Which of the asked runs were seen through: for a whole store that is more than its runs tell."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """From 0007; nothing of what is there changes."""
    op.create_table(
        "answers",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("ask", sa.Text, primary_key=True),
        sa.Column("asked_ns", sa.BigInteger, nullable=False),
    )
