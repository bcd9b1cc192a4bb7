"""The tables as SQLAlchemy models: what each row is, what each column means, and in which unit.

Values come out of them as people mean them: text as it was written, months as ``Month``. The
migrations, not this module, create the tables, and docs/schema.md is made from it.

Times are milliseconds since 1970, UTC, unless a name says otherwise. Indexes are named by hand,
because a name made from five columns is longer than PostgreSQL allows.
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
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from tandem_store.column_types import (
    Code,
    Digest,
    EscapedText,
    MonthKey,
    ShortHash,
    stored_type,
)
from tandem_store.month import Month

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


class Model(DeclarativeBase):
    """A row of one of the tables."""

    metadata = metadata


class Run(Model):
    """A run of an automation: what is listed, filtered and added up.

    The rest of the record is its document, which tandem_store puts together with these columns.
    """

    __tablename__ = "runs"

    run_id: Mapped[str] = mapped_column(Code, primary_key=True)
    """The id that the engine or a service gave the run."""
    month: Mapped[Month] = mapped_column(MonthKey)
    """Month of the later of creation and update, UTC: where the document is stored."""
    revision: Mapped[int] = mapped_column(Integer)
    """How often the run was written: 1 for a new one. Writers compare it before they write."""
    schema_version: Mapped[int] = mapped_column(Integer)
    """Shape of the record: 1. A greater one was written by a newer tandem_store."""
    org_id: Mapped[str] = mapped_column(Code)
    """Organization of the tenant; ``local`` if the record names none."""
    workspace_id: Mapped[str] = mapped_column(Code)
    """Workspace of the tenant; ``local`` if the record names none."""
    deployment_id: Mapped[str | None] = mapped_column(Code)
    """Deployment of the tenant, if it has several."""
    automation_id: Mapped[str] = mapped_column(Code)
    """The automation that ran."""
    trigger_type: Mapped[str] = mapped_column(Code)
    """What started the run, as ``manual`` or ``scheduled``."""
    status: Mapped[str] = mapped_column(Code)
    """``queued``, ``running``, ``completed``, ``failed`` and others; the engine may add some."""
    stop_kind: Mapped[str | None] = mapped_column(Code)
    """How a run was stopped from outside, as ``cancelled``; null if it was not."""
    created_at_ms: Mapped[int] = mapped_column(BigInteger)
    """When the run was created."""
    updated_at_ms: Mapped[int] = mapped_column(BigInteger)
    """When the record last changed."""
    started_at_ms: Mapped[int | None] = mapped_column(BigInteger)
    """When work on the run began; null before that."""
    finished_at_ms: Mapped[int | None] = mapped_column(BigInteger)
    """When the run ended; null before that."""
    completed_nodes: Mapped[int | None] = mapped_column(Integer)
    """Number of nodes that are done."""
    pending_nodes: Mapped[int | None] = mapped_column(Integer)
    """Number of nodes that are not done yet."""
    blocked_nodes: Mapped[int | None] = mapped_column(Integer)
    """Number of nodes that wait for something that did not happen."""
    failed_node: Mapped[str | None] = mapped_column(EscapedText)
    """Id of the node that failed last; null if none failed."""
    failure_reason: Mapped[str | None] = mapped_column(EscapedText)
    """Why that node failed, in words."""
    detail: Mapped[str | None] = mapped_column(EscapedText)
    """What the engine says about the state of the run, in words."""
    prompt_tokens: Mapped[int | None] = mapped_column(BigInteger)
    """Tokens sent to language models."""
    completion_tokens: Mapped[int | None] = mapped_column(BigInteger)
    """Tokens received from language models."""
    total_tokens: Mapped[int | None] = mapped_column(BigInteger)
    """Tokens in all, as the engine counts them; not always the sum of the two."""
    estimated_cost_usd: Mapped[float | None] = mapped_column(Double)
    """Estimated cost of the tokens, in US dollars."""
    snapshot_id: Mapped[int | None] = mapped_column(
        Surrogate, ForeignKey("automation_snapshots.id")
    )
    """The definition that the run ran with; null if the record has none."""
    imported: Mapped[bool] = mapped_column(Boolean)
    """Whether an import wrote this revision. False as soon as a service writes the run."""
    claimed_by: Mapped[str | None] = mapped_column(EscapedText)
    """Name of the worker that holds the run; null if nobody does."""
    # Grows with every claim and never goes back, so that a worker knows that it lost its lease.
    claim_epoch: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    """How often the run was claimed."""
    claim_expires_at_ms: Mapped[int | None] = mapped_column(BigInteger)
    """When the lease of the worker ends."""
    # A run that is deleted and added again begins with epoch 0 again, and what was claimed in its
    # first life must not be finished in its second.
    claim_token: Mapped[int | None] = mapped_column(BigInteger)
    """Random number that was drawn for the claim."""

    __table_args__ = (
        CheckConstraint("revision >= 1", name="revision"),
        # Says nothing new about runs; it is what a document refers to, so that a document can only
        # be in the month that its run is in.
        UniqueConstraint("run_id", "month"),
        Index("ix_runs_created", created_at_ms, run_id),
        Index("ix_runs_automation", automation_id, created_at_ms, run_id),
        Index("ix_runs_status", status, created_at_ms, run_id),
        Index("ix_runs_tenant", org_id, workspace_id, created_at_ms, run_id),
        Index("ix_runs_deployment", org_id, workspace_id, deployment_id, created_at_ms, run_id),
        # Carries the two sums and what tells a run that is never listed, so that statistics never
        # touch the table.
        Index(
            "ix_runs_statistics",
            month,
            automation_id,
            status,
            total_tokens,
            estimated_cost_usd,
            trigger_type,
        ),
    )


def table_of(model: type[Model]) -> Table:
    """Return the table of a model, for statements without the ORM."""
    table = model.__table__
    assert isinstance(table, Table)  # none of the models is mapped to anything else
    return table


runs: Final = table_of(Run)
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
    """A column that SQLite must not look for an index of.

    Without statistics it takes any index that answers an equality, such as that of a tenant with
    years of runs, for better than the short one that is right. A plus sign prevents that
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


