"""The tables, as SQLAlchemy sees them; the migrations, not this module, create them.

Times are milliseconds since 1970, UTC. A ``month`` is the integer ``YYYYMM``. Indexes are named by
hand, because a name made from five columns is longer than PostgreSQL allows.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ColumnElement,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    and_,
    text,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

#: Fixed with the first revision: a constraint without a known name cannot be altered later.
NAMING_CONVENTION: Final = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

#: Ids and closed words: ordered by code point on both databases, whatever the server's locale.
Code: Final = Text().with_variant(Text(collation="C"), "postgresql")
#: A made-up key. SQLite numbers rows by itself only if the type is spelled INTEGER.
Surrogate: Final = BigInteger().with_variant(Integer, "sqlite")

#: The names of month tables. They come and go with the data, so no migration and no comparison of
#: the schema with the database counts them.
MONTH_TABLE: Final = re.compile(r"run_documents_\d{4}_\d{2}")

metadata: Final = MetaData(naming_convention=NAMING_CONVENTION)

runs: Final = Table(
    "runs",
    metadata,
    Column("run_id", Code, primary_key=True),
    Column("month", Integer, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("schema_version", Integer, nullable=False),
    Column("org_id", Code, nullable=False),
    Column("workspace_id", Code, nullable=False),
    Column("deployment_id", Code),
    Column("automation_id", Code, nullable=False),
    Column("trigger_type", Code, nullable=False),
    Column("status", Code, nullable=False),
    Column("stop_kind", Code),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("updated_at_ms", BigInteger, nullable=False),
    Column("started_at_ms", BigInteger),
    Column("finished_at_ms", BigInteger),
    Column("completed_nodes", Integer),
    Column("pending_nodes", Integer),
    Column("blocked_nodes", Integer),
    Column("failed_node", Text),
    Column("failure_reason", Text),
    Column("detail", Text),
    Column("prompt_tokens", BigInteger),
    Column("completion_tokens", BigInteger),
    Column("total_tokens", BigInteger),
    Column("estimated_cost_usd", Double),
    Column("snapshot_id", Surrogate, ForeignKey("automation_snapshots.id")),
    Column("imported", Boolean, nullable=False),
    Column("claimed_by", Text),
    # Grows with every claim and never goes back, so that a worker knows that it lost its lease.
    Column("claim_epoch", Integer, nullable=False, server_default=text("0")),
    Column("claim_expires_at_ms", BigInteger),
    # Drawn for every claim. A run that is deleted and added again begins with epoch 0 again, and
    # what was claimed in its first life must not be finished in its second.
    Column("claim_token", BigInteger),
    CheckConstraint("revision >= 1", name="revision"),
    # Says nothing new about runs; it is what a document refers to, so that a document can only be
    # in the month that its run is in.
    UniqueConstraint("run_id", "month"),
)
Index("ix_runs_created", runs.c.created_at_ms, runs.c.run_id)
Index("ix_runs_automation", runs.c.automation_id, runs.c.created_at_ms, runs.c.run_id)
Index("ix_runs_status", runs.c.status, runs.c.created_at_ms, runs.c.run_id)
Index("ix_runs_tenant", runs.c.org_id, runs.c.workspace_id, runs.c.created_at_ms, runs.c.run_id)
Index(
    "ix_runs_deployment",
    runs.c.org_id,
    runs.c.workspace_id,
    runs.c.deployment_id,
    runs.c.created_at_ms,
    runs.c.run_id,
)
# Carries the two sums and what tells a run that is never listed, so that statistics never touch the
# table.
Index(
    "ix_runs_statistics",
    runs.c.month,
    runs.c.automation_id,
    runs.c.status,
    runs.c.total_tokens,
    runs.c.estimated_cost_usd,
    runs.c.trigger_type,
)
_in_queue: Final = and_(runs.c.status == "queued", runs.c.claimed_by.is_(None))
# The queue of the workers, and only that: years of finished runs would be in the way. The status is
# a column of it although it has one value, because SQLite prefers the index that answers most of a
# question.
Index(
    "ix_runs_queue",
    runs.c.status,
    runs.c.imported,
    runs.c.created_at_ms,
    runs.c.run_id,
    sqlite_where=_in_queue,
    postgresql_where=_in_queue,
)
# The leases that somebody may have to take over, if the run's status says that work was going on.
Index(
    "ix_runs_leases",
    runs.c.status,
    runs.c.claim_expires_at_ms,
    sqlite_where=runs.c.claimed_by.is_not(None),
    postgresql_where=runs.c.claimed_by.is_not(None),
)
Index(
    "ix_runs_snapshot",
    runs.c.snapshot_id,
    sqlite_where=runs.c.snapshot_id.is_not(None),
    postgresql_where=runs.c.snapshot_id.is_not(None),
)


class unindexed(FunctionElement[Any]):  # noqa: N801 - named as SQL functions are
    """A column that SQLite shall not look for an index of.

    Without statistics it takes any index that answers an equality, such as that of a tenant with
    years of runs, for better than the short one that is right. A plus sign tells it not to
    (https://www.sqlite.org/optoverview.html); elsewhere this is the column itself.
    """

    inherit_cache = True

    def __init__(self, column: ColumnElement[Any]) -> None:
        super().__init__(column)
        self.type = column.type


@compiles(unindexed)
def _plain(element: unindexed, compiler: SQLCompiler, **how: Any) -> str:
    return str(compiler.process(element.clauses, **how))


@compiles(unindexed, "sqlite")
def _with_plus(element: unindexed, compiler: SQLCompiler, **how: Any) -> str:
    return f"+{compiler.process(element.clauses, **how)}"


def document_table(
    name: str, owner: MetaData, key: Sequence[str], partition_by: str | None = None
) -> Table:
    """A table of run documents; the parent and every month are made by this one function.

    ``run_id`` is not a foreign key alone: with ``month`` beside it, a document left behind in an
    old month is impossible. The check waits for the commit, because a move changes both sides.
    """
    return Table(
        name,
        owner,
        Column("run_id", Code, nullable=False),
        Column("month", Integer, nullable=False),
        Column("schema_version", Integer, nullable=False),
        # 'zstd' is written, 'json' is readable too.
        Column("encoding", Code, nullable=False),
        Column("document", LargeBinary, nullable=False),
        PrimaryKeyConstraint(*key),
        ForeignKeyConstraint(
            ["run_id", "month"],
            [runs.c.run_id, runs.c.month],
            deferrable=True,
            initially="DEFERRED",
        ),
        postgresql_partition_by=partition_by,
    )


#: The parent. Partitioned on PostgreSQL; on SQLite it stays empty, keyed by ``run_id`` alone.
run_documents: Final = document_table(
    "run_documents", metadata, ("month", "run_id"), "RANGE (month)"
)

automation_snapshots: Final = Table(
    "automation_snapshots",
    metadata,
    Column("id", Surrogate, primary_key=True),
    # SHA-256 of the definition's sorted-key JSON without its volatile keys.
    Column("digest", LargeBinary(32), nullable=False),
    Column("schema_version", Integer, nullable=False),
    Column("encoding", Code, nullable=False),
    Column("document", LargeBinary, nullable=False),
    UniqueConstraint("digest"),
)

automations: Final = Table(
    "automations",
    metadata,
    Column("automation_id", Code, primary_key=True),
    Column("schema_version", Integer, nullable=False),
    Column("name", Text),
    Column("status", Code),
    Column("updated_at_ms", BigInteger),
    Column("digest", LargeBinary(32), nullable=False),
    Column("encoding", Code, nullable=False),
    Column("document", LargeBinary, nullable=False),
)

# What a deleted run leaves behind: a run that is added under its id goes on with its revisions, so
# that no revision is that of two runs.
deleted_runs: Final = Table(
    "deleted_runs",
    metadata,
    Column("run_id", Code, primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("deleted_at_ms", BigInteger, nullable=False),
)

# The backups that were made and verified. `taken_at_ms` is the moment that each shows, `location`
# where it was written, `digest` the SHA-256 of that file.
backups: Final = Table(
    "backups",
    metadata,
    Column("id", Surrogate, primary_key=True),
    Column("taken_at_ms", BigInteger, nullable=False),
    Column("location", Text, nullable=False),
    Column("runs", BigInteger, nullable=False),
    Column("digest", LargeBinary(32), nullable=False),
)

# No count of rows or bytes here: one row that every writer adds to would make all of them wait.
months: Final = Table(
    "months",
    metadata,
    Column("month", Integer, primary_key=True, autoincrement=False),
    Column("state", Code, nullable=False),
    Column("attached_at_ms", BigInteger, nullable=False),
    Column("detached_at_ms", BigInteger),
    CheckConstraint("state IN ('attached', 'detached')", name="state"),
)

imports: Final = Table(
    "imports",
    metadata,
    Column("id", Surrogate, primary_key=True),
    Column("root", Text, nullable=False),
    Column("state", Code, nullable=False),
    Column("strict", Boolean, nullable=False),
    Column("started_at_ms", BigInteger, nullable=False),
    Column("finished_at_ms", BigInteger),
    Column("tool_version", Text, nullable=False),
    CheckConstraint("state IN ('scanning', 'settling', 'done')", name="state"),
)

# A path is stored once per directory: a ledger that repeats it costs a third of the writer's time.
import_directories: Final = Table(
    "import_directories",
    metadata,
    Column("id", Surrogate, primary_key=True),
    Column("path", Code, nullable=False),
    UniqueConstraint("path"),
)

import_files: Final = Table(
    "import_files",
    metadata,
    Column("id", Surrogate, primary_key=True),
    Column("directory_id", Surrogate, ForeignKey("import_directories.id"), nullable=False),
    Column("name", Code, nullable=False),
    Column("import_id", Surrogate, ForeignKey("imports.id"), nullable=False),
    Column("source", Code, nullable=False),
    # Size and time are what an unchanged file is known by.
    Column("size", BigInteger, nullable=False),
    Column("mtime_ns", BigInteger, nullable=False),
    # SHA-256 of the whole file: it is the same file still if only its time or its folder changed.
    Column("digest", LargeBinary(32), nullable=False),
    Column("complete", Boolean, nullable=False),
    UniqueConstraint("directory_id", "name"),
)

# One row per copy of a run: the importer's hot path. No CHECK and no index more than these.
import_entries: Final = Table(
    "import_entries",
    metadata,
    Column("id", Surrogate, primary_key=True),
    Column("import_id", Surrogate, ForeignKey("imports.id"), nullable=False),
    Column("file_id", Surrogate, ForeignKey("import_files.id"), nullable=False),
    # The last import that found the copy in its file; older than the file's own: it is gone.
    Column("seen_import_id", Surrogate, nullable=False),
    Column("ordinal", BigInteger, nullable=False),
    # The byte range in the file, and where the run begins behind its key; null: the whole file.
    Column("start", BigInteger),
    Column("value", BigInteger),
    Column("stop", BigInteger),
    Column("key", Text),
    # Not a foreign key: a copy may never become a run, and a run may be deleted.
    Column("run_id", Code),
    Column("digest", LargeBinary(32), nullable=False),
    Column("month", Integer),
    # 1 well-formed, 2 a stub, 3 damaged; null for what takes no part in the choice.
    Column("kind", SmallInteger),
    # The first eight bytes of a hash: enough to ask whether two copies agree.
    Column("tenant", LargeBinary(8)),
    Column("automation", LargeBinary(8)),
    Column("updated_at_ms", BigInteger),
    Column("outputs", Integer),
    # Bit mask of what the copy has: who can give a missing part is asked without reading files.
    Column("parts", SmallInteger),
    Column("outcome", Code),
    Column("reason", Code),
    Column("revision", Integer),
)
Index("ix_import_entries_file", import_entries.c.file_id, import_entries.c.ordinal)
Index("ix_import_entries_run", import_entries.c.run_id)
Index(
    "ix_import_entries_open",
    import_entries.c.import_id,
    import_entries.c.run_id,
    sqlite_where=import_entries.c.outcome.is_(None),
    postgresql_where=import_entries.c.outcome.is_(None),
)

quarantine: Final = Table(
    "quarantine",
    metadata,
    Column("id", Surrogate, primary_key=True),
    Column("import_id", Surrogate, ForeignKey("imports.id")),
    Column("entry_id", Surrogate, ForeignKey("import_entries.id")),
    Column("path", Text, nullable=False),
    # What the bytes should have been, so that they can be read again.
    Column("layout", Code, nullable=False),
    Column("key", Text),
    Column("start", BigInteger),
    Column("stop", BigInteger),
    Column("digest", LargeBinary(32), nullable=False),
    Column("reason", Code, nullable=False),
    Column("message", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("encoding", Code),
    # Null if the bytes were too many to keep; then the source is the only place that has them.
    Column("raw", LargeBinary),
    Column("kept_in_source", Boolean, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("discarded_at_ms", BigInteger),
)
Index("ix_quarantine_digest", quarantine.c.digest)
