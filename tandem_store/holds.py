"""Holds: runs, and automations with all of their runs, that must stay in the store.

What takes content away asks here first: deleting a run, and detaching, forgetting or dropping a
month.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Table,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
)

from tandem_store.clock import now_ms
from tandem_store.database.damaged_rows import shortened
from tandem_store.database.prepared import Prepared
from tandem_store.database.read_only import ReadOnly
from tandem_store.errors import ConflictError, HeldError, NotFoundError, quote_id, quote_ids
from tandem_store.month import Month
from tandem_store.tables import archives, automations, detached_runs, holds, runs

RUN: Final = "run"
AUTOMATION: Final = "automation"
#: How many ids an error has, and how many holds its message names.
_LISTED: Final = 1_000
_NAMED: Final = 5


@dataclass(frozen=True, slots=True)
class Hold:
    """One hold; ``kind`` is ``run`` or ``automation``, ``name`` the id of it.

    ``created_at_ms`` is in milliseconds since 1970, UTC.
    """

    kind: str
    name: str
    why: str
    created_at_ms: int


class HoldReader(ReadOnly):
    """The holds as the connection's transaction sees them; cannot write."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(self) -> tuple[Hold, ...]:
        """Return every hold, the oldest first."""
        order = holds.c.created_at_ms, holds.c.kind, holds.c.name
        rows = self._connection.execute(select(holds).order_by(*order))
        return tuple(Hold(row.kind, row.name, row.why, row.created_at_ms) for row in rows)


class Holds(HoldReader):
    """The holds, for reading and writing; the connection's owner commits."""

    def hold_run(self, run_id: str, why: str) -> None:
        """Keep a run in the store, or, if its month is detached, its archive from being dropped.

        Raises:
            NotFoundError: there is no such run.
            ConflictError: it is held already.
            ValueError: ``why`` is blank.
        """
        known = or_(
            exists().where(runs.c.run_id == run_id),
            exists().where(detached_runs.c.run_id == run_id),
        )
        self._hold(RUN, run_id, why, known)

    def hold_automation(self, automation_id: str, why: str) -> None:
        """Keep every run of an automation, those to come too.

        Raises:
            NotFoundError: there is neither a definition nor a run of such an automation.
            ConflictError: it is held already.
            ValueError: ``why`` is blank.
        """
        known = or_(
            *(
                exists().where(table.c.automation_id == automation_id)
                for table in (automations, runs, detached_runs)
            )
        )
        self._hold(AUTOMATION, automation_id, why, known)

    def release(self, kind: str, name: str) -> None:
        """End a hold; ``kind`` is ``run`` or ``automation``.

        Raises:
            NotFoundError: there is no such hold.
            ValueError: there is no such kind.
        """
        if kind not in {RUN, AUTOMATION}:
            raise ValueError(f"a hold is on a run or an automation, not on {kind!r}")
        released = self._connection.execute(
            delete(holds).where(holds.c.kind == kind, holds.c.name == name)
        )
        if not released.rowcount:
            raise NotFoundError(
                f"The {kind} {quote_id(name)} is not held. To see what is: tandem-store hold list"
            )

    def _hold(self, kind: str, name: str, why: str, known: ColumnElement[bool]) -> None:
        if not why.strip():
            raise ValueError("A hold needs a reason that others can read.")
        _lock(self._connection, "ROW EXCLUSIVE")
        if not self._connection.scalar(select(known)):
            raise NotFoundError(f"There is no {kind} {quote_id(name)}.")
        itself = (holds.c.kind == kind, holds.c.name == name)
        before = self._connection.scalar(select(holds.c.why).where(*itself))
        if before is not None:
            raise ConflictError(
                f"The {kind} {quote_id(name)} is held already: {shortened(before)}. To change the "
                "reason, release it first: "
                f"tandem-store hold release {kind} {shlex.quote(name)}"
            )
        row = {"kind": kind, "name": name, "why": why, "created_at_ms": now_ms()}
        self._connection.execute(insert(holds).values(row))