class RunDocument(Model):
    """The rest of a run's record, compressed.

    On PostgreSQL this table is partitioned by month. On SQLite it stays empty, and each month has a
    table of its own, ``run_documents_2026_08``.
    """

    __tablename__ = "run_documents"

    run_id: Mapped[str] = mapped_column(Code)
    """The run."""
    month: Mapped[Month] = mapped_column(MonthKey)
    """The run's month."""
    schema_version: Mapped[int] = mapped_column(Integer)
    """Shape of the document: 1."""
    encoding: Mapped[str] = mapped_column(Code)
    """How the document is compressed: ``zstd``, or ``json`` for not at all."""
    document: Mapped[bytes] = mapped_column(LargeBinary)
    """JSON with the fields of the record that are no columns, and a digest of those columns."""

    __table_args__ = (
        PrimaryKeyConstraint("month", "run_id"),
        # With ``month`` beside it, a document left behind in an old month is impossible. The check
        # waits for the commit, because a move changes both sides.
        ForeignKeyConstraint(
            ["run_id", "month"], [Run.run_id, Run.month], deferrable=True, initially="DEFERRED"
        ),
        {"postgresql_partition_by": "RANGE (month)"},
    )


run_documents: Final = table_of(RunDocument)


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


class AutomationSnapshot(Model):
    """The definition of an automation that runs ran with, stored once for all that share it."""

    __tablename__ = "automation_snapshots"
    __table_args__ = (UniqueConstraint("digest"),)

    id: Mapped[int] = mapped_column(Surrogate, primary_key=True)
    """Made-up number that runs refer to; differs between copies of a store."""
    digest: Mapped[bytes] = mapped_column(Digest)
    """SHA-256 of the definition's JSON with sorted keys, without the keys that change at every
    run."""
    schema_version: Mapped[int] = mapped_column(Integer)
    """Shape of the document: 1."""
    encoding: Mapped[str] = mapped_column(Code)
    """How the document is compressed: ``zstd``, or ``json`` for not at all."""
    document: Mapped[bytes] = mapped_column(LargeBinary)
    """The definition's JSON, compressed."""


