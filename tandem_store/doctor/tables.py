"""The tables, those of the months too, against what the migrations make."""

from __future__ import annotations

from collections.abc import Iterator

from tandem_store.database import revisions, table_check
from tandem_store.doctor.context import Context
from tandem_store.doctor.findings import Finding, Severity

#: No harm by themselves.
_HARMLESS = frozenset({"table_unknown"})


def check(context: Context) -> Iterator[Finding]:
    """Yield a finding for each way in which the tables differ from those of a new store.

    At another revision only the months are examined, because the other tables have to differ.
    """
    at_head = context.report.revision == revisions.HEAD
    with context.read() as connection:
        differences = table_check.differences if at_head else table_check.month_differences
        for found in differences(connection):
            yield Finding(
                code=found.code,
                severity=Severity.WARNING if found.code in _HARMLESS else Severity.ERROR,
                what=found.what,
                command=context.repair(found.repair, found.month),
                month=None if found.month is None else found.month.label,
            )
