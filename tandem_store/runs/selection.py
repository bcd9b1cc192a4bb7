"""Filters and tenants as SQL, written once for lists, counts, streams, statistics and claims.

Values are parameters, so selections that differ in nothing else share their statements: a
``Shape`` is what the SQL depends on, and ``values`` are what it is run with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from string import ascii_lowercase, ascii_uppercase
from typing import Any, Final

from sqlalchemy import BindParameter, Column, ColumnElement, bindparam, or_
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


class Tenancy(Enum):
    """Which part of the store is seen; the ids are values."""

    #: All of it.
    EVERYBODY = auto()
    #: A workspace with all of its deployments.
    WORKSPACE = auto()
    #: What belongs to the workspace itself.
    NO_DEPLOYMENT = auto()
    #: One deployment of the workspace.
    ONE_DEPLOYMENT = auto()

    @staticmethod
    def of(scope: TenantScope | None) -> Tenancy:
        """Return which part a scope stands for."""
        if scope is None:
            return Tenancy.EVERYBODY
        if scope.deployment_id is ANY_DEPLOYMENT:
            return Tenancy.WORKSPACE
        return Tenancy.NO_DEPLOYMENT if scope.deployment_id is None else Tenancy.ONE_DEPLOYMENT

    def conditions(self, of: ColumnRef = itself) -> tuple[ColumnElement[bool], ...]:
        """Return what a row of ``runs`` must satisfy to belong to the tenant."""
        if self is Tenancy.EVERYBODY:
            return ()
        workspace = tuple(of(runs.c[name]) == _tenant(name) for name in _WORKSPACE)
        if self is Tenancy.WORKSPACE:
            return workspace
        deployment = of(runs.c.deployment_id)
        if self is Tenancy.NO_DEPLOYMENT:
            return (*workspace, deployment.is_(None))
        return (*workspace, deployment == _tenant("deployment_id"))


_WORKSPACE: Final = ("org_id", "workspace_id")


def tenant_values(scope: TenantScope | None) -> dict[str, Any]:
    """Return the values of the parameters in the conditions of the scope's tenancy."""
    if scope is None:
        return {}
    values = {"tenant_org_id": scope.org_id, "tenant_workspace_id": scope.workspace_id}
    if isinstance(scope.deployment_id, str):
        values["tenant_deployment_id"] = scope.deployment_id
    return values


@dataclass(frozen=True, slots=True)
class Shape:
    """What the SQL of a selection depends on."""

    tenancy: Tenancy
    #: The columns that must have one of some names, and whether there is just one.
    choices: tuple[tuple[str, bool], ...]
    #: The columns that must be in a range, and whether it has a beginning and an end.
    ranges: tuple[tuple[str, bool, bool], ...]
    has_text: bool
    terminal: bool | None

    def conditions(self, of: ColumnRef = itself) -> tuple[ColumnElement[bool], ...]:
        """Return what a row of ``runs`` must satisfy; ``of`` says how columns are referred to."""
        return (
            *self.tenancy.conditions(of),
            *self._choices(of),
            *self._times(of),
            *self._texts(),
            *self._ended(of),
            _is_listed(of),
        )

    def _choices(self, of: ColumnRef) -> Iterator[ColumnElement[bool]]:
        for name, is_single in self.choices:
            column = of(runs.c[name])
            # An equality, not a list of one: with it an index gives the order of the listing too.
            if is_single:
                yield column == bindparam(f"one_{name}")
            else:
                yield column.in_(bindparam(f"any_{name}", expanding=True))

    def _times(self, of: ColumnRef) -> Iterator[ColumnElement[bool]]:
        for name, has_first, has_end in self.ranges:
            if has_first:
                yield of(runs.c[name]) >= bindparam(f"first_{name}")
            if has_end:
                yield of(runs.c[name]) < bindparam(f"end_{name}")

    def _texts(self) -> Iterator[ColumnElement[bool]]:
        if self.has_text:
            wanted = bindparam("text", type_=EscapedText())
            yield or_(*(_lowered(one).contains(wanted, escape=_ESCAPE) for one in _TEXTS))

    def _ended(self, of: ColumnRef) -> Iterator[ColumnElement[bool]]:
        if self.terminal is not None:
            status = of(runs.c.status)
            yield status.in_(_TERMINAL) if self.terminal else status.not_in(_TERMINAL)


_ALL: Final = RunFilter()


@dataclass(frozen=True, slots=True)
class Selection:
    """The runs of a tenant that pass a filter; without a scope, the runs of all tenants."""

    run_filter: RunFilter = _ALL
    scope: TenantScope | None = None

    def shape(self) -> Shape:
        """Return what the SQL depends on, equal for selections that differ in values only."""
        run_filter = self.run_filter
        return Shape(
            Tenancy.of(self.scope),
            tuple((name, len(wanted) == 1) for name, wanted in run_filter.choices()),
            tuple(
                (name, first is not None, end is not None)
                for name, first, end in run_filter.ranges()
            ),
            run_filter.text is not None,
            run_filter.terminal,
        )

    def values(self) -> dict[str, Any]:
        """Return the values of the parameters in the conditions of the shape."""
        values = tenant_values(self.scope)
        for name, wanted in self.run_filter.choices():
            if len(wanted) == 1:
                (values[f"one_{name}"],) = wanted
            else:
                values[f"any_{name}"] = sorted(wanted)
        for name, first, end in self.run_filter.ranges():
            if first is not None:
                values[f"first_{name}"] = first
            if end is not None:
                values[f"end_{name}"] = end
        if self.run_filter.text is not None:
            values["text"] = _pattern(self.run_filter.text)
        return values

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


def _facts_of(scope: TenantScope) -> list[Any]:
    # A list for the marker, because any text could be the id of a deployment.
    deployment = scope.deployment_id
    return [scope.org_id, scope.workspace_id, [] if deployment is ANY_DEPLOYMENT else deployment]


def _tenant(name: str) -> BindParameter[Any]:
    return bindparam(f"tenant_{name}")


def _is_listed(of: ColumnRef) -> ColumnElement[bool]:
    # Such a run cannot be written through this package, but may be there all the same, and the
    # engine never listed one. The status comes first: it decides most rows.
    return or_(of(runs.c.status).in_(_TERMINAL), of(runs.c.trigger_type) != RECOVERED_CONTEXT_RUN)


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


def _pattern(text: str) -> str:
    """Return what LIKE finds wherever the text is, in any case of ASCII letters."""
    wanted = text.translate(_TO_LOWER)
    for special in (_ESCAPE, "%", "_"):
        wanted = wanted.replace(special, _ESCAPE + special)
    return wanted


_ESCAPE: Final = "/"
_TO_LOWER: Final = str.maketrans(ascii_uppercase, ascii_lowercase)