class Automation(Model):
    """The current definition of an automation."""

    __tablename__ = "automations"

    automation_id: Mapped[str] = mapped_column(Code, primary_key=True)
    """The id that runs name."""
    schema_version: Mapped[int] = mapped_column(Integer)
    """Shape of the document: 1."""
    name: Mapped[str | None] = mapped_column(EscapedText)
    """What people call it."""
    status: Mapped[str | None] = mapped_column(Code)
    """``active``, ``paused`` and others."""
    updated_at_ms: Mapped[int | None] = mapped_column(BigInteger)
    """When the definition last changed."""
    digest: Mapped[bytes] = mapped_column(Digest)
    """SHA-256 of the whole definition's JSON with sorted keys."""
    encoding: Mapped[str] = mapped_column(Code)
    """How the document is compressed: ``zstd``, or ``json`` for not at all."""
    document: Mapped[bytes] = mapped_column(LargeBinary)
    """JSON with the fields of the definition that are no columns, compressed."""


class DeletedRun(Model):
    """An id whose run was deleted.

    A run that is added under it later goes on with its revisions, so that no revision is that of
    two runs.
    """

    __tablename__ = "deleted_runs"

    run_id: Mapped[str] = mapped_column(Code, primary_key=True)
    """The id."""
    revision: Mapped[int] = mapped_column(Integer)
    """The last revision of the run that was deleted."""
    deleted_at_ms: Mapped[int] = mapped_column(BigInteger)
    """When it was deleted."""


class Backup(Model):
    """A backup that was made and verified."""

    __tablename__ = "backups"

    id: Mapped[int] = mapped_column(Surrogate, primary_key=True)
    """Made-up number, greater for later backups."""
    taken_at_ms: Mapped[int] = mapped_column(BigInteger)
    """The moment that the backup shows."""
    location: Mapped[str] = mapped_column(EscapedText)
    """Where the file was written."""
    runs: Mapped[int] = mapped_column(BigInteger)
    """Number of runs in it."""
    digest: Mapped[bytes] = mapped_column(Digest)
    """SHA-256 of the file."""


# No count of rows or bytes here: one row that every writer adds to would make all of them wait.
class StoredMonth(Model):
    """A month that documents are or were stored in."""

    __tablename__ = "months"
    __table_args__ = (CheckConstraint("state IN ('attached', 'detached')", name="state"),)

    month: Mapped[Month] = mapped_column(MonthKey, primary_key=True, autoincrement=False)
    """The month, UTC."""
    state: Mapped[str] = mapped_column(Code)
    """``attached``: its documents can be read. ``detached``: they are somewhere else."""
    attached_at_ms: Mapped[int] = mapped_column(BigInteger)
    """When its table was made or attached."""
    detached_at_ms: Mapped[int | None] = mapped_column(BigInteger)
    """When it was detached; null if it never was."""


class Import(Model):
    """An import of one state directory, finished or not."""

    __tablename__ = "imports"
    __table_args__ = (CheckConstraint("state IN ('scanning', 'settling', 'done')", name="state"),)

    id: Mapped[int] = mapped_column(Surrogate, primary_key=True)
    """Made-up number, greater for later imports."""
    root: Mapped[str] = mapped_column(EscapedText)
    """Absolute path of the directory, where it was last found."""
    state: Mapped[str] = mapped_column(Code)
    """``scanning``: reading files. ``settling``: reconciling copies. ``done``."""
    strict: Mapped[bool] = mapped_column(Boolean)
    """Whether only well-formed copies were imported (``--strict``)."""
    started_at_ms: Mapped[int] = mapped_column(BigInteger)
    """When it began."""
    finished_at_ms: Mapped[int | None] = mapped_column(BigInteger)
    """When it ended; null before that."""
    tool_version: Mapped[str] = mapped_column(EscapedText)
    """The version of tandem_store that began it."""


