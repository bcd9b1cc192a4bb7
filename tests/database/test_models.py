"""The models: true values for whoever selects them, whatever is in the rows."""

from __future__ import annotations

import ast
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import Column, LargeBinary, delete, func, select
from sqlalchemy.orm import Session

from tandem_store import (
    Month,
    ReadTransaction,
    RunFilter,
    Store,
    TenantScope,
    Transaction,
    open_store,
    tables,
)
from tandem_store.column_types import EscapedText, MonthKey
from tandem_store.database.table_check import differences
from tandem_store.models import ImportEntry, Model, Run, RunDocument, StoredMonth, table_of
from tests.support import REPOSITORY
from tests.support.run_records import new_run

#: U+0000, what escapes begin with, and a byte of a file name that is not UTF-8.
HARD = "A\0b\x01\x0100\udcff?é%_"
MONTH = Month(2026, 5)
MODELS: list[type[Model]] = [
    mapper.class_
    for table in tables.metadata.sorted_tables
    for mapper in Model.registry.mappers
    if mapper.local_table is table
]
#: Columns that a CHECK allows few values in.
CHECKED = {
    ("months", "state"): "attached",
    ("imports", "state"): "done",
    ("holds", "kind"): "run",
    ("runs", "schema_version"): 2,
}


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """An empty store with one month, on either database."""
    with open_store(store_url) as opened:
        opened.ensure_months([MONTH])
        yield opened


def value_for(column: Column[Any]) -> Any:
    """A value of the column's type; hard text, if it is a text."""
    if (checked := CHECKED.get((str(column.table.name), column.name))) is not None:
        return checked
    if isinstance(column.type, EscapedText):
        return HARD
    if isinstance(column.type, MonthKey):
        return MONTH
    return b"\0\xff" * 4 if isinstance(column.type, LargeBinary) else column.type.python_type(1)


def fill(session: Session) -> dict[type[Model], dict[str, Any]]:
    """Write one row of every model, and say what is in it."""
    rows = {}
    for model in MODELS:
        if model is StoredMonth:  # there are some already
            session.execute(delete(model))
        rows[model] = {one.name: value_for(one) for one in table_of(model).c}
        session.add(model(**rows[model]))
        session.flush()
    session.commit()
    return rows


def own_session(tx: ReadTransaction) -> Session:
    """A session as the documentation has it."""
    return Session(bind=tx.connection, join_transaction_mode="create_savepoint")


def text_columns(model: type[Model]) -> list[Column[str]]:
    """The columns that hold any text."""
    table = table_of(model)
    return [
        column
        for column in table.c
        if isinstance(column.type, EscapedText) and (table.name, column.name) not in CHECKED
    ]


def test_every_text_goes_in_and_comes_out(store: Store) -> None:
    """By a session, by ``tx.scalars``, and by Core, on either database."""
    with store.begin() as tx, own_session(tx) as session:
        rows = fill(session)

    with store.read() as tx, own_session(tx) as session:
        for model, row in rows.items():
            columns = table_of(model).c
            for found in (session.scalars(select(model)).one(), tx.scalars(select(model)).one()):
                assert {name: getattr(found, name) for name in row} == row, model
            assert dict(tx.connection.execute(select(*columns)).mappings().one()) == row


def test_every_text_can_be_asked_for(store: Store) -> None:
    """By equality, lists, parts of it and functions, on either database."""
    with store.begin() as tx, own_session(tx) as session:
        fill(session)

    asked = 0
    with store.read() as tx:
        for model in MODELS:
            for column in text_columns(model):
                conditions = [
                    column == HARD,
                    column.in_(["other", HARD]),
                    column.startswith("A\0b\x01", autoescape=True),
                    column.contains("\x01\x0100\udcff?", autoescape=True),
                    column.icontains("a\0B", autoescape=True),
                    func.coalesce(column, "") == HARD,
                    column >= HARD,
                ]
                for condition in conditions:
                    assert tx.scalars(select(column).where(condition)).all() == [HARD]
                    assert tx.scalars(select(column).where(~condition)).all() == []
                assert tx.scalars(select(column).where(column.contains("Ab"))).all() == []
                lower = func.lower(column, type_=column.type)
                assert tx.scalars(select(lower).where(lower == HARD.lower())).all() == [
                    HARD.lower()
                ]
                assert tx.scalars(select(func.max(column))).all() == [HARD]
                asked += 1
    assert asked > 30


def test_months_are_months(store: Store) -> None:
    """In comparisons, functions, groups and literals."""
    with store.begin() as tx:
        tx.runs.add_many([new_run("may"), new_run("june", hours=24 * 31)])

    questions: list[tuple[Any, list[Any]]] = [
        (select(Run.run_id).where(Run.month == MONTH), ["may"]),
        (select(Run.run_id).where(Run.month > MONTH), ["june"]),
        (select(Run.run_id).where(Run.month.in_([MONTH, Month(1, 1)])), ["may"]),
        (select(Run.run_id).where(Run.month.between(MONTH, MONTH)), ["may"]),
        (select(func.max(Run.month)), [Month(2026, 6)]),
        (select(Run.month).group_by(Run.month).order_by(Run.month), [MONTH, Month(2026, 6)]),
    ]
    with store.read() as tx:
        for question, answer in questions:
            assert tx.scalars(question).all() == answer


