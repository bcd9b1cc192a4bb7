"""The conditions of a filter that are more than a column and a value, as SQL.

Values are parameters, named here, so that filters that differ in nothing else share a statement.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from string import ascii_lowercase, ascii_uppercase
from typing import Any, Final

from sqlalchemy import BigInteger, Column, ColumnElement, and_, bindparam, or_
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from tandem_store.column_types import EscapedText
from tandem_store.records import (
    RECOVERED_CONTEXT_RUN,
    TERMINAL_STATUSES,
    RunGroup,
    RunStatus,
    WaitsFor,
)
from tandem_store.tables import runs

#: Returns what stands for a column in a condition.
ColumnRef = Callable[[Column[Any]], ColumnElement[Any]]

TERMINAL: Final = sorted(status.value for status in TERMINAL_STATUSES)
_QUEUED: Final = RunStatus.QUEUED.value
#: In these, somebody is at work on a run.
_ACTIVE: Final = (RunStatus.RUNNING.value, RunStatus.PAUSING.value)
#: The statuses of each group; active runs that wait at a gate are in the group *waiting*.
_STATUSES: Final = {
    RunGroup.ACTIVE.value: _ACTIVE,
    RunGroup.WAITING.value: (
        RunStatus.AWAITING_APPROVAL.value,
        RunStatus.BLOCKED.value,
        RunStatus.PAUSED.value,
        *_ACTIVE,
    ),
    RunGroup.QUEUED.value: (_QUEUED,),
    RunGroup.FAILED.value: (RunStatus.FAILED.value, RunStatus.CANCELLED.value),
    RunGroup.COMPLETED.value: (RunStatus.COMPLETED.value,),
}
#: The columns in which ``text`` is searched.
_TEXTS: Final = (
    runs.c.run_id,
    runs.c.automation_id,
    runs.c.automation_name,
    runs.c.trigger_type,
    runs.c.org_id,
    runs.c.workspace_id,
    runs.c.deployment_id,
    runs.c.workspace_root,
    runs.c.waits_for_detail,
    runs.c.gate_node,
    runs.c.failed_node,
    runs.c.failure_reason,
    runs.c.detail,
)


def is_listed(of: ColumnRef) -> ColumnElement[bool]:
    """Return the condition that leaves out context runs that have not ended.

    Such a run cannot be written through this package, but may be there all the same, and the engine
    never listed one.
    """
    # The status comes first: it decides most rows.
    return or_(of(runs.c.status).in_(TERMINAL), of(runs.c.trigger_type) != RECOVERED_CONTEXT_RUN)


def has_ended(of: ColumnRef, *, ended: bool) -> ColumnElement[bool]:
    """Return the condition for runs that will never continue, or for those that may."""
    status = of(runs.c.status)
    return status.in_(TERMINAL) if ended else status.not_in(TERMINAL)


def in_groups(of: ColumnRef, groups: Collection[str]) -> Iterator[ColumnElement[bool]]:
    """Yield the conditions for runs in one of the panel's groups."""
    statuses = sorted({status for group in groups for status in _STATUSES[group]})
    # An equality, where it can be one: with it an index gives the order of the listing too.
    status = of(runs.c.status)
    yield status == statuses[0] if len(statuses) == 1 else status.in_(statuses)
    waits, acts = (group.value in groups for group in (RunGroup.WAITING, RunGroup.ACTIVE))
    if waits is not acts:
        at_gate = of(runs.c.waits_for).is_not_distinct_from(WaitsFor.APPROVAL.value)
        yield or_(status.not_in(_ACTIVE), at_gate if waits else ~at_gate)


def is_due(of: ColumnRef, *, due: bool) -> Iterator[ColumnElement[bool]]:
    """Yield the conditions for queued runs that may start at ``due_at_ms``, or that may not yet."""
    yield of(runs.c.status) == _QUEUED
    not_before = of(runs.c.not_due_before_ms)
    if due:
        yield or_(not_before.is_(None), not_before <= bindparam("due_at_ms"))
    else:
        yield not_before > bindparam("due_at_ms")


def is_stuck(of: ColumnRef) -> ColumnElement[bool]:
    """Return the condition for runs that were not updated since ``silent_since_ms``.

    They are running, or queued and due; or their lease ended before ``due_at_ms``.
    """
    status, not_before = of(runs.c.status), of(runs.c.not_due_before_ms)
    silent_since = bindparam("silent_since_ms", type_=BigInteger())
    is_silent = of(runs.c.updated_at_ms) <= silent_since
    lease_ended = of(runs.c.claim_expires_at_ms) <= bindparam("due_at_ms")
    return and_(
        # Said apart, so that an index by status is of use.
        status.in_((_QUEUED, *_ACTIVE)),
        or_(
            and_(is_silent, status.in_(_ACTIVE)),
            and_(is_silent, or_(not_before.is_(None), not_before <= silent_since)),
            and_(of(runs.c.claimed_by).is_not(None), lease_ended),
        ),
    )


def has_text() -> ColumnElement[bool]:
    """Return the condition for runs with the parameter ``text``, a ``pattern``, in some column."""
    wanted = bindparam("text", type_=EscapedText())
    return or_(*(_lowered(one).contains(wanted, escape=_ESCAPE) for one in _TEXTS))


def pattern(text: str) -> str:
    """Return what LIKE finds wherever the text is, in any case of ASCII letters."""
    wanted = text.translate(_TO_LOWER)
    for special in (_ESCAPE, "%", "_"):
        wanted = wanted.replace(special, _ESCAPE + special)
    return wanted


_ESCAPE: Final = "/"
_TO_LOWER: Final = str.maketrans(ascii_uppercase, ascii_lowercase)


class _lowered(FunctionElement[str]):  # noqa: N801 - named as SQL functions are
    """A text with its ASCII letters, and no others, in lower case.

    SQLite's ``lower`` does just that. PostgreSQL's follows the server's locale unless a collation
    is named.
    """

    inherit_cache = True
    type = EscapedText()


@compiles(_lowered)
def _by_sqlite(element: _lowered, compiler: SQLCompiler, **how: Any) -> str:
    return f"lower({compiler.process(element.clauses, **how)})"


@compiles(_lowered, "postgresql")
def _by_postgresql(element: _lowered, compiler: SQLCompiler, **how: Any) -> str:
    return f'lower({compiler.process(element.clauses, **how)} COLLATE "C")'
