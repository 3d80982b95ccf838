"""The first tables: replications, inventory, runs and uploads."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_identity = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """From nothing."""
    op.create_table(
        "replications",
        sa.Column("id", _identity, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("identity", sa.Text, nullable=False, unique=True),
        sa.Column("created_ns", sa.BigInteger, nullable=False),
    )
    _create_inventory()
    _create_runs()
    op.create_table(
        "uploads",
        sa.Column(
            "replication_id", sa.BigInteger, sa.ForeignKey("replications.id"), primary_key=True, autoincrement=False
        ),
        sa.Column("key", sa.LargeBinary, primary_key=True),
        sa.Column("upload_id", sa.Text),
        sa.Column("source_print", sa.Text, nullable=False),
        sa.Column("parts", sa.JSON, nullable=False),
        sa.Column("created_ns", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )


def _create_inventory() -> None:
    op.create_table(
        "inventory",
        sa.Column("replication_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("key", sa.LargeBinary, primary_key=True),
        sa.Column("source_print", sa.Text, nullable=False),
        sa.Column("target_print", sa.Text, nullable=False),
        sa.Column("proof", sa.Text, nullable=False),
        sa.Column("flags", sa.Integer, nullable=False),
        sa.Column("generation", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
        postgresql_partition_by="HASH (replication_id, key)",
    )
    tagged = sa.text("flags >= 2")
    op.create_index(
        "inventory_tagged", "inventory", ["replication_id", "flags"], sqlite_where=tagged, postgresql_where=tagged
    )
    if op.get_bind().dialect.name == "postgresql":
        for number in range(16):
            op.execute(
                f"CREATE TABLE inventory_p{number:02d} PARTITION OF inventory "
                f"FOR VALUES WITH (MODULUS 16, REMAINDER {number})"
            )


def _create_runs() -> None:
    op.create_table(
        "runs",
        sa.Column("id", _identity, primary_key=True),
        sa.Column("replication_id", sa.BigInteger, sa.ForeignKey("replications.id"), nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("policy", sa.JSON, nullable=False),
        sa.Column("counts", sa.JSON, nullable=False),
        sa.Column("cursor", sa.LargeBinary),
        sa.Column("started_ns", sa.BigInteger, nullable=False),
        sa.Column("finished_ns", sa.BigInteger),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("lease_ns", sa.BigInteger, nullable=False),
        sa.Column("lease_until_ns", sa.BigInteger, nullable=False),
        sa.Column("fence", sa.BigInteger, nullable=False),
    )
    running = sa.text("state = 'running'")
    op.create_index("runs_by_fence", "runs", ["replication_id", "fence"], unique=True)
    op.create_index(
        "runs_one_running",
        "runs",
        ["replication_id"],
        unique=True,
        sqlite_where=running,
        postgresql_where=running,
    )
