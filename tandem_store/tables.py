"""The tables of a store: columns, constraints and indexes.

What a row is and what its columns mean stands at the model of each table, in ``models``, which maps
these tables for whoever wants the ORM. The package itself needs no ORM, and importing one costs a
process a tenth of a second. The migrations, not this module, create the tables.

Indexes are named by hand, because a name made from five columns is longer than PostgreSQL allows.
"""

from __future__ import annotations

import re
from functools import cache
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
    UniqueConstraint,
    and_,
    text,
)

from tandem_store.column_types import (
    Code,
    Digest,
    EscapedText,
    MonthKey,
    ShortHash,
    stored_type,
)

#: Fixed with the first revision: a constraint without a known name cannot be altered later.
NAMING_CONVENTION: Final = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

#: A made-up key. SQLite numbers rows by itself only if the type is spelled INTEGER.
Surrogate: Final = BigInteger().with_variant(Integer, "sqlite")

#: The names of month tables. They come and go with the data, so no migration and no comparison of
#: the schema with the database counts them.
MONTH_TABLE: Final = re.compile(r"run_documents_\d{4}_\d{2}")

metadata: Final = MetaData(naming_convention=NAMING_CONVENTION)

#: The partial indexes and their conditions.
_PARTIAL: Final[list[tuple[Index, ColumnElement[bool]]]] = []


def _partial(name: str, *columns: Column[Any], where: ColumnElement[bool]) -> None:
    _PARTIAL.append((Index(name, *columns, sqlite_where=where), where))