# A path is stored once per directory: a ledger that repeats it costs a third of the writer's time.
class ImportDirectory(Model):
    """A directory with files that an import has read."""

    __tablename__ = "import_directories"
    __table_args__ = (UniqueConstraint("path"),)

    id: Mapped[int] = mapped_column(Surrogate, primary_key=True)
    """Made-up number."""
    path: Mapped[str] = mapped_column(Code)
    """Path below the state directory; empty for the state directory itself."""


class ImportFile(Model):
    """A file that an import has read, as it was then."""

    __tablename__ = "import_files"
    __table_args__ = (UniqueConstraint("directory_id", "name"),)

    id: Mapped[int] = mapped_column(Surrogate, primary_key=True)
    """Made-up number."""
    directory_id: Mapped[int] = mapped_column(Surrogate, ForeignKey("import_directories.id"))
    """Its directory."""
    name: Mapped[str] = mapped_column(Code)
    """Its name in the directory."""
    import_id: Mapped[int] = mapped_column(Surrogate, ForeignKey("imports.id"))
    """The import that read it last."""
    source: Mapped[str] = mapped_column(Code)
    """What kind of file it is, as ``hot`` or ``shard``."""
    # Size and time are what an unchanged file is known by.
    size: Mapped[int] = mapped_column(BigInteger)
    """Its size in bytes."""
    mtime_ns: Mapped[int] = mapped_column(BigInteger)
    """When its content last changed, in nanoseconds since 1970, UTC."""
    # It is the same file still if only its time or its folder changed.
    digest: Mapped[bytes] = mapped_column(Digest)
    """SHA-256 of all of it."""
    complete: Mapped[bool] = mapped_column(Boolean)
    """Whether it was read to its end."""


# The importer's hot path. No CHECK and no index more than these.
class ImportEntry(Model):
    """A copy of a run that an import has found, and its outcome."""

    __tablename__ = "import_entries"

    id: Mapped[int] = mapped_column(Surrogate, primary_key=True)
    """Made-up number."""
    import_id: Mapped[int] = mapped_column(Surrogate, ForeignKey("imports.id"))
    """The import that found the copy first."""
    file_id: Mapped[int] = mapped_column(Surrogate, ForeignKey("import_files.id"))
    """The file that holds the copy."""
    seen_import_id: Mapped[int] = mapped_column(Surrogate)
    """The last import that found the copy in its file; if the file has a later one, it is gone."""
    ordinal: Mapped[int] = mapped_column(BigInteger)
    """Order of the copies in a file: the byte at which the copy starts, 0 for a whole file."""
    start: Mapped[int | None] = mapped_column(BigInteger)
    """First byte of the copy and its key in the file; null if the copy is all of the file."""
    value: Mapped[int | None] = mapped_column(BigInteger)
    """First byte of the run, after its key."""
    stop: Mapped[int | None] = mapped_column(BigInteger)
    """First byte after the copy."""
    key: Mapped[str | None] = mapped_column(EscapedText)
    """Key of the copy in the file's JSON object, if it has one."""
    # Not a foreign key: a copy may never become a run, and a run may be deleted.
    run_id: Mapped[str | None] = mapped_column(Code)
    """The run that the copy is of, or says that it is of."""
    digest: Mapped[bytes] = mapped_column(Digest)
    """SHA-256 of the record's JSON with sorted keys, or of the bytes of what is damaged."""
    month: Mapped[Month | None] = mapped_column(MonthKey)
    """The month that the copy belongs to; null if its times say none."""
    kind: Mapped[int | None] = mapped_column(SmallInteger)
    """1 well-formed, 2 a stub, 3 damaged; null for what takes no part in the choice."""
    tenant: Mapped[bytes | None] = mapped_column(ShortHash)
    """Hash of the tenant: two copies of one run with different ones belong to different tenants."""
    automation: Mapped[bytes | None] = mapped_column(ShortHash)
    """Hash of the automation's id."""
    updated_at_ms: Mapped[int | None] = mapped_column(BigInteger)
    """When the copy last changed."""
    outputs: Mapped[int | None] = mapped_column(Integer)
    """Number of node outputs that the copy has."""
    # Who can give a missing part is asked without reading files.
    parts: Mapped[int | None] = mapped_column(SmallInteger)
    """Bit mask of the parts that the copy has."""
    outcome: Mapped[str | None] = mapped_column(Code)
    """``imported``, ``superseded`` and others; null until the copy is reconciled."""
    reason: Mapped[str | None] = mapped_column(Code)
    """Why, if the outcome alone does not say it."""
    revision: Mapped[int | None] = mapped_column(Integer)
    """The revision of the run that this copy was stored as."""

    __table_args__ = (
        Index("ix_import_entries_file", file_id, ordinal),
        Index("ix_import_entries_run", run_id),
    )


