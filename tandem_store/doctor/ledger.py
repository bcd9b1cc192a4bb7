"""Imports that were not finished, and copies in quarantine."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from sqlalchemy import func, select

from tandem_store.doctor.context import Context
from tandem_store.doctor.findings import Finding, Severity, counted
from tandem_store.ledger.reader import LedgerReader
from tandem_store.quarantine import QuarantineReader
from tandem_store.tables import import_entries


def check_imports(context: Context) -> Iterator[Finding]:
    """Yield a finding for each import that was begun and not finished, or that goes on just now."""
    with context.read() as connection:
        unfinished = LedgerReader(connection).unfinished()
        waiting = {
            one.id: connection.execute(
                select(func.count(import_entries.c.run_id.distinct())).where(
                    import_entries.c.import_id == one.id, import_entries.c.outcome.is_(None)
                )
            ).scalar_one()
            for one in unfinished
        }
    for one in unfinished:
        strict = " --strict" if one.strict else ""
        yield Finding(
            code="import_unfinished",
            severity=Severity.ERROR,
            what=(
                f"The import of {one.root} was not finished, unless it goes on just now: an "
                f"unknown number of runs was not read yet{_undecided(waiting[one.id])}."
            ),
            command=f"tandem-store import {shlex.quote(one.root)}{strict}",
            count=waiting[one.id],
        )


def _undecided(count: int) -> str:
    return f", and {counted(count, 'run')} that were read not compared yet" if count else ""


def check_quarantine(context: Context) -> Iterator[Finding]:
    """Yield a finding if there are quarantined copies that nobody has decided about."""
    with context.read() as connection:
        count = QuarantineReader(connection).count_undiscarded()
    if count:
        verb = "waits" if count == 1 else "wait"
        yield Finding(
            code="quarantine",
            severity=Severity.WARNING,
            what=f"{counted(count, 'copy', 'copies')} in quarantine {verb} for a decision.",
            command="tandem-store quarantine list",
            count=count,
        )
