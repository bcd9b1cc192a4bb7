"""The rows of runs against their documents, both ways."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, Table, func, select

from tandem_store import tables
from tandem_store.database import partitions, table_check
from tandem_store.doctor.context import Context
from tandem_store.doctor.decoding import UNREADABLE, reason
from tandem_store.doctor.findings import LISTED, Finding, Severity, counted, named
from tandem_store.month import Month
from tandem_store.tables import months, runs


def check(context: Context) -> Iterator[Finding]:
    """Yield the findings about each month, then about documents that are in no month's table.

    Runs of a month that has no table, and is not detached, are a finding too.
    """
    with context.read() as connection:
        held = _held(connection)
        readable = table_check.readable_months(connection)
        detached = _detached(context, connection)
    context.report.checked["runs"] = sum(held.values())
    # As text, because the months of damaged rows may be anything.
    for month in sorted({*held, *readable}, key=str):
        if month in readable:
            yield from _of_month(context, month)
        elif month not in detached:
            yield _month_gone(context, month, held[month])
    if context.path is not None and tables.run_documents.name in context.tables:
        yield from _in_parent(context)


def _of_month(context: Context, month: Month) -> Iterator[Finding]:
    """Yield the findings about one month, up to where damage ends them.

    That damage is a finding too, so that the other months are still examined.
    """
    try:
        with context.read() as connection:
            yield from _Month(context, connection, month).findings()
    except UNREADABLE as error:
        yield Finding(
            code="unreadable",
            severity=Severity.ERROR,
            what=f"Could not compare the runs of {month} with their documents: {reason(error)}.",
            command=context.restore(),
            month=month.label,
        )


@dataclass(frozen=True, slots=True)
class _Month:
    """One month whose documents can be read."""

    context: Context
    connection: Connection
    month: Month

    def findings(self) -> Iterator[Finding]:
        """Yield what is in only one of the two tables, or in the table of another month."""
        table = partitions.document_table(self.connection, self.month)
        here = table.c.month == self.month
        theirs = select(runs.c.run_id).where(runs.c.run_id == table.c.run_id)
        documents = select(table.c.run_id)
        if self.context.path is None:
            documents = documents.where(here)
        yield from self._found(
            select(runs.c.run_id).where(
                runs.c.month == self.month, ~_document_of_run(table, self.month).exists()
            ),
            "document_missing",
            "of {month} without a document: {ids}.",
        )
        yield from self._found(
            documents.where(~theirs.exists()),
            "document_without_run",
            "in the documents of {month} that the list of runs does not have: {ids}.",
        )
        yield from self._found(
            documents.where(~here | theirs.where(runs.c.month != self.month).exists()),
            "document_misplaced",
            "whose document lies in {month} and belongs to another month: {ids}.",
        )

    def _found(self, query: Select[Any], code: str, what: str) -> Iterator[Finding]:
        rows = self.connection.execute(query.order_by(query.selected_columns[0]).limit(LISTED))
        ids = list(rows.scalars())
        if not ids:
            return
        count = len(ids)
        if count == LISTED:
            total = select(func.count()).select_from(query.subquery())
            count = self.connection.execute(total).scalar_one()
        text = what.format(month=self.month.label, ids=named(ids, count))
        yield Finding(
            code=code,
            severity=Severity.ERROR,
            what=f"{counted(count, 'run')} {text}",
            command=self.context.restore(),
            month=self.month.label,
            runs=tuple(ids),
            count=count,
        )


def _document_of_run(table: Table, month: Month) -> Select[Any]:
    # The condition on the month lets PostgreSQL read one partition.
    return select(table.c.run_id).where(table.c.run_id == runs.c.run_id, table.c.month == month)


def _held(connection: Connection) -> dict[Month, int]:
    query = select(runs.c.month, func.count().label("held")).group_by(runs.c.month)
    return {row.month: row.held for row in connection.execute(query)}


def _detached(context: Context, connection: Connection) -> set[Month]:
    if months.name not in context.tables:
        return set()
    detached = select(months.c.month).where(months.c.state == "detached")
    return set(connection.execute(detached).scalars())


def _month_gone(context: Context, month: Month, count: int) -> Finding:
    label = str(month)
    return Finding(
        code="document_missing",
        severity=Severity.ERROR,
        what=(
            f"The documents of {counted(count, 'run')} of {label} cannot be read, because the "
            "month has no table that is attached."
        ),
        command=context.restore(),
        month=label,
        count=count,
    )


def _in_parent(context: Context) -> Iterator[Finding]:
    """Yield a finding if there are documents in the table ``run_documents`` itself, on SQLite.

    It only has the columns of the months' tables, and stays empty.
    """
    parent = tables.run_documents
    with context.read() as connection:
        count = connection.execute(select(func.count()).select_from(parent)).scalar_one()
        ids = connection.execute(select(parent.c.run_id).limit(LISTED)).scalars().all()
    if count:
        names = list(ids)
        yield Finding(
            code="document_misplaced",
            severity=Severity.ERROR,
            what=(
                f"{counted(count, 'document')} in the table run_documents itself, which must be "
                f"empty: {named(names, count)}."
            ),
            command=context.restore(),
            runs=tuple(names),
            count=count,
        )
