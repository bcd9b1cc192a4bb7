"""Every snapshot, definition and quarantined copy decompressed and compared with its digest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from sqlalchemy import Column, ColumnElement, Row, Table, func, select

from tandem_store.automations import AutomationReader
from tandem_store.doctor.context import Context
from tandem_store.doctor.decoding import DECODING_ERRORS, reason
from tandem_store.doctor.findings import LISTED, Finding, Severity, counted, named
from tandem_store.doctor.keys import Keys
from tandem_store.errors import NotAStoreError, RecordTooNewError
from tandem_store.jsontext import canonical, loads
from tandem_store.mapping import decompress
from tandem_store.tables import automation_snapshots, automations, quarantine, runs


@dataclass(slots=True)
class _Damaged:
    """The keys of what is damaged, the reason for the first, and what ended the listing early."""

    keys: list[Any] = field(default_factory=list)
    why: str = ""
    failure: Exception | None = None

    def refuse_gaps(self) -> None:
        """Raise what kept some keys from being listed."""
        if self.failure is not None:
            raise self.failure


def check_snapshots(context: Context) -> Iterator[Finding]:
    """Yield a finding if snapshots are damaged, with the runs that have them."""
    snapshots = automation_snapshots.c

    def verify(key: int) -> None:
        for row in _rows(context, automation_snapshots, snapshots.id == key):
            shared = loads(decompress(row.document, row.encoding))
            _refuse_unless(sha256(canonical(shared)).digest() == row.digest)

    found = _examined(context, "reading snapshots", snapshots.id, verify)
    if damaged := found.keys:
        with context.read() as connection:
            query = select(runs.c.run_id).where(runs.c.snapshot_id.in_(damaged[:500]))
            rows = connection.execute(query.order_by(runs.c.run_id).limit(LISTED)).scalars()
            ids = list(rows)
        yield Finding(
            code="snapshot_damaged",
            severity=Severity.ERROR,
            what=(
                f"{counted(len(damaged), 'snapshot')} of definitions cannot be read or have "
                f"changed ({found.why}): number {named([str(key) for key in damaged])}. "
                f"They belong to the runs: {named(ids)}."
            ),
            command=context.restore(),
            runs=tuple(ids),
            count=len(damaged),
        )
    found.refuse_gaps()


def check_automations(context: Context) -> Iterator[Finding]:
    """Yield a finding if current definitions are damaged."""

    def verify(key: str) -> None:
        # It refuses a definition that differs from its digest.
        with context.read() as connection:
            AutomationReader(connection).get(key)

    found = _examined(context, "reading definitions", automations.c.automation_id, verify)
    if damaged := found.keys:
        ids = list(damaged)
        yield Finding(
            code="automation_damaged",
            severity=Severity.ERROR,
            what=(
                f"{counted(len(damaged), 'definition')} cannot be read or have changed "
                f"({found.why}): {named(ids)}."
            ),
            command=context.restore(),
            count=len(damaged),
        )
    found.refuse_gaps()


def check_quarantine(context: Context) -> Iterator[Finding]:
    """Yield a finding if the bytes that are kept of quarantined copies are damaged."""
    items = quarantine.c

    def verify(key: int) -> None:
        for row in _rows(context, quarantine, (items.id == key) & items.raw.is_not(None)):
            data = decompress(row.raw, row.encoding)
            _refuse_unless(sha256(data).digest() == row.digest)

    found = _examined(context, "reading the quarantine", items.id, verify)
    if damaged := found.keys:
        yield Finding(
            code="quarantine_damaged",
            severity=Severity.ERROR,
            what=(
                f"The bytes of {counted(len(damaged), 'quarantined copy', 'quarantined copies')} "
                f"are damaged ({found.why}): number {named([str(key) for key in damaged])}."
            ),
            command=f"tandem-store quarantine show {damaged[0]}",
            count=len(damaged),
        )
    found.refuse_gaps()


def _examined(
    context: Context, phase: str, key: Column[Any], verify: Callable[[Any], None]
) -> _Damaged:
    """Verify every row that can be listed, and return the keys of the damaged ones."""
    found, done = _Damaged(), 0
    with context.read() as connection:
        total = connection.execute(select(func.count()).select_from(key.table)).scalar_one()
    keys = Keys(context, select(key), key)
    for batch in keys.batches():
        for one in batch:
            try:
                verify(one)
            except RecordTooNewError:
                continue
            except DECODING_ERRORS as error:
                found.keys.append(one)
                found.why = found.why or reason(error)
        done += len(batch)
        context.progress(phase, done, max(done, total))
    context.report.checked[str(key.table.name)] = done
    found.failure = keys.failure
    return found


def _rows(context: Context, table: Table, which: ColumnElement[bool]) -> Sequence[Row[Any]]:
    """Return the one row with this key, or no row if it was deleted meanwhile."""
    with context.read() as connection:
        return connection.execute(select(table).where(which)).all()


def _refuse_unless(same: bool) -> None:
    if not same:
        raise NotAStoreError("it does not match its digest")
