"""Sessions of browsers, which outlive a process and are shared by all that serve the pages."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """From 0005; nothing of what is there changes."""
    op.create_table(
        "sessions",
        sa.Column("digest", sa.LargeBinary, primary_key=True),
        sa.Column("token_id", sa.Text, nullable=False),
        sa.Column("until_ns", sa.BigInteger, nullable=False),
    )
    op.create_index("sessions_by_end", "sessions", ["until_ns"])
