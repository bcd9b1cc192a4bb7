"""Whether the database is at the revision that this version needs."""

from __future__ import annotations

from collections.abc import Iterator

from tandem_store.database import revisions, version_table
from tandem_store.doctor.context import Context
from tandem_store.doctor.findings import Finding, Severity
from tandem_store.errors import (
    SchemaAheadError,
    SchemaBehindError,
    StoreError,
    UnfinishedCopyError,
)
from tandem_store.tables import runs


def check(context: Context) -> Iterator[Finding]:
    """Yield a finding if the revision is older, newer or unknown, or if a copy is unfinished."""
    with context.read() as connection:
        found = version_table.read(connection)
        context.report.revision = found
        try:
            revisions.refuse_unless_current(connection)
        except StoreError as error:
            yield _finding(context, error)


def _finding(context: Context, error: StoreError) -> Finding:
    code, command = "revision_unknown", context.restore()
    if isinstance(error, SchemaBehindError) and (error.found or runs.name not in context.tables):
        code, command = "schema_behind", "tandem-store db upgrade"
    elif isinstance(error, SchemaAheadError):
        code, command = "schema_ahead", "pip install --upgrade tandem-store"
    elif isinstance(error, UnfinishedCopyError):
        code = "copy_unfinished"
        command = f"tandem-store copy --from SOURCE --to {context.report.database}"
    what = "The database has tables but no revision." if code == "revision_unknown" else str(error)
    return Finding(code=code, severity=Severity.ERROR, what=_sentence(what), command=command)


def _sentence(message: str) -> str:
    # The command that a message ends with is said beside it.
    text = message.partition(" Run: ")[0].partition(" Make a backup")[0]
    return text.partition(" Upgrade the package")[0]
