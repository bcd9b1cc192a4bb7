"""Every snapshot, definition and quarantined copy unpacked and held against its digest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, select

from tandem_store.automations import Automations
from tandem_store.doctor.context import Context
from tandem_store.doctor.decoding import DAMAGED, reason
from tandem_store.doctor.findings import LISTED, Finding, Severity, counted, named
from tandem_store.doctor.keys import Keys
from tandem_store.errors import NotAStoreError, RecordTooNewError
from tandem_store.legacy.json_text import canonical, loads
from tandem_store.mapping import from_column, unpack
from tandem_store.schema import automation_snapshots, automations, quarantine, runs


def check_snapshots(context: Context) -> Iterator[Finding]:
    """Each snapshot; of a damaged one, the runs that have it."""
    snapshots = automation_snapshots.c

    def verify(key: int) -> None:
        row = _row(context, automation_snapshots, snapshots.id == key)
        _refuse_unless(sha256(canonical(loads(_unpacked(row)))).digest() == bytes(row.digest))

    damaged, why = _examined(context, "reading snapshots", snapshots.id, verify)
    if damaged:
        with context.read() as connection:
            query = select(runs.c.run_id).where(runs.c.snapshot_id.in_(damaged[:500]))
            rows = connection.execute(query.order_by(runs.c.run_id).limit(LISTED)).scalars()
            ids = [from_column(run_id) for run_id in rows]
        yield Finding(
            code="snapshot_damaged",
            severity=Severity.ERROR,
            what=(
                f"{counted(len(damaged), 'snapshot')} of definitions cannot be read or have "
                f"changed ({why}): number {named([str(key) for key in damaged])}. "
                f"They belong to the runs: {named(ids)}."
            ),
            command=context.restore(),
            runs=tuple(ids),
            count=len(damaged),
        )


def check_automations(context: Context) -> Iterator[Finding]:
    """Each current definition."""

    def verify(key: str) -> None:
        with context.read() as connection:
            definition = Automations(connection).get(from_column(key))
        if definition is not None:
            digest = _row(context, automations, automations.c.automation_id == key).digest
            _refuse_unless(sha256(canonical(definition.to_legacy())).digest() == bytes(digest))

    damaged, why = _examined(context, "reading definitions", automations.c.automation_id, verify)
    if damaged:
        ids = [from_column(key) for key in damaged]
        yield Finding(
            code="automation_damaged",
            severity=Severity.ERROR,
            what=(
                f"{counted(len(damaged), 'definition')} cannot be read or have changed ({why}): "
                f"{named(ids)}."
            ),
            command=context.restore(),
            count=len(damaged),
        )


def check_quarantine(context: Context) -> Iterator[Finding]:
    """The bytes of each quarantined copy that are kept."""
    items = quarantine.c

    def verify(key: int) -> None:
        row = _row(context, quarantine, items.id == key)
        if row.raw is not None:
            data = unpack(bytes(row.raw), row.encoding)
            _refuse_unless(sha256(data).digest() == bytes(row.digest))

    damaged, why = _examined(context, "reading the quarantine", items.id, verify)
    if damaged:
        yield Finding(
            code="quarantine_damaged",
            severity=Severity.ERROR,
            what=(
                f"The bytes of {counted(len(damaged), 'quarantined copy', 'quarantined copies')} "
                f"are damaged ({why}): number {named([str(key) for key in damaged])}."
            ),
            command=f"tandem-store quarantine show {damaged[0]}",
            count=len(damaged),
        )


def _examined(
    context: Context, phase: str, key: ColumnElement[Any], verify: Callable[[Any], None]
) -> tuple[list[Any], str]:
    """The keys of what is damaged, and why of the first."""
    damaged: list[Any] = []
    why, done = "", 0
    keys = Keys(context, select(key), key)
    for batch in keys.batches():
        for one in batch:
            try:
                verify(one)
            except RecordTooNewError:
                continue
            except DAMAGED as error:
                damaged.append(one)
                why = why or reason(error)
        done += len(batch)
        context.progress(phase, done, done)
    if keys.failure is not None:
        raise keys.failure
    name = str(key.table.name)
    context.report.checked[name] = done
    return damaged, why.rstrip(".")


def _row(context: Context, table: Table, which: ColumnElement[bool]) -> Any:
    query: Select[Any] = select(table).where(which)
    with context.read() as connection:
        return connection.execute(query).one()


def _unpacked(row: Any) -> bytes:
    return unpack(bytes(row.document), row.encoding)


def _refuse_unless(same: bool) -> None:
    if not same:
        raise NotAStoreError("the digest is another")
