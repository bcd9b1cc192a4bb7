"""Filters and tenants as SQL, written once for lists, counts, streams, statistics and claims.

Values are parameters, so selections that differ in nothing else share their statements: a
``Shape`` is what the SQL depends on, and ``values`` are what it is run with.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto
from typing import Any, Final

from sqlalchemy import BindParameter, Column, ColumnElement, bindparam

from tandem_store import clock
from tandem_store.records import ANY_DEPLOYMENT, RunFilter, TenantScope
from tandem_store.runs.conditions import (
    ColumnRef,
    has_ended,
    has_text,
    in_groups,
    is_due,
    is_listed,
    is_stuck,
    pattern,
)
from tandem_store.tables import runs

_MILLISECOND: Final = timedelta(milliseconds=1)


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
    #: The columns that must be at least so much.
    minimums: tuple[str, ...]
    groups: frozenset[str] | None
    has_text: bool
    terminal: bool | None
    due: bool | None
    stuck: bool

    def conditions(self, of: ColumnRef = itself) -> tuple[ColumnElement[bool], ...]:
        """Return what a row of ``runs`` must satisfy; ``of`` says how columns are referred to."""
        return (
            *self.tenancy.conditions(of),
            *self._choices(of),
            *self._ranges(of),
            *self._others(of),
            is_listed(of),
        )

    def _choices(self, of: ColumnRef) -> Iterator[ColumnElement[bool]]:
        for name, is_single in self.choices:
            column = of(runs.c[name])
            # An equality, not a list of one: with it an index gives the order of the listing too.
            if is_single:
                yield column == bindparam(f"one_{name}")
            else:
                yield column.in_(bindparam(f"any_{name}", expanding=True))

    def _ranges(self, of: ColumnRef) -> Iterator[ColumnElement[bool]]:
        for name, has_first, has_end in self.ranges:
            if has_first:
                yield of(runs.c[name]) >= bindparam(f"first_{name}")
            if has_end:
                yield of(runs.c[name]) < bindparam(f"end_{name}")
        for name in self.minimums:
            yield of(runs.c[name]) >= bindparam(f"least_{name}")

    def _others(self, of: ColumnRef) -> Iterator[ColumnElement[bool]]:
        if self.groups is not None:
            yield from in_groups(of, self.groups)
        if self.has_text:
            yield has_text()
        if self.terminal is not None:
            yield has_ended(of, ended=self.terminal)
        if self.due is not None:
            yield from is_due(of, due=self.due)
        if self.stuck:
            yield is_stuck(of)


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
            tuple(name for name, _ in run_filter.minimums()),
            run_filter.groups(),
            run_filter.text is not None,
            run_filter.terminal,
            run_filter.due,
            run_filter.stuck_for is not None,
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
        values |= {f"least_{name}": least for name, least in self.run_filter.minimums()}
        if self.run_filter.text is not None:
            values["text"] = pattern(self.run_filter.text)
        return values | self._moments()

    def _moments(self) -> dict[str, int]:
        """Return the values that depend on the present."""
        stuck_for = self.run_filter.stuck_for
        if self.run_filter.due is None and stuck_for is None:
            return {}
        now_ms = clock.now_ms()
        moments = {"due_at_ms": now_ms}
        if stuck_for is not None:
            moments["silent_since_ms"] = now_ms - stuck_for // _MILLISECOND
        return moments

    def facts(self) -> dict[str, Any]:
        """Return the selection as JSON values, equal for filters with the same meaning."""
        run_filter, scope = self.run_filter, self.scope
        return {
            "choices": {
                name: sorted(map(_as_json_has_it, wanted)) for name, wanted in run_filter.choices()
            },
            "ranges": [list(range_) for range_ in run_filter.ranges()],
            "text": run_filter.text,
            "terminal": run_filter.terminal,
            "tenant": None if scope is None else _facts_of(scope),
            **self._later_facts(),
        }

    def _later_facts(self) -> dict[str, Any]:
        """Return the conditions that came later: only those given, so that older cursors stay."""
        run_filter = self.run_filter
        groups, stuck_for = run_filter.groups(), run_filter.stuck_for
        facts = {
            "minimums": dict(run_filter.minimums()) or None,
            "groups": None if groups is None else sorted(groups),
            "due": run_filter.due,
            "stuck_for_ms": None if stuck_for is None else stuck_for // _MILLISECOND,
        }
        return {name: fact for name, fact in facts.items() if fact is not None}


def _as_json_has_it(name: str) -> str:
    """Return a name without lone surrogates, which no run has; it may be beside names of others."""
    return name.encode(errors="backslashreplace").decode()


def _facts_of(scope: TenantScope) -> list[Any]:
    # A list for the marker, because any text could be the id of a deployment.
    deployment = scope.deployment_id
    return [scope.org_id, scope.workspace_id, [] if deployment is ANY_DEPLOYMENT else deployment]


def _tenant(name: str) -> BindParameter[Any]:
    return bindparam(f"tenant_{name}")
