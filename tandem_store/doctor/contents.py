"""Every run read and decoded: its columns, its document and its snapshot make a record."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import select

from tandem_store.database import partitions, table_check
from tandem_store.doctor.context import Context
from tandem_store.doctor.decoding import DECODING_ERRORS, UNREADABLE, reason
from tandem_store.doctor.findings import LISTED, NAMED, Finding, Severity, counted, named
from tandem_store.doctor.keys import Keys
from tandem_store.errors import RecordTooNewError
from tandem_store.mapping import columns_of
from tandem_store.month import Month
from tandem_store.runs.context import RunsContext
from tandem_store.runs.documents import StoredRun, document, documents_of_month
from tandem_store.tables import runs


def check(context: Context) -> Iterator[Finding]:
    """Yield a finding for each kind of damage that the runs of a month have, with their ids.

    Months whose documents cannot be read at all are left out.
    """
    with context.read() as connection:
        months = sorted(table_check.readable_months(connection))
    reading = _Reading(context, context.report.checked.get("runs", 0))
    for month in months:
        yield from reading.month(month)
    context.report.checked["documents"] = reading.done


@dataclass(slots=True)
class _Found:
    """The runs of one month with one kind of damage, and the reasons for the first of them."""

    runs: list[str] = field(default_factory=list)
    count: int = 0
    why: list[str] = field(default_factory=list)

    def add(self, run_id: str, why: str) -> None:
        self.count += 1
        if len(self.runs) < LISTED:
            self.runs.append(run_id)
        if len(self.why) < NAMED:
            self.why.append(why)


@dataclass(slots=True)
class _Reading:
    context: Context
    total: int
    done: int = 0

    def month(self, month: Month) -> Iterator[Finding]:
        found: dict[str, _Found] = defaultdict(_Found)
        for batch, failure in self._ids(month):
            for run_id, code, why in self._examined(month, batch):
                found[code].add(str(run_id), why)
            self.done += len(batch)
            self.context.progress("reading runs", self.done, max(self.total, self.done))
            if failure is not None:
                found["index"].add("", reason(failure))
        for code, one in found.items():
            yield _finding(self.context, month, code, one)

    def _ids(self, month: Month) -> Iterator[tuple[list[str], Exception | None]]:
        """Yield the ids of a month in batches, and the failure if its runs cannot all be listed.

        In that case the ids that are found only in its documents come last.
        """
        listed = Keys(
            self.context, select(runs.c.run_id).where(runs.c.month == month), runs.c.run_id
        )
        seen: set[str] = set()
        for batch in listed.batches():
            seen.update(batch)
            yield batch, None
        if listed.failure is None:
            return
        yield [], listed.failure
        with self.context.read() as connection:
            table = partitions.document_table(connection, month)
        documents = select(table.c.run_id).where(table.c.month == month)
        for batch in Keys(self.context, documents, table.c.run_id).batches():
            yield [run_id for run_id in batch if run_id not in seen], None

    def _examined(self, month: Month, ids: Sequence[str]) -> Iterator[tuple[str, str, str]]:
        """Yield id, code and reason of each run that is damaged."""
        try:
            with self.context.read() as connection:
                together = list(documents_of_month(RunsContext(connection), month, ids))
        except DECODING_ERRORS:
            for run_id in ids:
                yield from self._one(month, run_id)
            return
        for stored in together:
            yield from _wrong(stored)

    def _one(self, month: Month, run_id: str) -> Iterator[tuple[str, str, str]]:
        try:
            with self.context.read() as connection:
                stored = document(RunsContext(connection), run_id)
        except DECODING_ERRORS as error:
            # A run without a document is reported where the documents are counted.
            if self._has_document(month, run_id):
                yield run_id, "run_unreadable", reason(error)
            return
        if stored is not None:
            yield from _wrong(stored)

    def _has_document(self, month: Month, run_id: str) -> bool:
        try:
            with self.context.read() as connection:
                table = partitions.document_table(connection, month)
                query = select(table.c.run_id).where(
                    table.c.run_id == run_id, table.c.month == month
                )
                return connection.execute(query).first() is not None
        except UNREADABLE:
            return True


def _wrong(stored: StoredRun) -> Iterator[tuple[str, str, str]]:
    run_id = stored.columns["run_id"]
    if stored.is_forgotten:
        return
    try:
        record = stored.record()
        derived = columns_of(record.to_legacy())
    except RecordTooNewError as error:
        yield run_id, "record_too_new", reason(error)
    except DECODING_ERRORS as error:
        yield run_id, "document_damaged", reason(error)
    else:
        differing = [name for name, value in derived.items() if value != stored.columns[name]]
        if differing:
            yield run_id, "columns_differ", f"the document says otherwise: {', '.join(differing)}"


_SENTENCES: Final = {
    "run_unreadable": ("that cannot be read", Severity.ERROR),
    "document_damaged": ("with a damaged document or row", Severity.ERROR),
    "columns_differ": ("whose columns do not follow from the document", Severity.ERROR),
    "record_too_new": ("written by a newer tandem-store", Severity.WARNING),
}


def _finding(context: Context, month: Month, code: str, found: _Found) -> Finding:
    if code == "index":
        return Finding(
            code="unreadable",
            severity=Severity.ERROR,
            what=f"Not all runs of {month} can be listed: {found.why[0]}.",
            command=context.restore(),
            month=month.label,
        )
    what, severity = _SENTENCES[code]
    too_new = code == "record_too_new"
    return Finding(
        code=code,
        severity=severity,
        what=(
            f"{counted(found.count, 'run')} of {month} {what}: {named(found.runs, found.count)}. "
            f"The first: {found.why[0].rstrip('.')}."
        ),
        command="pip install --upgrade tandem-store" if too_new else context.restore(),
        month=month.label,
        runs=tuple(found.runs),
        count=found.count,
    )
