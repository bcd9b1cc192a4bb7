"""Complete runs: where each is stored, and its columns, document and snapshot read together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import Connection, Select, Table, and_, bindparam, select

from tandem_store import dictionaries
from tandem_store.database import partitions
from tandem_store.database.damaged_rows import DAMAGE, damaged_run, stored_month
from tandem_store.database.prepared import Prepared, Values
from tandem_store.errors import (
    ContentForgottenError,
    LegacyFormatError,
    MonthDetachedError,
    NotAStoreError,
    RecordTooNewError,
    StoreError,
    quote_id,
)
from tandem_store.jsontext import loads
from tandem_store.mapping import STORED_VERSION, ReadRecord, read_record, snapshot_document
from tandem_store.mapping.compression import FORGOTTEN
from tandem_store.mapping.facts import facts_of
from tandem_store.month import Month
from tandem_store.runs import detached_runs
from tandem_store.runs.context import RunsContext
from tandem_store.runs.selection import Tenancy
from tandem_store.tables import automation_snapshots, runs

if TYPE_CHECKING:
    from tandem_store.records import RunRecord, RunStatus

#: How often a run is looked for again while another transaction keeps moving it.
ATTEMPTS: Final = 3
#: How many statements are kept ready: some for each month.
_STATEMENTS: Final = 2_048
#: The columns of a run as they are read.
_NAMES: Final = (*runs.c.keys(), "snapshot_digest")


@dataclass(frozen=True, slots=True)
class Versioned:
    """A run and the revision it was read at, which ``save`` asks for."""

    run: RunRecord
    revision: int
    #: The terminal status that the run was in before an update that made it go on again.
    reopened_from: RunStatus | None = field(default=None, compare=False)


class ReadRun(NamedTuple):
    """A run and the stored form that it was read from."""

    run: RunRecord
    source: ReadRecord


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A run as it is stored, whatever version wrote it.

    ``document`` and ``snapshot`` are JSON, decompressed. The document is empty if the content of
    the run was forgotten; then the columns are all that is left of it.
    """

    columns: dict[str, Any]
    document: bytes
    snapshot: bytes | None

    @property
    def run_id(self) -> str:
        """The run's id."""
        run_id = self.columns["run_id"]
        if type(run_id) is not str:  # damaged text too
            raise self._damaged("has an id that is no text")
        return run_id

    @property
    def revision(self) -> int:
        """How often the run was written."""
        return self._number("revision")

    @property
    def schema_version(self) -> int:
        """The shape of the record; greater than ours if a newer version wrote it."""
        return self._number("schema_version")

    @property
    def month(self) -> Month:
        """The month that the document is in."""
        return stored_month(self.columns["month"], f"The run {self.columns['run_id']!r}")

    @property
    def is_forgotten(self) -> bool:
        """Whether the content of the run was forgotten."""
        return not self.document

    def raw(self) -> Any:
        """Return the document's JSON value, which can be read even if the record cannot.

        Raises:
            ContentForgottenError: it was forgotten.
            NotAStoreError: it is damaged.
        """
        self._refuse_if_forgotten()
        try:
            return loads(self.document)
        except LegacyFormatError as error:
            raise self._damaged(f"has a document that cannot be read: {error}") from error

    def fields(self) -> frozenset[str]:
        """Return the record's own fields in the document, whether this version knows them or not.

        Raises as ``raw`` does.
        """
        try:
            return frozenset(self.raw()["record"])
        except DAMAGE as error:
            raise self._damaged("has a document without a record") from error

    def record(self) -> RunRecord:
        """Return the record. Raises as ``read`` does."""
        return self.read().run

    def read(self) -> ReadRun:
        """Return the record with what it was read from.

        Raises:
            ContentForgottenError: its content was forgotten.
            RecordTooNewError: a newer version wrote it.
            NotAStoreError: it is damaged, or its columns, document and snapshot do not agree.
        """
        self._refuse_if_forgotten()
        if self.schema_version > STORED_VERSION:
            raise RecordTooNewError(
                f"The run {quote_id(self.run_id)} was written in version {self.schema_version}; "
                f"this tandem-store reads up to {STORED_VERSION}. Upgrade the package tandem-store."
            )
        # Here, because lists and statistics need no models, which take long to import.
        from tandem_store.records.reading import read_run

        source = read_record(self.columns, self.document, self.snapshot)
        try:
            return ReadRun(read_run(source.record), source)
        except (LegacyFormatError, *DAMAGE) as error:
            raise self._damaged(f"cannot be read: {error}") from error

    def check(self) -> str | None:
        """Return what is wrong with the run, as a sentence; None if it can be read completely.

        A record that a newer version wrote, or whose content was forgotten, counts as sound.
        """
        try:
            record = Versioned(self.record(), self.revision).run
        except (ContentForgottenError, RecordTooNewError):
            return None
        except StoreError as error:
            return str(error)
        repeated = facts_of(record.to_legacy()).items()
        if wrong := [name for name, value in repeated if value != self.columns[name]]:
            return str(self._damaged(f"has columns unlike its document: {', '.join(wrong)}"))
        return None

    def _refuse_if_forgotten(self) -> None:
        if self.is_forgotten:
            raise ContentForgottenError(
                f"The content of the run {quote_id(self.run_id)} was forgotten with that of its "
                f"month, {self.month}. Its status, times, tokens and cost are still listed.",
                run_id=self.run_id,
            )

    def _number(self, column: str) -> int:
        value = self.columns[column]
        if type(value) is not int:
            raise self._damaged(f"has the {column} {value!r}, which is no number")
        return value

    def _damaged(self, how: str) -> NotAStoreError:
        return damaged_run(self.columns["run_id"], self.columns["month"], how)


