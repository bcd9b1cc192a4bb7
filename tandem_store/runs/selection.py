"""Filters and tenants as SQL, written once for lists, counts, streams, statistics and claims."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from string import ascii_lowercase, ascii_uppercase
from typing import Any, Final

from sqlalchemy import Column, ColumnElement, or_
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from tandem_store.column_types import EscapedText
from tandem_store.records import (
    ANY_DEPLOYMENT,
    RECOVERED_CONTEXT_RUN,
    TERMINAL_STATUSES,
    RunFilter,
    TenantScope,
)
from tandem_store.tables import runs

_TERMINAL: Final = sorted(status.value for status in TERMINAL_STATUSES)
#: The columns in which ``text`` is searched.
_TEXTS: Final = (
    runs.c.run_id,
    runs.c.automation_id,
    runs.c.failed_node,
    runs.c.failure_reason,
    runs.c.detail,
)


#: Returns what stands for a column in a condition.
ColumnRef = Callable[[Column[Any]], ColumnElement[Any]]


def itself(column: Column[Any]) -> ColumnElement[Any]:
    """Return the column as it is, so that any index may be used."""
    return column


@dataclass(frozen=True, slots=True)
class Selection:
    """The runs of a tenant that pass a filter; without a scope, the runs of all tenants."""

    run_filter: RunFilter = field(default_factory=RunFilter)
    scope: TenantScope | None = None

    def conditions(self, of: ColumnRef = itself) -> tuple[ColumnElement[bool], ...]:
        """Return what a row of ``runs`` must satisfy; ``of`` says how columns are referred to."""
        return (
            *within(self.scope, of),
            *_choices(self.run_filter, of),
            *_times(self.run_filter, of),
            *_texts(self.run_filter),
            *_ended(self.run_filter, of),
            _is_listed(of),
        )

    def facts(self) -> dict[str, Any]:
        """Return the selection as JSON values, equal for filters with the same meaning."""
        run_filter, scope = self.run_filter, self.scope
        return {
            "choices": {name: sorted(wanted) for name, wanted in run_filter.choices()},
            "ranges": [list(range_) for range_ in run_filter.ranges()],
            "text": run_filter.text,
            "terminal": run_filter.terminal,
            "tenant": None if scope is None else _facts_of(scope),
        }


def within(scope: TenantScope | None, of: ColumnRef = itself) -> tuple[ColumnElement[bool], ...]:
    """Return what a row of ``runs`` must satisfy to belong to the tenant; nothing without one."""
    if scope is None:
        return ()
    workspace = (
        of(runs.c.org_id) == scope.org_id,
        of(runs.c.workspace_id) == scope.workspace_id,
    )
    deployment = scope.deployment_id
    if deployment is ANY_DEPLOYMENT:
        return workspace
    if deployment is None:
        return (*workspace, of(runs.c.deployment_id).is_(None))
    return (*workspace, of(runs.c.deployment_id) == deployment)


def _facts_of(scope: TenantScope) -> list[Any]:
    # A list for the marker, because any text could be the id of a deployment.
    deployment = scope.deployment_id
    return [scope.org_id, scope.workspace_id, [] if deployment is ANY_DEPLOYMENT else deployment]


def _is_listed(of: ColumnRef) -> ColumnElement[bool]:
    # Such a run cannot be written through this package, but may be there all the same, and the
    # engine never listed one. The status comes first: it decides most rows.
    return or_(of(runs.c.status).in_(_TERMINAL), runs.c.trigger_type != RECOVERED_CONTEXT_RUN)


def _choices(run_filter: RunFilter, of: ColumnRef) -> Iterator[ColumnElement[bool]]:
    for name, wanted in run_filter.choices():
        yield _one_of(of(runs.c[name]), sorted(wanted))


def _one_of(column: ColumnElement[Any], stored: Collection[str]) -> ColumnElement[bool]:
    # An equality, not a list of one: with it an index gives the order of the listing as well.
    return column == next(iter(stored)) if len(stored) == 1 else column.in_(stored)


def _times(run_filter: RunFilter, of: ColumnRef) -> Iterator[ColumnElement[bool]]:
    for name, first, end in run_filter.ranges():
        if first is not None:
            yield of(runs.c[name]) >= first
        if end is not None:
            yield of(runs.c[name]) < end


def _texts(run_filter: RunFilter) -> Iterator[ColumnElement[bool]]:
    if run_filter.text is not None:
        wanted = _ascii_lower(run_filter.text)
        yield or_(*(_lowered(column).contains(wanted, autoescape=True) for column in _TEXTS))


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


def _ascii_lower(text: str) -> str:
    return text.translate(_TO_LOWER)


_TO_LOWER: Final = str.maketrans(ascii_uppercase, ascii_lowercase)


def _ended(run_filter: RunFilter, of: ColumnRef) -> Iterator[ColumnElement[bool]]:
    if run_filter.terminal is not None:
        status = of(runs.c.status)
        yield status.in_(_TERMINAL) if run_filter.terminal else status.not_in(_TERMINAL)
