"""Damaged rows: a sentence that names the run and its month, and never another run's record."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from sqlalchemy import insert, literal, select, update

from tandem_store import (
    AutomationSpec,
    NotAStoreError,
    NotFoundError,
    RecordTooNewError,
    Store,
    StoreError,
    tables,
)
from tandem_store.database.partitions import document_table
from tandem_store.dump import dump_lines
from tandem_store.mapping import STORED_VERSION, compress
from tandem_store.month import Month
from tandem_store.runs import RunReader
from tests.support.legacy_runs import definition
from tests.support.run_records import new_run

MONTH = Month(2026, 5)
AUTOMATION = AutomationSpec.model_validate(definition("auto-1"))
GOOD, BAD = (
    new_run("good", automation_snapshot=definition("a")),
    new_run(
        "bad", detail="é\0", estimated_cost_usd=-0.0, automation_snapshot=definition("b", name="B")
    ),
)

#: A covered column, and what it holds instead.
OTHER_VALUES: dict[str, Any] = {
    "automation_id": "another",
    "org_id": "another",
    "status": "failed",
    "trigger_type": "another",
    "detail": None,
    "created_at_ms": 1,
    "updated_at_ms": 1,
    "finished_at_ms": 1,
    "completed_nodes": 77,
    "failure_reason": "another",
    "total_tokens": 77,
    "estimated_cost_usd": 0.5,
    "snapshot_id": None,
}


@pytest.fixture
def filled(store: Store) -> Store:
    """A store with a run that stays good and one that will not."""
    with store.begin() as tx:
        tx.runs.add_many([GOOD, BAD])
    return store


def damage(store: Store, **values: Any) -> None:
    """Change columns of the run behind the store's back."""
    with store.begin() as tx:
        tx.connection.execute(
            update(tables.runs).where(tables.runs.c.run_id == "bad").values(values)
        )


@pytest.mark.parametrize("column", sorted(OTHER_VALUES))
def test_a_run_whose_columns_were_altered_is_not_served(filled: Store, column: str) -> None:
    """By no way of reading whole runs; the sound one is read as before, on either database."""
    damage(filled, **{column: OTHER_VALUES[column]})

    ways: list[Callable[[RunReader], Any]] = [
        lambda runs: runs.get("bad"),
        lambda runs: runs.get_versioned("bad"),
        lambda runs: list(runs.iterate()),
    ]
    for way in ways:
        with (
            filled.read() as tx,
            pytest.raises(NotAStoreError, match=r"'bad' of month 2026-05 has"),
        ):
            way(tx.runs)
    with filled.begin() as tx, pytest.raises(NotAStoreError):
        tx.runs.update("bad", lambda run: run)
    with filled.read() as tx:
        assert tx.runs.get("good") == GOOD
        (found,) = tx.runs.damaged()
        assert (found.run_id, found.month) == ("bad", "2026-05")
        assert tx.runs.document("bad").check() == found.what  # type: ignore[union-attr]
        assert tx.runs.document("good").check() is None  # type: ignore[union-attr]


def test_documents_that_changed_places_are_not_served(filled: Store) -> None:
    """Each is sound in itself."""
    with filled.begin() as tx:
        table = document_table(tx.connection, MONTH)
        rows = tx.connection.execute(select(table.c.run_id, table.c.document)).all()
        for row, other in zip(rows, rows[::-1], strict=True):
            change = update(table).where(table.c.run_id == row.run_id)
            tx.connection.execute(change.values(document=other.document))

    with filled.read() as tx:
        for run_id in ("good", "bad"):
            with pytest.raises(NotAStoreError, match="do not agree"):
                tx.runs.get(run_id)
        assert [found.run_id for found in tx.runs.damaged()] == ["bad", "good"]


def test_snapshots_that_changed_places_are_not_served(filled: Store) -> None:
    """A snapshot lies under the digest of its content."""
    table = tables.automation_snapshots
    with filled.begin() as tx:
        (one, other) = tx.connection.execute(select(table.c.id, table.c.document)).all()
        tx.connection.execute(
            update(table).where(table.c.id == one.id).values(document=other.document)
        )

    with filled.read() as tx:
        (found,) = tx.runs.damaged()
        assert "has a snapshot that is not the one it is stored as" in found.what
        with pytest.raises(NotAStoreError):
            tx.runs.get(found.run_id)