runs: Final = Table(
    "runs",
    metadata,
    Column("run_id", Code, primary_key=True),
    Column("month", MonthKey, nullable=False),
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
    Column("failed_node", EscapedText),
    Column("failure_reason", EscapedText),
    Column("detail", EscapedText),
    Column("prompt_tokens", BigInteger),
    Column("completion_tokens", BigInteger),
    Column("total_tokens", BigInteger),
    Column("estimated_cost_usd", Double),
    Column("snapshot_id", Surrogate, ForeignKey("automation_snapshots.id")),
    Column("imported", Boolean, nullable=False),
    Column("claimed_by", EscapedText),
    # Grows with every claim and never goes back, so that a worker knows that it lost its lease.
    Column("claim_epoch", Integer, server_default=text("0"), nullable=False),
    Column("claim_expires_at_ms", BigInteger),
    # A run that is deleted and added again begins with epoch 0 again, and what was claimed in its
    # first life must not be finished in its second.
    Column("claim_token", BigInteger),
    # What questions ask and only the document says otherwise: see ``mapping.facts``. Null in rows
    # whose document cannot be read.
    Column("automation_name", EscapedText),
    Column("workspace_root", EscapedText),
    Column("execution_profile", Code),
    Column("definition_version", Code),
    Column("duration_ms", BigInteger),
    Column("waits_for", Code),
    Column("waits_for_detail", EscapedText),
    Column("gate_node", EscapedText),
    Column("gate_requested_at_ms", BigInteger),
    Column("gate_expires_at_ms", BigInteger),
    Column("not_due_before_ms", BigInteger),
    Column("last_event", EscapedText),
    Column("last_event_at_ms", BigInteger),
    Column("attempts", BigInteger),
    Column("nodes_attempted", Integer),
    Column("outputs_failed_validation", Integer),
    Column("needs_repair", Boolean),
    Column("gates_decided", Integer),
    CheckConstraint("revision >= 1", name="revision"),
    # Refuses a service of an older version that goes on after an upgrade: what it wrote would keep
    # columns that the document contradicts. It reads the name of the check.
    CheckConstraint("schema_version >= 2", name="upgraded_restart_older_services"),
    # Says nothing new about runs; it is what a document refers to, so that a document can only
    # be in the month that its run is in.
    UniqueConstraint("run_id", "month"),
    Index("ix_runs_created", "created_at_ms", "run_id"),
    Index("ix_runs_automation", "automation_id", "created_at_ms", "run_id"),
    Index("ix_runs_status", "status", "created_at_ms", "run_id"),
    Index("ix_runs_tenant", "org_id", "workspace_id", "created_at_ms", "run_id"),
    Index(
        "ix_runs_deployment", "org_id", "workspace_id", "deployment_id", "created_at_ms", "run_id"
    ),
    # Carries what is added up, and what tells a run that is never listed: the statistics of a time
    # and an automation never touch the table.
    Index(
        "ix_runs_statistics",
        "created_at_ms",
        "automation_id",
        "status",
        "trigger_type",
        "prompt_tokens",
        "completion_tokens",
        "total_tokens",
        "estimated_cost_usd",
        "duration_ms",
    ),
    Index("ix_runs_month", "month"),
    # From one automation of a tenant to the next.
    Index("ix_runs_owner", "org_id", "workspace_id", "automation_id"),
    # The other orders of a list. Nulls are in them too: they are the last page of it.
    Index("ix_runs_updated", "updated_at_ms", "run_id"),
    Index("ix_runs_finished", "finished_at_ms", "run_id"),
    Index("ix_runs_duration", "duration_ms", "run_id"),
    Index("ix_runs_cost", "estimated_cost_usd", "run_id"),
    Index("ix_runs_tokens", "total_tokens", "run_id"),
)
_in_queue: Final = and_(runs.c.status == "queued", runs.c.claimed_by.is_(None))
# The queue of the workers, and only that: years of finished runs would be in the way. The status is
# a column of it although it has one value, because SQLite prefers the index that answers most of a
# question.
_partial(
    "ix_runs_queue",
    runs.c.status,
    runs.c.imported,
    runs.c.created_at_ms,
    runs.c.run_id,
    # Many runs that back off may stand before the oldest that is due.
    runs.c.not_due_before_ms,
    where=_in_queue,
)
# When the next of them is due, which no other index would tell without reading all of them.
_partial(
    "ix_runs_due",
    runs.c.not_due_before_ms,
    where=runs.c.not_due_before_ms.is_not(None),
)
# The leases that somebody may have to take over, if the run's status says that work was going on.
_partial(
    "ix_runs_leases",
    runs.c.status,
    runs.c.claim_expires_at_ms,
    where=runs.c.claimed_by.is_not(None),
)
# Hardly any of the runs wait for something, and the newest request is what people look for.
_partial(
    "ix_runs_waiting",
    runs.c.waits_for,
    runs.c.gate_requested_at_ms,
    runs.c.run_id,
    where=runs.c.waits_for.is_not(None),
)
_partial(
    "ix_runs_snapshot",
    runs.c.snapshot_id,
    where=runs.c.snapshot_id.is_not(None),
)

run_documents: Final = Table(
    "run_documents",
    metadata,
    Column("run_id", Code, nullable=False),
    Column("month", MonthKey, nullable=False),
    Column("schema_version", Integer, nullable=False),
    Column("encoding", Code, nullable=False),
    Column("document", LargeBinary, nullable=False),
    PrimaryKeyConstraint("month", "run_id"),
    # With ``month`` beside it, a document left behind in an old month is impossible. The check
    # waits for the commit, because a move changes both sides.
    ForeignKeyConstraint(
        ["run_id", "month"], ["runs.run_id", "runs.month"], deferrable=True, initially="DEFERRED"
    ),
)

automation_snapshots: Final = Table(
    "automation_snapshots",
    metadata,
    Column("id", Surrogate, primary_key=True),
    Column("digest", Digest, nullable=False),
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
    Column("name", EscapedText),
    Column("status", Code),
    Column("updated_at_ms", BigInteger),
    Column("digest", Digest, nullable=False),
    Column("encoding", Code, nullable=False),
    Column("document", LargeBinary, nullable=False),
)

