"""The database's own examination of itself: pages, indexes, constraints, references."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Final

from sqlalchemy import Select, cast, column, func, quoted_name, select, table
from sqlalchemy.exc import DBAPIError

from tandem_store import tables
from tandem_store.database import integrity
from tandem_store.database.urls import schema_of
from tandem_store.doctor.context import Context, psql, sqlite3_shell
from tandem_store.doctor.decoding import reason
from tandem_store.doctor.findings import Finding, Severity, counted, named
from tandem_store.errors import StoreError

# What PostgreSQL knows of them, as far as it is asked here.
_CLASSES: Final = table(
    "pg_class",
    column("oid"),
    column("relname"),
    column("relnamespace"),
    column("relam"),
    column("relkind"),
)
_INDEXES: Final = table("pg_index", column("indexrelid"), column("indisvalid"))
_CONSTRAINTS: Final = table(
    "pg_constraint", column("conname"), column("conrelid"), column("convalidated")
)
_NAMESPACES: Final = table("pg_namespace", column("oid"), column("nspname"))
_DATABASES: Final = table("pg_stat_database", column("datname"), column("checksum_failures"))
_EXTENSIONS: Final = table("pg_extension", column("extname"), column("extnamespace"))
_METHODS: Final = table("pg_am", column("oid"), column("amname"))

#: How many of SQLite's sentences a finding repeats.
_LINES: Final = 5
#: What SQLite says of an index whose table is complete.
_OF_INDEX: Final = re.compile(r"missing from index |wrong # of entries in index |non-unique entry")

#: The class of PostgreSQL's codes of what is damaged.
_DAMAGE: Final = "XX"

#: Examined elsewhere, by the runs and months that they are about.
_ELSEWHERE: Final = (tables.runs, tables.run_documents, tables.month_dictionaries)


def check(context: Context) -> Iterator[Finding]:
    """Yield what the database itself finds wrong with its tables and indexes.

    On SQLite by ``quick_check``, or ``integrity_check`` for a deep examination; on PostgreSQL by
    checks that need no administrator.
    """
    if context.path is None:
        yield from _invalid_indexes(context)
        yield from _unvalidated(context)
        yield from _checksums(context)
        if context.deep:
            yield from _amcheck(context)
        return
    with context.read() as connection:
        found = integrity.find_damage(connection, thorough=context.deep, limit=100)
    of_indexes = [line for line in found if _OF_INDEX.search(line)]
    if len(of_indexes) < len(found):
        command = context.restore()
        yield _damaged("pages_damaged", "SQLite finds damage in the file", found, command)
    elif found:
        # The tables are not damaged, so the indexes can be made again from them.
        command = sqlite3_shell(context.path, "REINDEX")
        yield _damaged("index_damaged", "Indexes do not agree with their tables", found, command)


def _damaged(code: str, what: str, lines: Sequence[str], command: str) -> Finding:
    left = len(lines) - _LINES
    return Finding(
        code=code,
        severity=Severity.ERROR,
        what=f"{what}: {'; '.join(lines[:_LINES])}{f'; and {left} more' if left > 0 else ''}.",
        command=command,
        count=len(lines),
    )


def check_references(context: Context) -> Iterator[Finding]:
    """Yield findings about rows of ledger and quarantine that refer to missing rows, on SQLite.

    PostgreSQL does not allow such rows. Other references are examined by run and by month.
    """
    if context.path is None:
        return
    for one in tables.metadata.sorted_tables:
        if one in _ELSEWHERE or one.name not in context.tables:
            continue
        with context.read() as connection:
            broken = list(islice(integrity.broken_rows(connection, one.name), 10_000))
        if broken:
            numbers = named([str(number) for number, _ in broken])
            yield Finding(
                code="reference_broken",
                severity=Severity.ERROR,
                what=(
                    f"{counted(len(broken), 'row')} of {one.name} refer to rows of "
                    f"{broken[0][1]} that are not there: number {numbers}."
                ),
                command=context.restore(),
                count=len(broken),
            )


def _ours(context: Context) -> Any:
    return (
        select(_NAMESPACES.c.oid)
        .where(_NAMESPACES.c.nspname == schema_of(context.url))
        .scalar_subquery()
    )


def _invalid_indexes(context: Context) -> Iterator[Finding]:
    query = (
        select(_CLASSES.c.relname)
        .join_from(_CLASSES, _INDEXES, _INDEXES.c.indexrelid == _CLASSES.c.oid)
        .where(_CLASSES.c.relnamespace == _ours(context), _INDEXES.c.indisvalid.is_(False))
    )
    with context.read() as connection:
        names = connection.execute(query.order_by(_CLASSES.c.relname)).scalars().all()
    for name in names:
        yield Finding(
            code="index_invalid",
            severity=Severity.ERROR,
            what=f"PostgreSQL does not use the index {name}, because making it failed.",
            command=psql(f'REINDEX INDEX "{schema_of(context.url)}"."{name}"'),
        )


def _unvalidated(context: Context) -> Iterator[Finding]:
    query = (
        select(_CONSTRAINTS.c.conname, _CLASSES.c.relname)
        .join_from(_CONSTRAINTS, _CLASSES, _CLASSES.c.oid == _CONSTRAINTS.c.conrelid)
        .where(_CLASSES.c.relnamespace == _ours(context), _CONSTRAINTS.c.convalidated.is_(False))
        .order_by(_CLASSES.c.relname, _CONSTRAINTS.c.conname)
    )
    with context.read() as connection:
        found = connection.execute(query).all()
    for name, owner in found:
        yield Finding(
            code="constraint_not_validated",
            severity=Severity.WARNING,
            what=f"Rows of {owner} that are older than the constraint {name} may break it.",
            command=psql(
                f'ALTER TABLE "{schema_of(context.url)}"."{owner}" VALIDATE CONSTRAINT "{name}"'
            ),
        )


def _checksums(context: Context) -> Iterator[Finding]:
    query = select(_DATABASES.c.checksum_failures).where(
        _DATABASES.c.datname == func.current_database()
    )
    with context.read() as connection:
        failures = connection.execute(query).scalar()
    if failures:
        yield Finding(
            code="pages_damaged",
            severity=Severity.ERROR,
            what=f"PostgreSQL has read {counted(failures, 'page')} with a wrong checksum.",
            command=context.restore(),
            count=failures,
        )


def _amcheck(context: Context) -> Iterator[Finding]:
    """Yield a finding for each index that does not agree with its table.

    This needs the extension ``amcheck``, and a user who may use it; otherwise the report says that
    the indexes were not checked.
    """
    with context.read() as connection:
        schema = connection.execute(
            select(_NAMESPACES.c.nspname)
            .join_from(_EXTENSIONS, _NAMESPACES, _NAMESPACES.c.oid == _EXTENSIONS.c.extnamespace)
            .where(_EXTENSIONS.c.extname == "amcheck")
        ).scalar()
        names = connection.execute(_btrees(context)).all()
    if schema is None:
        context.report.not_checked.append("indexes (the extension amcheck is not installed)")
        return
    # Imported here, because the package of the dialect loads every driver that it knows.
    from sqlalchemy.dialects.postgresql import REGCLASS

    compare = getattr(func, quoted_name(schema, quote=True))
    for oid, name in names:
        try:
            with context.read() as connection:
                connection.execute(select(compare.bt_index_check(cast(oid, REGCLASS), True)))
        except (StoreError, DBAPIError) as error:
            if not _is_damage(error):
                context.report.not_checked.append("indexes (this user may not use amcheck)")
                return
            yield Finding(
                code="index_damaged",
                severity=Severity.ERROR,
                what=f"The index {name} does not agree with its table: {reason(error)}.",
                command=psql(f'REINDEX INDEX "{schema_of(context.url)}"."{name}"'),
            )


def _is_damage(error: Exception) -> bool:
    driver = error.orig if isinstance(error, DBAPIError) else error.__cause__
    return str(getattr(driver, "sqlstate", "")).startswith(_DAMAGE)


def _btrees(context: Context) -> Select[Any]:
    return (
        select(_CLASSES.c.oid, _CLASSES.c.relname)
        .join_from(_CLASSES, _INDEXES, _INDEXES.c.indexrelid == _CLASSES.c.oid)
        .join(_METHODS, _METHODS.c.oid == _CLASSES.c.relam)
        .where(_CLASSES.c.relnamespace == _ours(context), _METHODS.c.amname == "btree")
        # Not those of the partitioned table, which hold nothing.
        .where(_CLASSES.c.relkind == "i")
        .order_by(_CLASSES.c.relname)
    )
