"""Many rows at once: the same rows arrive by either way, and the same errors come back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import event, select
from sqlalchemy.exc import DataError, IntegrityError

from tandem_store import Month, tables
from tandem_store.database.bulk import COPY_FROM, insert_rows
from tandem_store.database.engines import Engines
from tandem_store.stored_text import AsStored

TEXTS = ("", "plain", "tab\tline\nback\\slash \\N \\.", "NULL", "'\"", "\x01\x7f", "ä € \U0010ffff")
NUMBERS = (0, 1, -1, 2**31, 2**63 - 1, -(2**63))


def rows(count: int) -> list[dict[str, Any]]:
    """Rows of ``runs``: every type that a table of ours has but bytes, with its extremes."""
    return [
        {
            "run_id": f"r{number:04}",
            "month": Month(2026, 8),
            "revision": 2**31 - 1,
            "schema_version": 2,
            "org_id": TEXTS[number % len(TEXTS)],
            "workspace_id": "w",
            "automation_id": "a",
            "trigger_type": "manual",
            "status": "completed",
            "created_at_ms": NUMBERS[number % len(NUMBERS)],
            "updated_at_ms": 0,
            "detail": (None, *TEXTS)[number % (len(TEXTS) + 1)],
            "estimated_cost_usd": (None, 0.0, 5e-324, 1.7976931348623157e308, 0.1)[number % 5],
            "imported": number % 2 == 0,
        }
        for number in range(count)
    ]


def snapshots(count: int) -> list[dict[str, Any]]:
    """Rows with bytes of every value and of no length."""
    return [
        {
            "digest": number.to_bytes(32),
            "schema_version": 1,
            "encoding": "json",
            "document": bytes(range(256)) * (number % 3),
        }
        for number in range(count)
    ]


@pytest.mark.parametrize("count", [0, 1, COPY_FROM - 1, COPY_FROM, 10 * COPY_FROM])
@pytest.mark.parametrize(
    ("table", "make", "key"),
    [(tables.runs, rows, "run_id"), (tables.automation_snapshots, snapshots, "digest")],
)
def test_what_is_inserted_is_there(
    engines: Engines, table: Any, make: Callable[[int], list[dict[str, Any]]], key: str, count: int
) -> None:
    """Few rows or many, on either database, values and kinds of values."""
    expected = make(count)

    with engines.write.begin() as connection:
        insert_rows(connection, table, expected)

    with engines.read.connect() as connection:
        names = list(expected[0]) if expected else [key]
        query = select(*(table.c[name] for name in names)).order_by(table.c[key])
        found = [dict(row) for row in connection.execute(query).mappings()]
    assert [repr(row) for row in found] == [repr(row) for row in expected]


@pytest.mark.parametrize("count", [2, COPY_FROM])
def test_a_key_that_is_taken_is_an_integrity_error(engines: Engines, count: int) -> None:
    """Callers catch what SQLAlchemy raises for any other insert."""
    with engines.write.begin() as connection:
        insert_rows(connection, tables.runs, rows(1))

    with pytest.raises(IntegrityError), engines.write.begin() as connection:
        insert_rows(connection, tables.runs, rows(count))

    with engines.read.connect() as connection:
        assert len(connection.execute(select(tables.runs.c.run_id)).all()) == 1


@pytest.mark.postgresql
def test_what_no_column_can_hold_is_a_data_error(
    store_url: str, open_engines: Callable[..., Engines]
) -> None:
    """A U+0000 that nobody escaped; the connection can be used again."""
    engines = open_engines(store_url)
    bad = [row | {"detail": AsStored("a\0b")} for row in rows(COPY_FROM)]

    with pytest.raises(DataError), engines.write.begin() as connection:
        insert_rows(connection, tables.runs, bad)

    with engines.write.begin() as connection:
        insert_rows(connection, tables.runs, rows(COPY_FROM))


@pytest.mark.postgresql
def test_many_rows_go_by_copy(store_url: str, open_engines: Callable[..., Engines]) -> None:
    """And few do not: for them it is slower."""
    engines = open_engines(store_url)
    verbs: list[str] = []

    @event.listens_for(engines.write, "before_cursor_execute")
    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        verbs.append(statement.split()[0])

    with engines.write.begin() as connection:
        insert_rows(connection, tables.automation_snapshots, snapshots(COPY_FROM - 1))
        insert_rows(connection, tables.runs, rows(COPY_FROM))

    assert verbs == ["INSERT", "COPY"]
