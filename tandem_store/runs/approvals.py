"""Pending approvals: runs that wait at a gate until somebody decides, newest request first.

Pages are found by key, as those of runs are, so an approval that is given between two pages moves
nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Select, select, tuple_

from tandem_store.column_types import as_stored
from tandem_store.database.damaged_rows import DAMAGE, RowTypes, damaged_run
from tandem_store.database.dialect import unindexed
from tandem_store.records import RunFilter, RunStatus, WaitsFor
from tandem_store.runs.context import RunsContext
from tandem_store.runs.cursors import Cursors
from tandem_store.runs.listing import refuse_wrong_limit
from tandem_store.runs.orders import Position
from tandem_store.runs.selection import Selection
from tandem_store.stored_text import AsStored
from tandem_store.tables import runs

_COLUMNS: Final = (
    runs.c.run_id,
    runs.c.month,
    runs.c.automation_id,
    runs.c.automation_name,
    runs.c.org_id,
    runs.c.workspace_id,
    runs.c.deployment_id,
    runs.c.status,
    runs.c.gate_node,
    runs.c.waits_for_detail,
    runs.c.gate_requested_at_ms,
    runs.c.gate_expires_at_ms,
)
_TYPES: Final = RowTypes(_COLUMNS)
#: Cursors carry the id as it is stored, because runs are ordered by it.
_STORED_ID: Final = as_stored(runs.c.run_id).label("stored_id")
_ORDER: Final = (runs.c.gate_requested_at_ms, runs.c.run_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingApproval:
    """A run that waits for an approval. Times are in milliseconds since 1970, UTC."""

    #: The run.
    run_id: str
    #: Its automation.
    automation_id: str
    #: The name of its automation, as its definition has it.
    automation_name: str | None
    #: Its organisation.
    org_id: str
    #: Its workspace.
    workspace_id: str
    #: Its deployment, ``None`` for the workspace itself.
    deployment_id: str | None
    #: Its status.
    status: RunStatus
    #: The node that asks for the approval.
    node_id: str
    #: What is asked.
    title: str
    #: When it was asked.
    requested_at_ms: int
    #: When the request expires, ``None`` if never.
    expires_at_ms: int | None
    #: Whether it has expired, and the run waits all the same.
    overdue: bool


@dataclass(frozen=True, slots=True)
class ApprovalPage:
    """Some approvals in order.

    ``next_cursor`` asks for those that follow; it is None if there are no more.
    """

    items: tuple[PendingApproval, ...]
    next_cursor: str | None


def approvals(
    context: RunsContext,
    run_filter: RunFilter | None,
    *,
    overdue: bool,
    limit: int,
    cursor: str | None,
    now_ms: int,
) -> ApprovalPage:
    """Return one page of the approvals that runs wait for; ``overdue``: only of those."""
    refuse_wrong_limit(limit)
    selection = context.selection(run_filter)
    cursors = Cursors([selection.facts(), "approvals", overdue], runs.c.gate_requested_at_ms)
    query = _waiting(selection, now_ms if overdue else None)
    if cursor is not None:
        query = query.where(_behind(cursors.decode(cursor)))
    # One more than asked for shows whether there is another page.
    rows = context.connection.execute(query.limit(limit + 1), selection.values()).all()
    shown, next_cursor = rows[:limit], None
    if len(rows) > limit:
        last = shown[-1]
        position = Position(last.gate_requested_at_ms, AsStored(last.stored_id))
        next_cursor = cursors.encode(position)
    return ApprovalPage(tuple(_approval(row, now_ms) for row in shown), next_cursor)


def _waiting(selection: Selection, expired_before_ms: int | None) -> Select[Any]:
    query = (
        select(*_COLUMNS, _STORED_ID)
        .where(runs.c.waits_for == WaitsFor.APPROVAL.value)
        # Hardly any run waits, so no other index is as short as that of those that do.
        .where(*selection.shape().conditions(unindexed))
        .order_by(*(column.desc() for column in _ORDER))
    )
    if expired_before_ms is not None:
        query = query.where(runs.c.gate_expires_at_ms < expired_before_ms)
    return query


def _behind(position: Position) -> ColumnElement[bool]:
    key = (position.value, position.run_id)
    return tuple_(*_ORDER) < tuple_(*key, types=[column.type for column in _ORDER])


def _approval(row: Row[Any], now_ms: int) -> PendingApproval:
    try:
        _TYPES.refuse_others(row)
        return PendingApproval(
            run_id=row.run_id,
            automation_id=row.automation_id,
            automation_name=row.automation_name,
            org_id=row.org_id,
            workspace_id=row.workspace_id,
            deployment_id=row.deployment_id,
            status=RunStatus(row.status),
            node_id=_given(row.gate_node, "node"),
            title=_given(row.waits_for_detail, "title"),
            requested_at_ms=_given(row.gate_requested_at_ms, "time"),
            expires_at_ms=row.gate_expires_at_ms,
            overdue=row.gate_expires_at_ms is not None and row.gate_expires_at_ms < now_ms,
        )
    except DAMAGE as error:
        raise damaged_run(row.run_id, row.month, f"holds {error}") from error


def _given(value: Any, what: str) -> Any:
    if value is None:
        raise TypeError(f"a gate without a {what}")
    return value