@pytest.mark.parametrize(
    "values",
    [
        {"encoding": "zsud"},
        {"document": b""},
        {"document": b"\x28\xb5\x2f\xfd"},
        {"document": compress(b"{}")},
        {"document": compress(b"[")},
        {"document": compress(b'{"record":[]}')},
    ],
    ids=str,
)
def test_a_document_that_cannot_be_read_names_its_run(
    filled: Store, values: dict[str, Any]
) -> None:
    """And the other runs are told apart from it when everything is read."""
    with filled.begin() as tx:
        table = document_table(tx.connection, MONTH)
        tx.connection.execute(update(table).where(table.c.run_id == "bad").values(values))

    with filled.read() as tx:
        with pytest.raises(NotAStoreError, match=r"'bad' of month 2026-05 .*doctor --deep$"):
            tx.runs.get("bad")
        assert tx.runs.get("good") == GOOD
        (found,) = tx.runs.damaged()
    assert (found.run_id, found.month) == ("bad", "2026-05")


#: Values that only SQLite keeps in such a column.
GARBAGE: dict[str, Any] = {
    "month": "'May'",
    "month = 0": "0",
    "schema_version": "'one'",
    "revision": "'one'",
    "run_id": "x'ff00'",
    "status": "x'ff'",
    "status = text that is none": "CAST(x'ff' AS TEXT)",
    "status = unknown": "'faild'",
    "stop_kind": "'pan1c'",
    "detail": "x'05'",
    "created_at_ms": "'soon'",
    "total_tokens": "x'00'",
    "estimated_cost_usd": "'much'",
    "completed_nodes": "'some'",
}


@pytest.mark.sqlite
@pytest.mark.parametrize("name", sorted(GARBAGE))
def test_values_of_any_type_are_told_as_damage(store: Store, store_url: str, name: str) -> None:
    """Never as an error of Python; SQLite keeps whatever it is given."""
    with store.begin() as tx:
        tx.runs.add_many([GOOD, BAD])
    column = name.partition(" ")[0]
    with closing(sqlite3.connect(store_url.removeprefix("sqlite:///"))) as connection, connection:
        connection.execute(f"UPDATE runs SET {column} = {GARBAGE[name]} WHERE run_id = 'bad'")

    questions: dict[str, Callable[[Any], Any]] = {
        "list": lambda tx: tx.runs.list(),
        "iterate": lambda tx: list(tx.runs.iterate()),
        "stats": lambda tx: tx.runs.stats(),
        "months": lambda tx: tx.months.list(),
        "locate": lambda tx: tx.runs.exists("bad"),
        "get": lambda tx: tx.runs.get_versioned("bad"),
        "dump": lambda _: list(dump_lines(store_url)),
    }
    refused = set()
    for question, ask in questions.items():
        try:
            with store.read() as tx:
                ask(tx)
        except StoreError:
            refused.add(question)
    # A revision is no part of the record.
    assert {"list", "dump"} | ({"iterate"} if column != "revision" else set()) <= refused
    with store.read() as tx:
        assert tx.runs.get("good") == GOOD
        assert [found.run_id for found in tx.runs.damaged()] == [
            "b'\\xff\\x00'" if column == "run_id" else "bad"
        ]


@pytest.mark.parametrize("version", [STORED_VERSION, STORED_VERSION + 1])
def test_a_list_says_which_run_it_cannot_show(store: Store, version: int) -> None:
    """A status that nobody knows is damage, unless a newer version wrote the run."""
    with store.begin() as tx:
        tx.runs.add_many([GOOD, BAD])
        values = {"status": "resting", "schema_version": version}
        tx.connection.execute(
            update(tables.runs).where(tables.runs.c.run_id == "bad").values(values)
        )

    with store.read() as tx, pytest.raises(StoreError) as refused:
        tx.runs.list()

    if version > STORED_VERSION:
        assert isinstance(refused.value, RecordTooNewError)
        assert re.fullmatch(
            rf"The run 'bad' was written in version {version} and holds 'resting' is not a valid "
            r"RunStatus\. Upgrade the package tandem-store\.",
            str(refused.value),
        )
    else:
        assert str(refused.value).startswith(
            "The run 'bad' of month 2026-05 holds 'resting' is not a valid RunStatus."
        )


