"""The tables, once, for both engines. A change here needs a migration beside it (`migrations/versions`)."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    event,
    text,
)

VERSIONS = ("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009", "0010")
"""Every schema version there has been, oldest first; the last is what this program works with."""

PARTITIONS = 16
"""Of inventory and backlog on PostgreSQL: vacuum and index work is cut into pieces, and writers meet less often."""

_identity = BigInteger().with_variant(Integer, "sqlite")
"""SQLite counts by itself only in a column declared INTEGER."""

metadata = MetaData()

replications = Table(
    "replications",
    metadata,
    Column("id", _identity, primary_key=True),
    Column("name", Text, nullable=False),
    Column("identity", Text, nullable=False, unique=True),
    Column("created_ns", BigInteger, nullable=False),
)

# No foreign key here: on PostgreSQL it costs a row lock on `replications` for every row written.
inventory = Table(
    "inventory",
    metadata,
    Column("replication_id", BigInteger, primary_key=True, autoincrement=False),
    Column("key", LargeBinary, primary_key=True),
    Column("source_print", Text, nullable=False),
    Column("target_print", Text, nullable=False),
    Column("proof", Text, nullable=False),
    Column("flags", Integer, nullable=False),
    Column("generation", BigInteger, nullable=False),
)

TAGGED = text("flags >= 2")
"""The condition for rows that carried tags, as a constant: the index below serves no other wording."""

# Such rows are few as a rule, and a run asks first of all whether there are any.
_tagged = Index("inventory_tagged", inventory.c.replication_id, inventory.c.flags)

# One row a key. `lane` is a `backlog_sql.Lane`; `ready_ns` is when the row may be claimed: the end of a lease, of a
# pause or of a hold alike, so that one index serves every claim.
backlog = Table(
    "backlog",
    metadata,
    Column("replication_id", BigInteger, primary_key=True, autoincrement=False),
    Column("key", LargeBinary, primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("lane", Integer, nullable=False),
    Column("marked_ns", BigInteger, nullable=False),
    Column("ready_ns", BigInteger, nullable=False),
    Column("holds", Integer, nullable=False),
    Column("held_until_ns", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("owner", Text),
    Column("error", Text),
)

OF_REPLICATION = "(replication_id + 0)"
"""What the index of due rows begins with: an expression, so that it serves claims and nothing else.

