"""Pending approvals: runs that wait at a gate until somebody decides, newest request first.

Pages are found by key, as those of runs are, so an approval that is given between two pages moves
nothing.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

import orjson
from sqlalchemy import ColumnElement, Row, Select, select, tuple_

from tandem_store.column_types import as_stored
from tandem_store.database.damaged_rows import DAMAGE, RowTypes, damaged_run
from tandem_store.database.dialect import unindexed
from tandem_store.errors import InvalidCursorError
from tandem_store.records import RunFilter, RunStatus, WaitsFor
from tandem_store.runs.context import RunsContext
from tandem_store.runs.listing import LARGEST_PAGE
from tandem_store.runs.selection import Selection
from tandem_store.stored_text import AsStored
from tandem_store.tables import runs

#: Grows when cursors change their form; an older one is refused, not misread.
_VERSION: Final = 1
_LARGEST_BIGINT: Final = 2**63 - 1
#: The most that base64 may lack at its end; more than it lacks does no harm.
_PADDING: Final = b"=="

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
    if type(limit) is not int:
        raise TypeError(f"limit is a whole number, not {limit!r}")
    if not 1 <= limit <= LARGEST_PAGE:
        raise ValueError(f"limit is {limit}; a page holds 1 to {LARGEST_PAGE:,} approvals")
    cursors = _Cursors(context.selection(run_filter), overdue)
    query = _waiting(cursors.selection, now_ms if overdue else None)
    if cursor is not None:
        query = query.where(_behind(*cursors.decode(cursor)))
    # One more than asked for shows whether there is another page.
    rows = context.connection.execute(query.limit(limit + 1), cursors.selection.values()).all()
    return ApprovalPage(
        tuple(_approval(row, now_ms) for row in rows[:limit]),
        cursors.encode(rows[limit - 1]) if len(rows) > limit else None,
    )


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


def _behind(requested_at_ms: int, run_id: str) -> ColumnElement[bool]:
    return tuple_(*_ORDER) < tuple_(requested_at_ms, AsStored(run_id), types=_KEY_TYPES)


_KEY_TYPES: Final = [column.type for column in _ORDER]


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


@dataclass(frozen=True, slots=True)
class _Cursors:
    """The cursors of one list: JSON in URL-safe base64, with a check of what it depends on."""

    selection: Selection
    overdue: bool

    def encode(self, row: Row[Any]) -> str:
        """Return the cursor of the page behind an approval."""
        return self._encode(row.gate_requested_at_ms, row.stored_id)

    def decode(self, cursor: str) -> tuple[int, str]:
        """Return time and id of the approval before the page. Raises ``InvalidCursorError``."""
        position = _position(cursor)
        if position is None or not self._has_made(cursor, position):
            raise InvalidCursorError(
                "The cursor is damaged, or was made for another filter or tenant. Use it with the "
                "same filter as the page it came from, or start again without a cursor."
            )
        return position

    def _has_made(self, cursor: str, position: tuple[int, str]) -> bool:
        # Making it again compares the check and everything else at once.
        try:
            return self._encode(*position) == cursor
        except orjson.JSONEncodeError:
            return False  # a filter for text that no run can have, which no page was ever made of

    def _encode(self, at_ms: int, run_id: str) -> str:
        body = {"v": _VERSION, "order": "requested", "at": at_ms, "id": run_id}
        selected = [body, self.selection.facts(), self.overdue]
        check = sha256(_json(selected)).hexdigest()[:16]
        return urlsafe_b64encode(_json({**body, "check": check})).decode().rstrip("=")


def _json(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _position(cursor: str) -> tuple[int, str] | None:
    try:
        body: Any = orjson.loads(urlsafe_b64decode(cursor.encode() + _PADDING))
        at_ms, run_id = body["at"], body["id"]
    except (ValueError, LookupError, TypeError, AttributeError):
        return None
    if type(at_ms) is not int or type(run_id) is not str or "\0" in run_id:
        return None
    return (at_ms, run_id) if 0 <= at_ms <= _LARGEST_BIGINT else None