def document(context: RunsContext, run_id: str) -> StoredRun | None:
    """Return one run as stored, or None if there is no run with this id.

    The month says which table to read, and the second statement reads all parts at once: outside a
    snapshot, on PostgreSQL, columns and document could otherwise be of different revisions.

    Raises ``MonthDetachedError`` if the run left with its month.
    """
    connection, tenancy = context.connection, context.tenancy
    values = context.values(run_id=run_id)
    for _ in range(ATTEMPTS):
        found = _month_of(tenancy).first(connection, values)
        if found is None:
            detached_runs.refuse_if_detached(context, run_id)
            return None
        where = stored_month(found[0], f"The run {run_id!r}")
        table = partitions.document_table(connection, where)
        row = _one(table, tenancy).first(connection, {**values, "month": where})
        if row is not None:
            return _stored(connection, row, run_id)
    if partitions.has_no_table(connection, where):
        raise MonthDetachedError(
            f"The month {where} was detached while this transaction was open. Begin another one, "
            "which sees where it is."
        )
    raise _missing(run_id, where)


def documents_of_month(
    context: RunsContext, month: Month, run_ids: Sequence[str]
) -> Iterator[StoredRun]:
    """Yield those of the runs that are in one month, in no particular order."""
    table = partitions.document_table(context.connection, month)
    connection = context.connection
    values = context.values(run_ids=list(run_ids), month=month)
    rows = _many(table, context.tenancy).all(connection, values)
    return (_stored(connection, row) for row in rows)


@cache
def _month_of(tenancy: Tenancy) -> Prepared:
    itself = runs.c.run_id == bindparam("run_id")
    return Prepared(select(runs.c.month).where(itself, *tenancy.conditions()))


@lru_cache(_STATEMENTS)
def _one(table: Table, tenancy: Tenancy) -> Prepared:
    return Prepared(_parts(table, tenancy).where(runs.c.run_id == bindparam("run_id")))


@lru_cache(_STATEMENTS)
def _many(table: Table, tenancy: Tenancy) -> Prepared:
    is_wanted = runs.c.run_id.in_(bindparam("run_ids", expanding=True))
    return Prepared(_parts(table, tenancy).where(is_wanted))


def _parts(table: Table, tenancy: Tenancy) -> Select[Any]:
    together = and_(table.c.run_id == runs.c.run_id, table.c.month == runs.c.month)
    return (
        select(
            *runs.c,
            table.c.encoding.label("document_encoding"),
            table.c.document.label("document"),
            automation_snapshots.c.digest.label("snapshot_digest"),
            automation_snapshots.c.encoding.label("snapshot_encoding"),
            automation_snapshots.c.document.label("snapshot"),
        )
        .join(table, together)
        .outerjoin(automation_snapshots, automation_snapshots.c.id == runs.c.snapshot_id)
        # Asked of the document too, so that PostgreSQL looks into one partition.
        .where(table.c.month == bindparam("month"), *tenancy.conditions())
    )


def _stored(connection: Connection, row: Values, asked_for: str | None = None) -> StoredRun:
    *columns_of_run, encoding, document, digest, its_encoding, snapshot = row
    columns = dict(zip(_NAMES, (*columns_of_run, digest), strict=True))
    run_id, month = columns["run_id"], columns["month"]
    if asked_for is not None and run_id != asked_for:
        # A damaged index led to another row.
        raise damaged_run(asked_for, month, "was asked for, and another run was found")
    if encoding == FORGOTTEN:
        return StoredRun(columns, b"", None)
    try:
        return StoredRun(
            document=dictionaries.decompress(connection, document, encoding),
            snapshot=snapshot and snapshot_document(digest, snapshot, its_encoding),
            columns=columns,
        )
    except (NotAStoreError, *DAMAGE) as error:
        raise damaged_run(run_id, month, f"cannot be read: {error}") from error


def _missing(run_id: str, month: Month) -> NotAStoreError:
    return NotAStoreError(
        f"The document of the run {quote_id(run_id)} is missing in month {month}: restore the "
        "database from a backup. See what else is damaged with: tandem-store doctor --deep"
    )
