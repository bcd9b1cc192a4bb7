"""The tables, those of the months too, against what the migrations make."""

from __future__ import annotations

from collections.abc import Iterator

from tandem_store.database import revisions, table_check
from tandem_store.doctor.context import Context
from tandem_store.doctor.findings import Finding, Severity

#: No harm by themselves.
_HARMLESS = frozenset({"table_unknown"})


def check(context: Context) -> Iterator[Finding]:
    """At another revision the months alone, because the others have to differ."""
    at_head = context.report.revision == revisions.HEAD
    with context.read() as connection:
        flaws = table_check.flaws if at_head else table_check.month_flaws
        for flaw in flaws(connection):
            yield Finding(
                code=flaw.code,
                severity=Severity.WARNING if flaw.code in _HARMLESS else Severity.ERROR,
                what=flaw.what,
                command=context.mend(flaw.mend, flaw.month),
                month=None if flaw.month is None else flaw.month.label,
            )
