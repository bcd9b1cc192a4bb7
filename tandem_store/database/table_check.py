"""Compares the tables with those that the migrations make, and the months with their tables.

It only reads and takes no lock, so any user of the database may run it.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final

from sqlalchemy import Connection, Table, column, func, inspect, select, table
from sqlalchemy.exc import SAWarning

from tandem_store import tables
from tandem_store.database import partitions, version_table
from tandem_store.month import Month

# The columns of PostgreSQL's catalog that are read here.
_CLASSES: Final = table("pg_class", column("oid"), column("relname"), column("relpartbound"))
_INHERITS: Final = table("pg_inherits", column("inhrelid"), column("inhparent"))


class Repair(Enum):
    """What repairs a difference."""

    #: The rows are lost: a backup.
    RESTORE = auto()
    #: The rows are there: ``copy`` into a new database, which has the right tables.
    COPY = auto()
    #: Only the row in ``months`` is missing: ``months ensure``.
    ENSURE = auto()
    #: The table is not a partition: ATTACH PARTITION.
    ATTACH = auto()


@dataclass(frozen=True, slots=True)
class SchemaDifference:
    """One way in which the tables differ from those of a new store; ``what`` is a sentence."""

    code: str
    what: str
    repair: Repair
    month: Month | None = None


def differences(connection: Connection) -> Iterator[SchemaDifference]:
    """Yield every way in which the tables of a database at head differ from those of a new one."""
    yield from _altered(connection)
    yield from month_differences(connection)


def table_names(connection: Connection) -> frozenset[str]:
    """Return the names of all tables."""
    return frozenset(inspect(connection).get_table_names())


def month_differences(connection: Connection) -> Iterator[SchemaDifference]:
    """Yield the differences between the month tables and the table ``months``."""
    if tables.months.name not in table_names(connection):
        return
    months = tables.months
    rows = connection.execute(select(months.c.month, months.c.state).order_by(months.c.month))
    states = {month: state for month, state in rows}  # noqa: C416  a row is not a tuple to mypy
    there = set(partitions.existing(connection))
    for month, state in states.items():
        yield from _listed(month, state, there)
    for month in sorted(there):
        if month not in states:
            yield SchemaDifference(
                "month_unlisted",
                f"The month {month} has a table, but the list of months does not have it.",
                Repair.ENSURE,
                month,
            )
    attached = [month for month in sorted(there) if states.get(month) != "detached"]
    yield from _shapes(connection, attached)
    if connection.dialect.name == "postgresql":
        yield from _partitions(connection, attached)


def readable_months(connection: Connection) -> set[Month]:
    """Return the months whose documents can be read: they have a table, attached on PostgreSQL."""
    there = set(partitions.existing(connection))
    if connection.dialect.name == "sqlite":
        return there
    bounds = _bounds(connection)
    return {month for month in there if partitions.table_name(month) in bounds}


def _listed(month: Any, state: str, there: set[Month]) -> Iterator[SchemaDifference]:
    if not isinstance(month, Month):  # a damaged row
        what = f"The list of months has {month}, no month."
        yield SchemaDifference("month_invalid", what, Repair.RESTORE)
    elif state == "attached" and month not in there:
        yield SchemaDifference(
            "month_table_missing",
            f"The table of the month {month}, {partitions.table_name(month)}, is missing.",
            Repair.RESTORE,
            month,
        )


def _shapes(connection: Connection, months: Sequence[Month]) -> Iterator[SchemaDifference]:
    """Yield the months whose table has other columns, or another key, than a new one."""
    if tables.run_documents.name not in table_names(connection):
        return
    key = ["run_id"] if connection.dialect.name == "sqlite" else ["month", "run_id"]
    wanted = _columns(connection, tables.run_documents.name)
    for month in months:
        name = partitions.table_name(month)
        found = inspect(connection).get_pk_constraint(name)["constrained_columns"]
        if _columns(connection, name) != wanted or found != key:
            yield SchemaDifference(
                "month_table_altered",
                f"The table of the month {month}, {name}, has other columns than a new one.",
                Repair.COPY,
                month,
            )


def _columns(connection: Connection, name: str) -> list[tuple[str, str, bool]]:
    return [
        (found["name"], str(found["type"]), bool(found["nullable"]))
        for found in inspect(connection).get_columns(name)
    ]


def _partitions(connection: Connection, months: Iterable[Month]) -> Iterator[SchemaDifference]:
    bounds = _bounds(connection)
    for month in months:
        name = partitions.table_name(month)
        wanted = f"FOR VALUES FROM ({month.key}) TO ({month.key + 1})"
        if name not in bounds:
            what = f"{name} is there but no partition of run_documents: its runs cannot be read."
            yield SchemaDifference("month_not_attached", what, Repair.ATTACH, month)
        elif bounds[name] != wanted:
            what = f"{name} is a partition {bounds[name]} instead of {wanted}."
            yield SchemaDifference("month_bounds_wrong", what, Repair.RESTORE, month)


def _bounds(connection: Connection) -> Mapping[str, str]:
    parent = func.to_regclass(tables.run_documents.name)
    bound = func.pg_get_expr(_CLASSES.c.relpartbound, _CLASSES.c.oid).label("bound")
    rows = connection.execute(
        select(_CLASSES.c.relname, bound)
        .join_from(_CLASSES, _INHERITS, _INHERITS.c.inhrelid == _CLASSES.c.oid)
        .where(_INHERITS.c.inhparent == parent)
    )
    return {row.relname: row.bound for row in rows}


def _altered(connection: Connection) -> Iterator[SchemaDifference]:
    """Yield what Alembic finds different between the database and the tables."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    options = {
        "version_table": version_table.TABLE.name,
        "compare_type": True,
        "include_name": lambda name, kind, _: (
            not (kind == "table" and tables.MONTH_TABLE.fullmatch(name or ""))
        ),
    }
    context = MigrationContext.configure(connection, opts=options)
    with warnings.catch_warnings():
        # SQLAlchemy warns of things that it does not know; they are reported here.
        warnings.simplefilter("ignore", SAWarning)
        found = compare_metadata(context, tables.metadata)
    for one in found:
        # The differences of one column are a list.
        for difference in one if isinstance(one, list) else [one]:
            yield _difference(difference)


def _difference(difference: tuple[Any, ...]) -> SchemaDifference:
    kind, *rest = difference
    verb, _, what = kind.partition("_")
    if verb == "modify":
        name = f"{rest[1]}.{rest[2]}"
        changed = f"The {what} of the column {name} was changed."
        return SchemaDifference("table_altered", changed, Repair.COPY)
    thing = _thing(what, rest)
    if verb == "remove":
        # An unknown table does no harm; something unknown in one of our tables does.
        code = "table_unknown" if what == "table" else "table_altered"
        return SchemaDifference(code, f"{thing} does not belong to tandem-store.", Repair.COPY)
    lost = what in {"table", "column"}
    code = "table_missing" if what == "table" else "table_altered"
    return SchemaDifference(code, f"{thing} is missing.", Repair.RESTORE if lost else Repair.COPY)


def _thing(what: str, rest: Sequence[Any]) -> str:
    subject = rest[-1]
    if what == "table":
        return f"The table {subject.name}"
    if what == "column":
        return f"The column {rest[1]}.{subject.name}"
    owner = subject.table.name if isinstance(subject.table, Table) else "?"
    word = {"index": "index", "fk": "reference"}.get(what, "constraint")
    return f"The {word} {subject.name} of the table {owner}"
