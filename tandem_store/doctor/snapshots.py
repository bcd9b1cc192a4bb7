"""Runs against the snapshots of the definitions that they ran with."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import func, select

from tandem_store.doctor.context import Context
from tandem_store.doctor.findings import LISTED, Finding, Severity, counted, named
from tandem_store.tables import automation_snapshots, runs


def check(context: Context) -> Iterator[Finding]:
    """Yield findings about runs whose snapshot is missing, and about snapshots that no run has."""
    yield from _missing(context)
    having = select(runs.c.snapshot_id).where(runs.c.snapshot_id == automation_snapshots.c.id)
    with context.read() as connection:
        total = select(func.count()).select_from(automation_snapshots)
        context.report.checked["snapshots"] = connection.execute(total).scalar_one()
        count = connection.execute(total.where(~having.exists())).scalar_one()
    if count:
        yield Finding(
            code="snapshot_unused",
            severity=Severity.INFO,
            what=f"{counted(count, 'snapshot')} that no run has; the next import removes them.",
            count=count,
        )


def _missing(context: Context) -> Iterator[Finding]:
    kept = select(automation_snapshots.c.id).where(automation_snapshots.c.id == runs.c.snapshot_id)
    lost = (runs.c.snapshot_id.is_not(None), ~kept.exists())
    with context.read() as connection:
        count = connection.execute(select(func.count()).where(*lost)).scalar_one()
        query = select(runs.c.run_id).where(*lost).order_by(runs.c.run_id).limit(LISTED)
        ids = list(connection.execute(query).scalars())
    if count:
        yield Finding(
            code="snapshot_missing",
            severity=Severity.ERROR,
            what=(
                f"{counted(count, 'run')} whose snapshot of the definition is missing: "
                f"{named(ids, count)}."
            ),
            command=context.restore(),
            runs=tuple(ids),
            count=count,
        )
