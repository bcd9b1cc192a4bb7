"""How many documents there are, counted behind the store's back."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from tandem_store.database.partitions import document_table
from tandem_store.month import Month


def documents(connection: Connection, months: list[Month]) -> list[int]:
    """How many documents each month holds."""
    return [
        connection.execute(
            select(func.count())
            .select_from(table := document_table(connection, month))
            .where(table.c.month == month)
        ).scalar_one()
        for month in months
    ]