@pytest.mark.sqlite
def test_a_damaged_claim_names_its_run(store: Store) -> None:
    """As with a time that is none."""
    with store.begin() as tx:
        tx.runs.add(GOOD)
        damage = {"claimed_by": "w", "claim_expires_at_ms": literal("soon")}
        tx.connection.execute(update(tables.runs).values(damage))

    with (
        store.read() as tx,
        pytest.raises(
            NotAStoreError,
            match="The claim on the run 'good' cannot be read: a str as its claim_expires_at_ms",
        ),
    ):
        list(tx.runs.claims())


def test_a_damaged_run_can_be_put_right_or_removed(filled: Store) -> None:
    """Writing over it, and deleting it, do not read what is damaged."""
    damage(filled, detail="another")
    with filled.begin() as tx:
        tx.runs.save(BAD, expected_revision=1)
        assert tx.runs.get("bad") == BAD

    damage(filled, detail="another")
    with filled.begin() as tx:
        tx.runs.delete("bad")
        assert list(tx.runs.damaged()) == []


@pytest.mark.parametrize("column", ["schema_version", "digest", "document", "encoding", "name"])
def test_a_definition_that_was_altered_is_not_served(store: Store, column: str) -> None:
    """It has a digest of its own."""
    values: dict[str, Any] = {"digest": b"x" * 32, "document": compress(b"{}"), "encoding": "no"}
    values |= {"schema_version": 99, "name": "Another"}
    table = tables.automations
    with store.begin() as tx:
        tx.automations.put(AUTOMATION)
        tx.connection.execute(update(table).values({column: values[column]}))

    with store.read() as tx:
        with pytest.raises(StoreError, match=r"The automation 'auto-1'"):
            tx.automations.get("auto-1")
        with pytest.raises(StoreError, match=r"The automation 'auto-1'"):
            list(tx.automations.iterate())


def test_a_month_that_is_none_is_told(store: Store) -> None:
    """Where the months are listed."""
    with store.begin() as tx:
        row = {"month": 202613, "state": "attached", "attached_at_ms": 1}
        tx.connection.execute(insert(tables.months).values(row))

    with (
        store.read() as tx,
        pytest.raises(NotAStoreError, match="202613, which is not"),
    ):
        tx.months.list()


@pytest.mark.parametrize("number", [10**20, 2**63, -1, 0])
def test_numbers_that_no_item_has_are_not_found(store: Store, number: int) -> None:
    """Also those that no database can be asked for."""
    with store.begin() as tx:
        with pytest.raises(NotFoundError, match=str(number)):
            tx.quarantine.require(number)
        assert tx.quarantine.get(number) is None
        assert tx.quarantine.raw(number) is None
        assert tx.quarantine.discard([number], now_ms=1) == 0


@pytest.mark.parametrize("values", [{"raw": b"\0\0"}, {"encoding": "no"}], ids=str)
def test_a_quarantined_item_whose_bytes_are_damaged_is_named(
    store: Store, values: dict[str, Any]
) -> None:
    """Its bytes cannot be shown, the item itself can."""
    item = {"path": "p", "layout": "shard", "digest": b"d" * 32, "reason": "torn", "message": "m"}
    item |= {"size": 1, "encoding": "zstd", "raw": compress(b"x"), "kept_in_source": False}
    with store.begin() as tx:
        tx.connection.execute(insert(tables.quarantine).values(item | {"created_at_ms": 1}))
        tx.connection.execute(update(tables.quarantine).values(values))
        (found,) = tx.quarantine.list()

        with pytest.raises(NotAStoreError, match=f"item {found.id} cannot be read"):
            tx.quarantine.raw(found.id)
