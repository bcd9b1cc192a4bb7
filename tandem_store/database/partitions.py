"""The monthly tables of documents, made and found on both databases.

On SQLite a month is a table of its own. On PostgreSQL it is a native partition, and statements name
the parent alone. Nobody else needs to know the difference.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import cache
from typing import Final

from sqlalchemy import Connection, Engine, Table, delete, func, insert, inspect, select
from sqlalchemy.schema import CreateTable, DropTable

from tandem_store import models
from tandem_store.database.locks import noted
from tandem_store.errors import MonthDetachedError, StoreError, StoreLockedError
from tandem_store.month import Month

_log: Final = logging.getLogger(__name__)

#: The advisory lock under which months are made on PostgreSQL.
MONTHS_LOCK: Final = 0x5453_6D6F
#: How long making a month waits for those who write, in milliseconds, time after time; then as long
#: as any statement. Whoever waits keeps all writers waiting that come later, so the first times are
#: short. They also end before the server looks for deadlocks (one second): if a caller that has
#: written and we wait for each other, we give way, who lose nothing by it.
_PATIENCE_MS: Final = (200, 400, 800, 800, 800)
#: Seconds after which it is not tried again.
_PATIENCE_S: Final = 30
#: The SQLSTATE of a missing privilege.
_NOT_ALLOWED: Final = "42501"


def table_name(month: Month) -> str:
    """The name of a month's table on either database, ``run_documents_YYYY_MM``."""
    return f"{models.run_documents.name}_{month.suffix}"


@cache
def table_of(month: Month) -> Table:
    """The table of one month as SQLite has it, keyed by ``run_id``."""
    return models.month_table(table_name(month))


def document_table(connection: Connection, month: Month) -> Table:
    """The table to name in a statement about the documents of ``month``.

    PostgreSQL finds the partition by the column ``month``, which the statement must give.
    """
    return table_of(month) if _is_sqlite(connection) else models.run_documents


def existing(connection: Connection) -> list[Month]:
    """The months whose table is there, oldest first, attached or not."""
    names = inspect(connection).get_table_names()
    suffixes = [n.removeprefix("run_documents_") for n in names if models.MONTH_TABLE.fullmatch(n)]
    return sorted(Month.parse(suffix.replace("_", "-")) for suffix in suffixes)


def ensure(connection: Connection, months: Iterable[Month]) -> tuple[Month, ...]:
    """Make the tables of those ``months`` that have none yet; returns those that this call made.

    On SQLite they become part of the caller's transaction. On PostgreSQL they are committed at
    once, in a transaction of their own that gives way to those who write.

    If the caller's transaction has written already, that one would wait for the caller for ever.
    Then, on PostgreSQL too, the months become part of the caller's transaction, which costs: it
    waits for all who write runs, and until it ends they wait for it; and two that do so at once
    may wait for each other, of which the server ends one (``StoreLockedError``). So ask for months
    before the first write where they are known.

    Raises:
        MonthDetachedError: one of the months is detached.
        StoreError: the PostgreSQL user may not make tables; the owner of the tables has to.
    """
    wanted = set(months)
    if not (missing := _missing(connection, wanted)):
        return ()
    if _is_sqlite(connection):
        return _make(connection, missing, _create)
    try:
        if _has_written(connection):
            return _make_native(connection, wanted)
        return _make_apart(connection.engine, wanted)
    except StoreError as error:
        if getattr(error.__cause__, "sqlstate", None) != _NOT_ALLOWED:
            raise
        raise _owner_needed(missing) from error


def unmake(connection: Connection, months: Iterable[Month]) -> None:
    """Drop the tables of months that hold nothing, which the caller has made sure of."""
    for month in months:
        connection.execute(DropTable(table_of(month)))
        connection.execute(delete(models.months).where(models.months.c.month == month))


def prepare(connection: Connection, present: Month) -> None:
    """Make the month that most writes go to, before a transaction's first write.

    On SQLite a month can be made at any time, so nothing is done there. What keeps it from being
    made is not told here, but to whoever needs the month.
    """
    if _is_sqlite(connection):
        return
    with suppress(MonthDetachedError):
        if _missing(connection, {present}):
            with suppress(StoreError):
                _make_apart(connection.engine, {present})


def _is_sqlite(connection: Connection) -> bool:
    return connection.dialect.name == "sqlite"


def _missing(connection: Connection, wanted: set[Month]) -> list[Month]:
    months = models.months
    rows = connection.execute(
        select(months.c.month, months.c.state).where(months.c.month.in_(wanted))
    ).all()
    if detached := sorted(row.month for row in rows if row.state == "detached"):
        raise MonthDetachedError(
            f"The month {detached[0]} is detached and this version cannot attach it again. "
            "Restore the database from a backup in which it is attached."
        )
    return sorted(wanted - {row.month for row in rows})


def _make(
    connection: Connection, months: Sequence[Month], make: Callable[[Connection, Month], None]
) -> tuple[Month, ...]:
    for month in months:
        make(connection, month)
        _record(connection, month)
        _log.info("made the month %s", month)
    return tuple(months)


def _create(connection: Connection, month: Month) -> None:
    # A month that is there and not listed is listed again.
    connection.execute(CreateTable(table_of(month), if_not_exists=True))


def _has_written(connection: Connection) -> bool:
    return bool(connection.scalar(select(func.pg_current_xact_id_if_assigned().is_not(None))))


def _make_apart(engine: Engine, wanted: set[Month]) -> tuple[Month, ...]:
    """Make months in a transaction of their own, trying again when others are in the way."""
    deadline = time.monotonic() + _PATIENCE_S
    attempts = iter(_PATIENCE_MS)
    while True:
        patience_ms = next(attempts, None)
        try:
            with engine.begin() as own:
                return _make_native(own, wanted, patience_ms)
        except StoreLockedError:
            if patience_ms is None or time.monotonic() > deadline:
                raise
        time.sleep(patience_ms / 2_000)


def _make_native(
    connection: Connection, wanted: set[Month], patience_ms: int | None = None
) -> tuple[Month, ...]:
    with noted("another session that is making months"):
        connection.execute(select(func.pg_advisory_xact_lock(MONTHS_LOCK)))
    if patience_ms is not None:
        timeout = func.set_config("lock_timeout", f"{patience_ms}ms", True)
        connection.execute(select(timeout))
    return _make(connection, _missing(connection, wanted), _attach_new)


def _attach_new(connection: Connection, month: Month) -> None:
    # Not CREATE TABLE ... PARTITION OF: it locks the parent against everyone. This locks the parent
    # against other attachers, and the runs, to which the foreign key refers, against writers.
    name, parent = table_name(month), models.run_documents.name
    if month in existing(connection):
        return  # There and not listed, which it will be again; `doctor` sees to its bounds.
    connection.exec_driver_sql(f"CREATE TABLE {name} (LIKE {parent} INCLUDING ALL)")
    connection.exec_driver_sql(
        f"ALTER TABLE {parent} ATTACH PARTITION {name} "
        f"FOR VALUES FROM ({month.key}) TO ({month.key + 1})"
    )


def _owner_needed(missing: Iterable[Month]) -> StoreError:
    labels = " ".join(month.label for month in missing)
    return StoreError(
        f"There is no table for {labels} yet, and this PostgreSQL user may not make it. "
        f"Run as the owner of the tables: tandem-store months ensure {labels}"
    )


def _record(connection: Connection, month: Month) -> None:
    now_ms = time.time_ns() // 1_000_000
    connection.execute(
        insert(models.months).values(month=month, state="attached", attached_at_ms=now_ms)
    )