class QuarantineItem(Model):
    """Something that could not be imported as it is, with its bytes."""

    __tablename__ = "quarantine"

    id: Mapped[int] = mapped_column(Surrogate, primary_key=True)
    """The number that ``quarantine list`` shows."""
    import_id: Mapped[int | None] = mapped_column(Surrogate, ForeignKey("imports.id"))
    """The import that found it."""
    entry_id: Mapped[int | None] = mapped_column(Surrogate, ForeignKey("import_entries.id"))
    """Its copy in the ledger; null for definitions, which are not copies of runs."""
    path: Mapped[str] = mapped_column(EscapedText)
    """Path of its file below the state directory."""
    layout: Mapped[str] = mapped_column(Code)
    """What the bytes should have been: ``entry``, ``shard``, ``runs``, ``context`` and others."""
    key: Mapped[str | None] = mapped_column(EscapedText)
    """Its key in the file's JSON object, if it has one."""
    start: Mapped[int | None] = mapped_column(BigInteger)
    """First of its bytes in the file; null if it is all of the file."""
    stop: Mapped[int | None] = mapped_column(BigInteger)
    """First byte after it."""
    digest: Mapped[bytes] = mapped_column(Digest)
    """SHA-256 of its bytes."""
    reason: Mapped[str] = mapped_column(Code)
    """Why it is here, as a word for programs."""
    message: Mapped[str] = mapped_column(EscapedText)
    """Why it is here, as a sentence."""
    size: Mapped[int] = mapped_column(BigInteger)
    """Number of its bytes."""
    encoding: Mapped[str | None] = mapped_column(Code)
    """How ``raw`` is compressed: ``zstd``; null without ``raw``."""
    # Null if the bytes were too many to keep; then the source is the only place that has them.
    raw: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Its bytes, compressed; null if they were too many to keep, or were discarded."""
    kept_in_source: Mapped[bool] = mapped_column(Boolean)
    """Whether only the source has the bytes."""
    created_at_ms: Mapped[int] = mapped_column(BigInteger)
    """When it was put here."""
    discarded_at_ms: Mapped[int | None] = mapped_column(BigInteger)
    """When somebody discarded it, or it was imported after all; null before that."""

    __table_args__ = (Index("ix_quarantine_digest", digest),)


automation_snapshots: Final = table_of(AutomationSnapshot)
automations: Final = table_of(Automation)
deleted_runs: Final = table_of(DeletedRun)
backups: Final = table_of(Backup)
months: Final = table_of(StoredMonth)
imports: Final = table_of(Import)
import_directories: Final = table_of(ImportDirectory)
import_files: Final = table_of(ImportFile)
import_entries: Final = table_of(ImportEntry)
quarantine: Final = table_of(QuarantineItem)

Index(
    "ix_import_entries_open",
    import_entries.c.import_id,
    import_entries.c.run_id,
    sqlite_where=import_entries.c.outcome.is_(None),
    postgresql_where=import_entries.c.outcome.is_(None),
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