def test_what_the_repository_writes_is_what_the_models_say(store: Store) -> None:
    """And the other way round."""
    tenant = {"org_id": "o\0", "workspace_id": "w\x01"}
    run = new_run("a\0b", detail="\x01é\0", tenant_context=tenant)
    with store.begin() as tx:
        tx.runs.add(run)

    scope = TenantScope(**tenant)
    with store.read() as tx:
        found = tx.scalars(select(Run).where(Run.org_id == "o\0")).one()
        assert (found.run_id, found.detail, found.month) == ("a\0b", "\x01é\0", MONTH)
        assert tx.runs.get("a\0b") == run
        assert [one.run_id for one in tx.runs.list(RunFilter(text="é\0")).items] == ["a\0b"]
    with store.for_tenant(scope).read() as tenants:
        assert tenants.runs.count() == 1


def test_changing_what_was_read_changes_nothing(store: Store) -> None:
    """What ``scalars`` returns belongs to no session; the transaction goes on as before."""
    with store.begin() as tx:
        tx.runs.add(new_run("a"))
        tx.scalars(select(Run)).one().status = "changed"
        assert tx.scalars(select(Run.status)).one() == "completed"
        tx.runs.add(new_run("b"))

    with store.read() as tx:
        assert tx.scalars(select(Run.status)).all() == ["completed", "completed"]


def test_what_was_written_since_is_read(store: Store) -> None:
    """No memory of an earlier question."""
    with store.begin() as tx:
        tx.runs.add(new_run("a"))
        before = tx.scalars(select(Run)).one()
        tx.runs.update("a", lambda run: run.changed(detail="new"))
        after = tx.scalars(select(Run)).one()

    assert (before.revision, after.revision) == (1, 2)
    assert after.detail == "new"


@pytest.mark.sqlite
def test_damaged_values_come_as_they_are(store_url: str) -> None:
    """From a database that keeps any type in any column."""
    with open_store(store_url) as store, store.begin() as tx:
        tx.runs.add(new_run("a"))
    damage = {"month": 202613, "status": b"\xff", "detail": "5\x01"}
    with closing(sqlite3.connect(store_url.removeprefix("sqlite:///"))) as connection, connection:
        connection.execute("UPDATE runs SET month = ?, status = ?, detail = ?", [*damage.values()])

    with open_store(store_url) as store, store.read() as tx:
        found = tx.scalars(select(Run)).one()
        assert {name: getattr(found, name) for name in damage} == damage


def test_a_tenants_transaction_has_no_raw_access(store: Store) -> None:
    """A statement of one's own could miss the tenant."""
    tenants = store.for_tenant(TenantScope(org_id="o", workspace_id="w"))
    with tenants.begin() as writing:
        assert {"connection", "scalars"}.isdisjoint(dir(writing))
    with tenants.read() as reading:
        assert {"connection", "scalars"}.isdisjoint(dir(reading))
    assert {"connection", "scalars"} <= set(dir(ReadTransaction)) & set(dir(Transaction))


def test_the_database_has_the_tables_of_the_models(store: Store) -> None:
    """As Alembic compares them, types too."""
    with store.read() as tx:
        assert list(differences(tx.connection)) == []


def test_every_table_and_column_says_what_it_means() -> None:
    """In a sentence behind it."""
    source = ast.parse((REPOSITORY / "tandem_store" / "models.py").read_text())
    classes = {one.name: one for one in source.body if isinstance(one, ast.ClassDef)}

    assert len(MODELS) == len(tables.metadata.tables) == 19
    for model in MODELS:
        body = classes[model.__name__].body
        assert ast.get_docstring(classes[model.__name__]), model
        said = {
            before.target.id
            for before, after in pairwise(body)
            if isinstance(before, ast.AnnAssign)
            and isinstance(before.target, ast.Name)
            and isinstance(after, ast.Expr)
            and isinstance(after.value, ast.Constant)
            and str(after.value.value).endswith(".")
        }
        assert said == set(table_of(model).c.keys()), model


def test_annotations_and_columns_agree() -> None:
    """On whether a value may be missing."""
    for model in MODELS:
        for name, column in table_of(model).c.items():
            kind = str(model.__annotations__[name])
            assert column.nullable == ("None" in kind), (model, name)
            assert column.type.python_type.__name__ in kind, (model, name)


def test_a_month_on_sqlite_has_the_columns_of_the_documents() -> None:
    """Made by one function from the model."""
    table = tables.month_table("run_documents_2026_05")

    assert [(one.name, one.type, one.nullable) for one in table.c] == [
        (one.name, one.type, one.nullable) for one in table_of(RunDocument).c
    ]
    assert [one.name for one in table.primary_key] == ["run_id"]


def test_tables_without_conversions_are_the_same_tables() -> None:
    """For whoever moves rows as they are."""
    stored = tables.stored_table(table_of(ImportEntry))

    assert stored.c.keys() == tables.import_entries.c.keys()
    assert [one.name for one in stored.primary_key] == ["id"]
    assert not [one for one in stored.c if isinstance(one.type, EscapedText | MonthKey)]
