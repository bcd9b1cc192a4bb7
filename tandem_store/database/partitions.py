"""The monthly tables of documents: created, found and dropped on both databases.

On SQLite each month is a table of its own. On PostgreSQL it is a native partition, and statements
name the parent table. No other module needs to know the difference. ``tandem_store.months`` says
what the months hold.
"""

from __future__ import annotations

import logging
import shlex
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    Connection,
    Engine,
    Table,
    bindparam,
    delete,
    func,
    insert,
    inspect,
    select,
    update,
)
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


def how_to_attach(location: str) -> str:
    """Return what to do about a detached month, in two sentences."""
    return (
        f"Its archive is {location}, which every command can read by --db. To bring the month "
        f"back: tandem-store months attach {shlex.quote(location)}"
    )


def detached_error(connection: Connection, month: Month) -> MonthDetachedError:
    """Return the error for a month that is detached, which names its archive."""
    archives = tables.archives.c
    location = connection.execute(
        select(archives.location)
        .where(archives.month == month, archives.detached_at_ms.is_not(None))
        .order_by(archives.id.desc())
        .limit(1)
    ).scalar()
    what = f"The month {month} was detached."
    if location is None:
        return MonthDetachedError(f"{what} Attach its archive: tandem-store months attach FILE")
    return MonthDetachedError(f"{what} {how_to_attach(location)}", archive=location)


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
        raise detached_error(connection, month)


def has_no_table(connection: Connection, month: Month) -> bool:
    """Return whether PostgreSQL has no table of a month any more, whatever the transaction sees.

    What is in a table depends on when the transaction began, but which tables there are does not.
    """
    if _is_sqlite(connection):
        return False
    return connection.scalar(select(func.to_regclass(table_name(month)))) is None


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


def lock_for_removal(connection: Connection, patience_ms: int) -> None:
    """Keep everybody from writing runs and to the quarantine until the commit.

    On PostgreSQL nobody can read them either. An SQLite transaction that writes keeps other
    writers away anyway.

    Raises ``StoreLockedError`` if somebody is in the way for longer than ``patience_ms``. Then the
    transaction must be rolled back.
    """
    if _is_sqlite(connection):
        return
    _set_lock_timeout(connection, patience_ms)
    # The documents too, because a table that refers to another is not dropped without a lock on
    # that. The runs first, as everybody else: whoever has used them may go on, and is waited for.
    for table in (tables.runs, tables.run_documents, tables.quarantine):
        connection.exec_driver_sql(f"LOCK TABLE {table.name} IN ACCESS EXCLUSIVE MODE")


def remove(connection: Connection, month: Month) -> None:
    """Drop the table of a month with all of its documents, and list the month as detached.

    The caller has called ``lock_for_removal``, and removes the runs afterwards: PostgreSQL drops no
    table on which checks are waiting for the commit.
    """
    if not _is_sqlite(connection):
        name, parent = table_name(month), tables.run_documents.name
        connection.exec_driver_sql(f"ALTER TABLE {parent} DETACH PARTITION {name}")
    connection.execute(DropTable(table_of(month)))
    _update(connection, month, state="detached", detached_at_ms=now_ms())


def begin_to_put_back(connection: Connection, month: Month) -> Table:
    """Make the table of a detached month again, and return it, to be filled by this transaction."""
    if _is_sqlite(connection):
        _create_table(connection, month)
    else:
        _create_like_parent(connection, month)
    return table_of(month)


def put_back(connection: Connection, month: Month) -> None:
    """List a month as attached whose table the transaction has filled, with the runs of it.

    On PostgreSQL this waits for all who are writing runs, and later ones wait for the end of the
    transaction; if they are in the way, it tries again.

    Raises ``StoreLockedError`` if they are in the way for too long.
    """
    if not _is_sqlite(connection):
        for patience_ms in _PATIENCE_MS:
            with suppress(StoreLockedError), connection.begin_nested():
                _set_lock_timeout(connection, patience_ms)
                _attach(connection, month)
                break
            time.sleep(patience_ms / 2_000)
        else:
            _attach(connection, month)
    _update(connection, month, state="attached", attached_at_ms=now_ms(), detached_at_ms=None)


def unlist(connection: Connection, month: Month) -> None:
    """Remove a month, which has no table, from the list of months."""
    connection.execute(delete(tables.months).where(tables.months.c.month == month))


def is_listed(connection: Connection, month: Month) -> bool:
    """Return whether the store has a month, attached or detached."""
    return _STATE_OF_ONE.first(connection, {"month": month}) is not None


def is_detached(connection: Connection, month: Month) -> bool:
    """Return whether a month is listed as detached."""
    row = _STATE_OF_ONE.first(connection, {"month": month})
    return row is not None and row[1] == "detached"


def _update(connection: Connection, month: Month, **values: Any) -> None:
    connection.execute(update(tables.months).where(tables.months.c.month == month).values(values))


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
        raise detached_error(connection, detached[0])
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
        _set_lock_timeout(connection, patience_ms)
    return _make(connection, _missing(connection, wanted), _attach_partition)


def _set_lock_timeout(connection: Connection, patience_ms: int) -> None:
    timeout = func.set_config("lock_timeout", f"{patience_ms}ms", True)
    connection.execute(select(timeout))


def _attach_partition(connection: Connection, month: Month) -> None:
    # Not CREATE TABLE ... PARTITION OF, which locks the parent against everyone. This locks the
    # parent against others that attach, and the runs, to which the foreign key refers, against
    # writers.
    if month in existing(connection):
        return  # Only missing in the list of months; `doctor` checks its bounds.
    _create_like_parent(connection, month)
    _attach(connection, month)


def _create_like_parent(connection: Connection, month: Month) -> None:
    parent = tables.run_documents.name
    connection.exec_driver_sql(f"CREATE TABLE {table_name(month)} (LIKE {parent} INCLUDING ALL)")


def _attach(connection: Connection, month: Month) -> None:
    connection.exec_driver_sql(
        f"ALTER TABLE {tables.run_documents.name} ATTACH PARTITION {table_name(month)} "
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