dictionaries: Final = Table(
    "dictionaries",
    metadata,
    # The number that zstd writes into every frame, not one that the database makes up.
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("digest", Digest, nullable=False),
    Column("encoding", Code, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
)

# Frames name their dictionary, but to find out which are in use, every document would be read.
# There is no reference to the months, whose rows a copy writes anew.

month_dictionaries: Final = Table(
    "month_dictionaries",
    metadata,
    Column("month", MonthKey, nullable=False),
    Column("dictionary_id", BigInteger, ForeignKey("dictionaries.id"), nullable=False),
    PrimaryKeyConstraint("month", "dictionary_id"),
)

deleted_runs: Final = Table(
    "deleted_runs",
    metadata,
    Column("run_id", Code, primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("deleted_at_ms", BigInteger, nullable=False),
)

# Months that were detached, and where they are. There is no reference to the months, whose rows a
# copy writes anew.

archives: Final = Table(
    "archives",
    metadata,
    Column("id", Surrogate, primary_key=True),
    Column("month", MonthKey, nullable=False),
    Column("location", EscapedText, nullable=False),
    Column("digest", Digest, nullable=False),
    Column("runs", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("begun_at_ms", BigInteger, nullable=False),
    # Null until the rows have left: what an interrupted attempt leaves behind has none.
    Column("detached_at_ms", BigInteger),
    Column("drop_due_at_ms", BigInteger),
    Column("dropped_at_ms", BigInteger),
)

detached_runs: Final = Table(
    "detached_runs",
    metadata,
    Column("run_id", Code, primary_key=True),
    Column("archive_id", Surrogate, ForeignKey("archives.id"), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("updated_at_ms", BigInteger, nullable=False),
    Column("org_id", Code, nullable=False),
    Column("workspace_id", Code, nullable=False),
    Column("deployment_id", Code),
    Column("automation_id", Code, nullable=False),
    Index("ix_detached_runs_archive", "archive_id"),
)

month_totals: Final = Table(
    "month_totals",
    metadata,
    Column("id", Surrogate, primary_key=True),
    Column("archive_id", Surrogate, ForeignKey("archives.id"), nullable=False),
    Column("day_ms", BigInteger, nullable=False),
    Column("automation_id", Code, nullable=False),
    Column("org_id", Code, nullable=False),
    Column("workspace_id", Code, nullable=False),
    Column("deployment_id", Code),
    Column("status", Code, nullable=False),
    Column("trigger_type", Code, nullable=False),
    Column("runs", BigInteger, nullable=False),
    Column("prompt_tokens", BigInteger, nullable=False),
    Column("completion_tokens", BigInteger, nullable=False),
    Column("total_tokens", BigInteger, nullable=False),
    Column("estimated_cost_usd", Double, nullable=False),
    Index("ix_month_totals_archive", "archive_id"),
)

holds: Final = Table(
    "holds",
    metadata,
    Column("kind", Code, primary_key=True),
    Column("name", Code, primary_key=True),
    Column("why", EscapedText, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    CheckConstraint("kind IN ('run', 'automation')", name="kind"),
)

# Has a row in an archive, and only there.

archive_origins: Final = Table(
    "archive_origins",
    metadata,
    Column("month", MonthKey, primary_key=True, autoincrement=False),
    Column("store", EscapedText, nullable=False),
    Column("digest", Digest, nullable=False),
    Column("runs", BigInteger, nullable=False),
    Column("quarantined", BigInteger, nullable=False),
    Column("made_at_ms", BigInteger, nullable=False),
    Column("tool_version", EscapedText, nullable=False),
)

backups: Final = Table(
    "backups",
    metadata,
    Column("id", Surrogate, primary_key=True),
    Column("taken_at_ms", BigInteger, nullable=False),
    Column("location", EscapedText, nullable=False),
    Column("runs", BigInteger, nullable=False),
    Column("digest", Digest, nullable=False),
)

# No count of rows or bytes here: one row that every writer adds to would make all of them wait.

months: Final = Table(
    "months",
    metadata,
    Column("month", MonthKey, primary_key=True, autoincrement=False),
    Column("state", Code, nullable=False),
    Column("attached_at_ms", BigInteger, nullable=False),
    Column("detached_at_ms", BigInteger),
    CheckConstraint("state IN ('attached', 'detached')", name="state"),
)

imports: Final = Table(
    "imports",
    metadata,
    Column("id", Surrogate, primary_key=True),
    Column("root", EscapedText, nullable=False),
    Column("state", Code, nullable=False),
    Column("strict", Boolean, nullable=False),
    Column("started_at_ms", BigInteger, nullable=False),
    Column("finished_at_ms", BigInteger),
    Column("tool_version", EscapedText, nullable=False),
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
    # It is the same file still if only its time or its folder changed.
    Column("digest", Digest, nullable=False),
    Column("complete", Boolean, nullable=False),
    UniqueConstraint("directory_id", "name"),
)

# The importer's hot path. No CHECK and no index more than these.

import_entries: Final = Table(
    "import_entries",
    metadata,
    Column("id", Surrogate, primary_key=True),
    Column("import_id", Surrogate, ForeignKey("imports.id"), nullable=False),
    Column("file_id", Surrogate, ForeignKey("import_files.id"), nullable=False),
    Column("seen_import_id", Surrogate, nullable=False),
    Column("ordinal", BigInteger, nullable=False),
    Column("start", BigInteger),
    Column("value", BigInteger),
    Column("stop", BigInteger),
    Column("key", EscapedText),
    # Not a foreign key: a copy may never become a run, and a run may be deleted.
    Column("run_id", Code),
    Column("digest", Digest, nullable=False),
    Column("month", MonthKey),
    Column("kind", SmallInteger),
    Column("tenant", ShortHash),
    Column("automation", ShortHash),
    Column("updated_at_ms", BigInteger),
    Column("outputs", Integer),
    # Who can give a missing part is asked without reading files.
    Column("parts", SmallInteger),
    Column("outcome", Code),
    Column("reason", Code),
    Column("revision", Integer),
    Index("ix_import_entries_file", "file_id", "ordinal"),
    Index("ix_import_entries_run", "run_id"),
)
_partial(
    "ix_import_entries_open",
    import_entries.c.import_id,
    import_entries.c.run_id,
    where=import_entries.c.outcome.is_(None),
)

quarantine: Final = Table(
    "quarantine",
    metadata,
    Column("id", Surrogate, primary_key=True),
    Column("import_id", Surrogate, ForeignKey("imports.id")),
    Column("entry_id", Surrogate, ForeignKey("import_entries.id")),
    Column("path", EscapedText, nullable=False),
    Column("layout", Code, nullable=False),
    Column("key", EscapedText),
    Column("start", BigInteger),
    Column("stop", BigInteger),
    Column("digest", Digest, nullable=False),
    Column("reason", Code, nullable=False),
    Column("message", EscapedText, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("encoding", Code),
    # Null if the bytes were too many to keep; then the source is the only place that has them.
    Column("raw", LargeBinary),
    Column("kept_in_source", Boolean, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("discarded_at_ms", BigInteger),
    Index("ix_quarantine_digest", "digest"),
)


@cache
def add_postgresql_options() -> None:
    """Give the tables what only PostgreSQL has; called before such a database is opened.

    Naming these options loads SQLAlchemy's dialect with every driver that it knows, which takes
    50 ms that most stores do not need.
    """
    for index, condition in _PARTIAL:
        index.dialect_options["postgresql"]["where"] = condition
    run_documents.dialect_options["postgresql"]["partition_by"] = "RANGE (month)"


def month_table(name: str) -> Table:
    """Return the table of one month as SQLite has it: the same columns, keyed by ``run_id``."""
    # A catalogue of its own for each: two threads asking at once must not clash in a common one.
    return Table(
        name,
        MetaData(naming_convention=NAMING_CONVENTION),
        *(Column(column.name, column.type, nullable=False) for column in run_documents.c),
        PrimaryKeyConstraint("run_id"),
        ForeignKeyConstraint(
            ["run_id", "month"],
            [runs.c.run_id, runs.c.month],
            deferrable=True,
            initially="DEFERRED",
        ),
    )


@cache
def stored_table(table: Table) -> Table:
    """Return the same table with the types of the database, for whoever moves rows as they are."""
    return Table(
        table.name,
        MetaData(),
        *(Column(one.name, stored_type(one.type), nullable=one.nullable) for one in table.c),
        PrimaryKeyConstraint(*(one.name for one in table.primary_key)),
    )
