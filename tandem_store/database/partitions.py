"""The monthly tables of documents: created, found and dropped on both databases.

On SQLite each month is a table of its own. On PostgreSQL it is a native partition, and statements
name the parent table. No other module needs to know the difference. ``tandem_store.months`` says
what the months hold.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import cache
from typing import Final

from sqlalchemy import Connection, Engine, Table, bindparam, delete, func, insert, inspect, select
from sqlalchemy.schema import CreateTable, DropTable

from tandem_store import tables
from tandem_store.batches import batched
from tandem_store.clock import now_ms
from tandem_store.database.locks import advisory
from tandem_store.database.prepared import Prepared
from tandem_store.errors import (
    MonthDetachedError,
    NotFoundError,
    StoreError,
    StoreLockedError,
)
from tandem_store.month import Month

_log: Final = logging.getLogger(__name__)

#: How many months one transaction makes on PostgreSQL, which holds several locks for each.
_AT_ONCE: Final = 50
#: How long each attempt to make months waits for writers, in milliseconds; the last one waits as
#: long as any statement. While we wait, all later writers wait for us, so the first attempts are
#: short. They also end before the server looks for deadlocks (one second): if we and a caller that
#: has written wait for each other, we give up, who have nothing to lose.
_PATIENCE_MS: Final = (200, 400, 800, 800, 800)
#: Seconds after which there is no further attempt.
_PATIENCE_S: Final = 30
#: The SQLSTATE of a missing privilege.
_NOT_ALLOWED: Final = "42501"


_MONTH_AND_STATE: Final = select(tables.months.c.month, tables.months.c.state)
_STATE_OF_ONE: Final = Prepared(_MONTH_AND_STATE.where(tables.months.c.month == bindparam("month")))
_STATES: Final = Prepared(
    _MONTH_AND_STATE.where(tables.months.c.month.in_(bindparam("months", expanding=True)))
)


def table_name(month: Month) -> str:
    """Return the name of a month's table, ``run_documents_YYYY_MM`` on either database."""
    return f"{tables.run_documents.name}_{month.suffix}"


@cache
def table_of(month: Month) -> Table:
    """Return the table of one month on SQLite, whose key is ``run_id``."""
    return tables.month_table(table_name(month))


def document_table(connection: Connection, month: Month) -> Table:
    """Return the table to use in a statement about the documents of ``month``.

    The statement must name the month, too: PostgreSQL finds the partition by the column ``month``.
    """
    return table_of(month) if _is_sqlite(connection) else tables.run_documents


def refuse_unless_attached(connection: Connection, month: Month) -> None:
    """Raise an error if the documents of a month cannot be asked for.

    Raises:
        NotFoundError: the store has no such month.
        MonthDetachedError: it is detached.
    """
    row = _STATE_OF_ONE.first(connection, {"month": month})
    if row is None:
        raise NotFoundError(
            f"The store has no month {month}. See which there are with: tandem-store months list"
        )
    if row[1] == "detached":
        raise MonthDetachedError(
            f"The month {month} is detached: its documents are not in the store."
        )


def existing(connection: Connection) -> list[Month]:
    """Return the months that have a table, oldest first, attached or not."""
    names = inspect(connection).get_table_names()
    suffixes = [n.removeprefix("run_documents_") for n in names if tables.MONTH_TABLE.fullmatch(n)]
    return sorted(Month.parse(suffix.replace("_", "-")) for suffix in suffixes)


def ensure(connection: Connection, months: Iterable[Month]) -> tuple[Month, ...]:
    """Make the tables of those ``months`` that have none yet; return the months made by this call.

    On SQLite the tables belong to the caller's transaction. On PostgreSQL they are committed at
    once, in transactions of their own, which give way to writers.

    If the caller's transaction has written on PostgreSQL already, those would wait for it, and it
    for them. Then the tables belong to the caller's transaction there, too, at a price: it waits
    for all who write runs, and they wait for its end; and if two do so at once, they may wait for
    each other, until the server ends one (``StoreLockedError``). So ask for the months before the
    first write if they are known.

    Raises:
        MonthDetachedError: one of the months is detached.
        StoreError: the PostgreSQL user may not create tables; the owner of the tables must.
    """
    wanted = set(months)
    if not (missing := _missing(connection, wanted)):
        return ()
    if _is_sqlite(connection):
        return _make(connection, missing, _create_table)
    try:
        if _has_written(connection):
            return _make_partitions(connection, wanted)
        return _make_in_own_transactions(connection.engine, missing)
    except StoreError as error:
        if getattr(error.__cause__, "sqlstate", None) != _NOT_ALLOWED:
            raise
        raise _owner_needed(missing) from error


