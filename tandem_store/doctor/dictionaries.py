"""Dictionaries without which documents of compacted months cannot be read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from sqlalchemy import Connection, select

from tandem_store import dictionaries
from tandem_store.doctor.context import Context
from tandem_store.doctor.decoding import reason
from tandem_store.doctor.findings import Finding, Severity
from tandem_store.errors import NotAStoreError
from tandem_store.tables import month_dictionaries


def check(context: Context) -> Iterator[Finding]:
    """Yield a finding for each dictionary that a month needs and that is missing or damaged."""
    with context.read() as connection:
        needed = _months_by_dictionary(connection)
        context.report.checked["dictionaries"] = len(needed)
        for number, months in sorted(needed.items()):
            try:
                dictionaries.read(connection, number)
            except NotAStoreError as error:
                yield Finding(
                    code="dictionary_damaged",
                    severity=Severity.ERROR,
                    what=(
                        f"{reason(error)}. Documents of these months cannot be read without it: "
                        f"{', '.join(months)}."
                    ),
                    command=context.restore(),
                )


def _months_by_dictionary(connection: Connection) -> dict[int, list[str]]:
    table = month_dictionaries
    rows = connection.execute(
        select(table.c.dictionary_id, table.c.month).order_by(table.c.month)
    ).all()
    needed: dict[int, list[str]] = defaultdict(list)
    for row in rows:
        needed[row.dictionary_id].append(str(row.month))
    return needed
