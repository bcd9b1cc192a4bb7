"""Rows with no more than they must have."""

from __future__ import annotations

from sqlalchemy import Connection, insert

from tandem_store import tables
from tandem_store.database import partitions
from tandem_store.month import Month


def add_run(connection: Connection, run_id: str, month: Month) -> None:
    """A row of ``runs`` with no more than it must have."""
    connection.execute(
        insert(tables.runs).values(
            run_id=run_id,
            month=month,
            revision=1,
            schema_version=2,
            org_id="local",
            workspace_id="local",
            automation_id="a",
            trigger_type="manual",
            status="completed",
            created_at_ms=0,
            updated_at_ms=0,
            imported=False,
        )
    )


def add_document(connection: Connection, run_id: str, month: Month) -> None:
    """A document in a month."""
    connection.execute(
        insert(partitions.document_table(connection, month)).values(
            run_id=run_id, month=month, schema_version=2, encoding="json", document=b"{}"
        )
    )