def ensure_if_possible(connection: Connection, month: Month) -> None:
    """Make the table of ``month`` on PostgreSQL before a transaction's first write.

    It does nothing on SQLite, where tables can be created at any time. Nothing is raised either:
    what prevents it concerns only a transaction that needs the month, and ``ensure`` raises it.
    """
    if _is_sqlite(connection):
        return
    with suppress(MonthDetachedError):
        if missing := _missing(connection, {month}):
            with suppress(StoreError):
                _make_in_own_transactions(connection.engine, missing)


def drop_empty(connection: Connection, months: Iterable[Month]) -> None:
    """Drop the tables of months that hold nothing, which the caller has checked."""
    for month in months:
        connection.execute(DropTable(table_of(month)))
        connection.execute(delete(tables.months).where(tables.months.c.month == month))


def _is_sqlite(connection: Connection) -> bool:
    return connection.dialect.name == "sqlite"


def _missing(connection: Connection, wanted: set[Month]) -> list[Month]:
    if len(wanted) == 1:  # as at every write; it takes a third of the time
        (only,) = wanted
        rows = _STATE_OF_ONE.all(connection, {"month": only})
    else:
        rows = _STATES.all(connection, {"months": list(wanted)})
    if detached := sorted(month for month, state in rows if state == "detached"):
        raise MonthDetachedError(
            f"The month {detached[0]} is detached and this version cannot attach it again. "
            "Restore the database from a backup in which it is attached."
        )
    return sorted(wanted - {month for month, _ in rows})


def _make(
    connection: Connection, months: Sequence[Month], make: Callable[[Connection, Month], None]
) -> tuple[Month, ...]:
    for month in months:
        make(connection, month)
        _list(connection, month)
        _log.info("made the month %s", month)
    return tuple(months)


def _create_table(connection: Connection, month: Month) -> None:
    # A table that is missing in the list of months is only added to the list.
    connection.execute(CreateTable(table_of(month), if_not_exists=True))


def _has_written(connection: Connection) -> bool:
    return bool(connection.scalar(select(func.pg_current_xact_id_if_assigned().is_not(None))))


def _make_in_own_transactions(engine: Engine, months: Iterable[Month]) -> tuple[Month, ...]:
    made: list[Month] = []
    for batch in batched(months, _AT_ONCE):
        made += _make_in_own_transaction(engine, set(batch))
    return tuple(made)


def _make_in_own_transaction(engine: Engine, wanted: set[Month]) -> tuple[Month, ...]:
    """Make months in one transaction, with another attempt when writers are in the way."""
    deadline = time.monotonic() + _PATIENCE_S
    attempts = iter(_PATIENCE_MS)
    while True:
        patience_ms = next(attempts, None)
        try:
            with engine.begin() as own:
                return _make_partitions(own, wanted, patience_ms)
        except StoreLockedError:
            if patience_ms is None or time.monotonic() > deadline:
                raise
        time.sleep(patience_ms / 2_000)


def _make_partitions(
    connection: Connection, wanted: set[Month], patience_ms: int | None = None
) -> tuple[Month, ...]:
    advisory.lock_until_commit(connection, advisory.MONTHS, "another session that is making months")
    if patience_ms is not None:
        timeout = func.set_config("lock_timeout", f"{patience_ms}ms", True)
        connection.execute(select(timeout))
    return _make(connection, _missing(connection, wanted), _attach_partition)


def _attach_partition(connection: Connection, month: Month) -> None:
    # Not CREATE TABLE ... PARTITION OF, which locks the parent against everyone. This locks the
    # parent against others that attach, and the runs, to which the foreign key refers, against
    # writers.
    name, parent = table_name(month), tables.run_documents.name
    if month in existing(connection):
        return  # Only missing in the list of months; `doctor` checks its bounds.
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


def _list(connection: Connection, month: Month) -> None:
    connection.execute(
        insert(tables.months).values(month=month, state="attached", attached_at_ms=now_ms())
    )
