"""The backlog: the durable set of keys that may differ."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """From 0001; nothing of what is there changes."""
    op.create_table(
        "backlog",
        sa.Column("replication_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("key", sa.LargeBinary, primary_key=True),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("lane", sa.Integer, nullable=False),
        sa.Column("marked_ns", sa.BigInteger, nullable=False),
        sa.Column("ready_ns", sa.BigInteger, nullable=False),
        sa.Column("holds", sa.Integer, nullable=False),
        sa.Column("held_until_ns", sa.BigInteger, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("fence", sa.BigInteger, nullable=False),
        sa.Column("owner", sa.Text),
        sa.Column("error", sa.Text),
        sqlite_with_rowid=False,
        postgresql_partition_by="HASH (replication_id, key)",
    )
    op.create_index("backlog_due", "backlog", [sa.text("(replication_id + 0)"), "lane", "ready_ns"])
    parked = sa.text("lane = 2")
    op.create_index(
        "backlog_parked", "backlog", ["replication_id", "key"], sqlite_where=parked, postgresql_where=parked
    )
    if op.get_bind().dialect.name == "postgresql":
        for number in range(16):
            op.execute(
                f"CREATE TABLE backlog_p{number:02d} PARTITION OF backlog "
                f"FOR VALUES WITH (MODULUS 16, REMAINDER {number})"
            )