Where its statistics are old, as those of a queue always are, PostgreSQL would take an index on the bare column for
looking up keys too, and read all rows of the replication for each batch.
"""

Index("backlog_due", text(OF_REPLICATION), backlog.c.lane, backlog.c.ready_ns)

PARKED = text("lane = 2")
"""The condition for parked rows, as a constant: the index below serves no other wording."""

# Parked rows are few and listed in key order.
_parked = Index("backlog_parked", backlog.c.replication_id, backlog.c.key)

runs = Table(
    "runs",
    metadata,
    Column("id", _identity, primary_key=True),
    Column("replication_id", BigInteger, ForeignKey("replications.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("policy", JSON, nullable=False),
    Column("counts", JSON, nullable=False),
    Column("cursor", LargeBinary),
    Column("started_ns", BigInteger, nullable=False),
    Column("finished_ns", BigInteger),
    Column("owner", Text, nullable=False),
    Column("lease_ns", BigInteger, nullable=False),
    Column("lease_until_ns", BigInteger, nullable=False),
    Column("fence", BigInteger, nullable=False),
)
Index("runs_by_fence", runs.c.replication_id, runs.c.fence, unique=True)
_one_running = Index("runs_one_running", runs.c.replication_id, unique=True)

# The ranges of runs that several workers share; those of an ended run are kept until the next one begins.
ranges = Table(
    "ranges",
    metadata,
    Column("id", _identity, primary_key=True),
    Column("run_id", BigInteger, ForeignKey("runs.id"), nullable=False),
    Column("after", LargeBinary, nullable=False),
    Column("upto", LargeBinary),
    Column("state", Text, nullable=False),
    Column("wanted", Boolean, nullable=False),
    Column("owner", Text),
    Column("lease_until_ns", BigInteger, nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("counts", JSON, nullable=False),
    Column("source_objects", BigInteger, nullable=False),
    Column("target_objects", BigInteger, nullable=False),
    Column("planned", BigInteger, nullable=False),
    Column("incomplete", Text),
    Column("refusal", Text),
)
Index("ranges_by_after", ranges.c.run_id, ranges.c.after, unique=True)

uploads = Table(
    "uploads",
    metadata,
    Column("replication_id", BigInteger, ForeignKey("replications.id"), primary_key=True, autoincrement=False),
    Column("key", LargeBinary, primary_key=True),
    Column("upload_id", Text),
    Column("source_print", Text, nullable=False),
    Column("parts", JSON, nullable=False),
    Column("created_ns", BigInteger, nullable=False),
)

# Where the gateways send requests, as set at run time. An empty user or bucket means every one: NULL is no key.
routes = Table(
    "routes",
    metadata,
    Column("user_name", Text, primary_key=True),
    Column("bucket", Text, primary_key=True),
    Column("store", Text, nullable=False),
    Column("set_ns", BigInteger, nullable=False),
)

blocks = Table(
    "blocks",
    metadata,
    Column("user_name", Text, primary_key=True),
    Column("bucket", Text, primary_key=True),
    Column("writes_only", Boolean, nullable=False),
    Column("note", Text, nullable=False),
    Column("set_ns", BigInteger, nullable=False),
)

# Multipart uploads of the gateways' clients: where each began. It is forgotten at `until_ns`.
gateway_uploads = Table(
    "gateway_uploads",
    metadata,
    Column("bucket", Text, primary_key=True),
    Column("upload_id", Text, primary_key=True),
    Column("store", Text, nullable=False),
    Column("until_ns", BigInteger, nullable=False),
)
Index("gateway_uploads_until", gateway_uploads.c.until_ns)

# Failures that somebody has decided to leave, and why.
dismissals = Table(
    "dismissals",
    metadata,
    Column("id", _identity, primary_key=True),
    Column("replication_id", BigInteger, nullable=False),
    Column("key", LargeBinary, nullable=False),
    Column("error", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("dismissed_ns", BigInteger, nullable=False),
)
Index("dismissals_by_replication", dismissals.c.replication_id, dismissals.c.id)

# A number for each thing that processes watch; it rises with each change.
revisions = Table(
    "revisions",
    metadata,
    Column("name", Text, primary_key=True),
    Column("revision", BigInteger, nullable=False),
)

# What was set up at run time beside the file: replications, stores, users. Secrets in `settings` are sealed.
documents = Table(
    "documents",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("settings", JSON, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("set_ns", BigInteger, nullable=False),
    Column("set_by", Text, nullable=False),
)

# What a person has ordered of a replication, by its name. A moment asks for what begins, or began, before it.
orders = Table(
    "orders",
    metadata,
    Column("name", Text, primary_key=True),
    Column("paused", Boolean, nullable=False),
    Column("note", Text, nullable=False),
    Column("reconcile_ns", BigInteger, nullable=False),
    Column("verify_ns", BigInteger, nullable=False),
)

# The newest such moment whose run, of a whole store the run of each bucket, was seen through.
answers = Table(
    "answers",
    metadata,
    Column("name", Text, primary_key=True),
    Column("ask", Text, primary_key=True),
    Column("asked_ns", BigInteger, nullable=False),
)

# Of the newest run whose failed keys went to the backlog: how many did, and when the last of them.
handovers = Table(
    "handovers",
    metadata,
    Column("replication_id", BigInteger, primary_key=True, autoincrement=False),
    Column("run_id", BigInteger, nullable=False),
    Column("key_count", BigInteger, nullable=False),
    Column("at_ns", BigInteger, nullable=False),
)

# Why a replication, or a bucket of a whole store, could not be compared; gone when it could.
troubles = Table(
    "troubles",
    metadata,
    Column("name", Text, primary_key=True),
    Column("words", Text, nullable=False),
    Column("since_ns", BigInteger, nullable=False),
    Column("at_ns", BigInteger, nullable=False),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("created_ns", BigInteger, nullable=False),
    Column("expires_ns", BigInteger),
    Column("used_ns", BigInteger),
)

# Of browsers. A session is known by a digest of its id, and opens what its token opens.
sessions = Table(
    "sessions",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("token_id", Text, nullable=False),
    Column("until_ns", BigInteger, nullable=False),
)
Index("sessions_by_end", sessions.c.until_ns)

# Values that were made once and that all processes share.
keepsakes = Table(
    "keepsakes",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", LargeBinary, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("id", _identity, primary_key=True),
    Column("at_ns", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("detail", JSON, nullable=False),
)
Index("audit_by_subject", audit.c.subject, audit.c.id)

# The report of a run, in blocks of compressed JSON Lines.
outcomes = Table(
    "outcomes",
    metadata,
    Column("id", _identity, primary_key=True),
    Column("run_id", BigInteger, nullable=False),
    Column("lines", Integer, nullable=False),
    Column("block", LargeBinary, nullable=False),
)
Index("outcomes_by_run", outcomes.c.run_id, outcomes.c.id)

# What was done to single objects lately, and the sums of each interval: what a person watches.
activity = Table(
    "activity",
    metadata,
    Column("id", _identity, primary_key=True),
    Column("replication_id", BigInteger, nullable=False),
    Column("at_ns", BigInteger, nullable=False),
    Column("outcome", JSON, nullable=False),
)
Index("activity_by_replication", activity.c.replication_id, activity.c.id)

samples = Table(
    "samples",
    metadata,
    Column("replication_id", BigInteger, primary_key=True, autoincrement=False),
    Column("at_seconds", BigInteger, primary_key=True, autoincrement=False),
    Column("settled", BigInteger, nullable=False),
    Column("settled_bytes", BigInteger, nullable=False),
    Column("failed", BigInteger, nullable=False),
    Column("backlog", BigInteger, nullable=False),
    Column("lag_seconds", BigInteger, nullable=False),
)

# Alembic keeps the version here. Named in a collection of its own: it is Alembic's table, not ours.
version_table = Table("alembic_version", MetaData(), Column("version_num", String(32), primary_key=True))


_BY_KEY = {"sqlite_with_rowid": False, "postgresql_partition_by": "HASH (replication_id, key)"}
_ENGINE_OPTIONS: list[tuple[Table | Index, dict[str, object]]] = [
    (inventory, _BY_KEY),
    (backlog, _BY_KEY),
    (uploads, {"sqlite_with_rowid": False}),
    (_tagged, {"sqlite_where": TAGGED, "postgresql_where": TAGGED}),
    (_parked, {"sqlite_where": PARKED, "postgresql_where": PARKED}),
    (_one_running, {"sqlite_where": runs.c.state == "running", "postgresql_where": runs.c.state == "running"}),
]


def complete_metadata(engine: str) -> MetaData:
    """All tables with what only this engine (`sqlite`, `postgresql`) knows: needed to make them, not to use them.

    Naming an engine's option loads that engine's dialect, 25 ms of each start if it stood in the tables above.
    """
    for item, options in _ENGINE_OPTIONS:
        item.dialect_kwargs.update({name: value for name, value in options.items() if name.startswith(f"{engine}_")})
    return metadata


def partition_ddl(table: str, number: int) -> str:
    """The statement that makes one of the hash partitions of `table`."""
    return (
        f"CREATE TABLE {table}_p{number:02d} PARTITION OF {table} "
        f"FOR VALUES WITH (MODULUS {PARTITIONS}, REMAINDER {number})"
    )


@event.listens_for(inventory, "after_create")
@event.listens_for(backlog, "after_create")
def _make_partitions(table: Table, connection: Connection, **_options: object) -> None:
    if connection.dialect.name == "postgresql":
        for number in range(PARTITIONS):
            connection.exec_driver_sql(partition_ddl(table.name, number))


def create(connection: Connection) -> None:
    """Make all tables in an empty database and stamp it, without Alembic, whose import costs 0.1 s."""
    complete_metadata(connection.dialect.name).create_all(connection)
    version_table.create(connection)
    connection.execute(version_table.insert().values(version_num=VERSIONS[-1]))