def _is_held(table: Table) -> ColumnElement[bool]:
    """Return the condition for a row with the ids of a run and its automation to be held."""
    return exists().where(
        or_(
            and_(holds.c.kind == RUN, holds.c.name == table.c.run_id),
            and_(holds.c.kind == AUTOMATION, holds.c.name == table.c.automation_id),
        )
    )


def keep_from_holding(connection: Connection) -> None:
    """Let nobody place a hold until the commit, by a transaction that takes something away.

    Whoever is just placing one is waited for. Then ask ``refuse_held_run`` or ``_month``.
    """
    _lock(connection, "SHARE")


def _lock(connection: Connection, mode: str) -> None:
    # SQLite has one writer at a time anyway.
    if connection.dialect.name != "sqlite":
        connection.exec_driver_sql(f"LOCK TABLE {holds.name} IN {mode} MODE")


_ANY: Final = Prepared(select(holds.c.name).limit(1))
_RUN_IS_HELD: Final = Prepared(
    select(runs.c.run_id).where(runs.c.run_id == bindparam("run_id"), _is_held(runs))
)


def refuse_held_run(connection: Connection, run_id: str) -> None:
    """Raise ``HeldError`` if a hold keeps a run of the store."""
    if _ANY.first(connection, {}) is None:
        return
    if _RUN_IS_HELD.first(connection, {"run_id": run_id}) is not None:
        holding = _holding(connection, runs, runs.c.run_id == run_id)
        what = f"The run {quote_id(run_id)} is held"
        raise HeldError(f"{what}. {_reasons(holding)}", run_ids=(run_id,))


def refuse_held_month(connection: Connection, month: Month) -> None:
    """Raise ``HeldError`` if a hold keeps a run of a month, which may be detached."""
    attached = select(runs.c.run_id).where(runs.c.month == month, _is_held(runs))
    detached = (
        select(detached_runs.c.run_id)
        .join_from(detached_runs, archives)
        .where(archives.c.month == month, _is_held(detached_runs))
    )
    held = attached.union(detached).subquery()
    count = connection.execute(select(func.count()).select_from(held)).scalar_one()
    if not count:
        return
    query = select(held.c.run_id).order_by(held.c.run_id).limit(_LISTED)
    run_ids = tuple(connection.execute(query).scalars())
    noun = "run" if count == 1 else "runs"
    what = f"The month {month} has {count:,} held {noun}: {quote_ids(run_ids, count)}"
    in_month = select(archives.c.id).where(archives.c.month == month)
    holding = [
        *_holding(connection, runs, runs.c.month == month),
        *_holding(connection, detached_runs, detached_runs.c.archive_id.in_(in_month)),
    ]
    raise HeldError(f"{what}. {_reasons(holding)}", run_ids=run_ids)


def _holding(connection: Connection, table: Table, where: ColumnElement[bool]) -> list[Hold]:
    """Return the holds that keep the rows of a table."""
    on_run = and_(holds.c.kind == RUN, holds.c.name == table.c.run_id)
    on_automation = and_(holds.c.kind == AUTOMATION, holds.c.name == table.c.automation_id)
    query = select(holds).where(exists().where(where, or_(on_run, on_automation)))
    rows = connection.execute(query.order_by(holds.c.kind, holds.c.name).limit(_NAMED))
    return [Hold(row.kind, row.name, row.why, row.created_at_ms) for row in rows]


def _reasons(holding: list[Hold]) -> str:
    """Return why, and how the first hold is ended."""
    because = "; ".join(
        f"the {one.kind} {quote_id(one.name)} ({shortened(one.why)})" for one in holding
    )
    first = holding[0]
    return (
        f"Held are: {because}. To end a hold: "
        f"tandem-store hold release {first.kind} {shlex.quote(first.name)}"
    )
