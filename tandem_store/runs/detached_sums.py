"""What runs that left with their month add to statistics, by the totals that were kept of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import Column, ColumnElement, RowMapping, Select, func, select

from tandem_store.database.dialect import all_digits
from tandem_store.errors import InvalidFilterError
from tandem_store.month import MILLISECONDS_PER_DAY, Month
from tandem_store.records import RunFilter
from tandem_store.records.statistics_keys import PERIODS, StatisticsKey, StatisticsTime
from tandem_store.runs.context import RunsContext
from tandem_store.runs.statistics_groups import Groups
from tandem_store.runs.totals import KEPT_BY, TOKENS, Halves, ended_and_completed
from tandem_store.tables import archives, month_totals

#: The conditions of a filter that totals can answer completely; ``terminal`` follows from statuses.
_KNOWN: Final = {*KEPT_BY, "terminal"}
#: The range that they can answer in whole days.
_CREATED: Final = {"created_from", "created_to"}

_DAY: Final = MILLISECONDS_PER_DAY

Conditions = list[ColumnElement[bool]]


def sums(context: RunsContext, run_filter: RunFilter | None, groups: Groups) -> list[RowMapping]:
    """Return the sums over the runs that left and pass the filter, a row for each group.

    Raises ``InvalidFilterError`` if that takes more than totals know, and they are about any run
    that may pass.
    """
    question = _Question(context, run_filter or RunFilter(), groups)
    if unknown := question.unknown():
        question.refuse(unknown, [])
        return []
    if cut := question.cut_days():
        question.refuse(["times within a day"], [month_totals.c.day_ms.in_(cut)])
    return question.rows(_summed(groups, question.conditions))


class _Question:
    """A question about runs, as far as totals can answer it."""

    def __init__(self, context: RunsContext, run_filter: RunFilter, groups: Groups) -> None:
        self._connection = context.connection
        self._filter = run_filter
        self._groups = groups
        known = {name: getattr(run_filter, name) for name in run_filter.given() & _KNOWN}
        selection = context.selection(RunFilter(**known))
        self._values = selection.values()
        self.conditions: Conditions = [*selection.shape().conditions(_kept), *self._times()]

    def unknown(self) -> list[str]:
        """Return what is asked that totals do not know."""
        asked = sorted(self._filter.given() - _KNOWN - _CREATED)
        if StatisticsKey.PROFILE in self._groups.keys:
            asked.append("profile")
        if self._groups.time != StatisticsTime.CREATED and PERIODS & set(self._groups.keys):
            asked.append(f"the time {self._groups.time}")
        return asked

    def cut_days(self) -> list[int]:
        """Return the days of which only a part is asked for, by their first milliseconds."""
        bounds = self._range("created_at_ms")
        return [at // _DAY * _DAY for at in bounds if at is not None and at % _DAY]

    def refuse(self, unknown: list[str], conditions: Conditions) -> None:
        """Raise the error, unless totals are about no run that may pass."""
        if not self.rows(_any_of([*self.conditions, *conditions])):
            return
        raise InvalidFilterError(
            f"The question is about {', '.join(unknown)}. Of detached months the store knows "
            "totals by day of creation, automation, tenant, status and trigger only. Leave these "
            "months out with attached_only=True (--attached-only), or ask without that."
        )

    def rows(self, query: Select[Any]) -> list[RowMapping]:
        """Return what a query about the totals finds."""
        return list(self._connection.execute(query, self._values).mappings())

    def _times(self) -> Iterator[ColumnElement[bool]]:
        """Yield the conditions that days and months must satisfy for any of their runs to pass."""
        first, end = self._range("created_at_ms")
        if first is not None:
            yield month_totals.c.day_ms > first - _DAY
        if end is not None:
            yield month_totals.c.day_ms < end
        first, _ = self._range("updated_at_ms")
        if first is not None:
            yield archives.c.month >= Month.of_ms(first)

    def _range(self, column: str) -> tuple[int | None, int | None]:
        found = {name: (first, end) for name, first, end in self._filter.ranges()}
        return found.get(column, (None, None))


def _summed(groups: Groups, conditions: Conditions) -> Select[Any]:
    named = (
        select(
            *groups.expressions(_kept, month_totals.c.day_ms),
            month_totals.c.status.label("how_it_is"),
            *(month_totals.c[name] for name in ("runs", *TOKENS, "estimated_cost_usd")),
        )
        .join_from(month_totals, archives)
        .where(*conditions)
        .subquery()
    )
    keys = [named.c[name] for name in groups.names]
    return (
        select(
            *keys,
            func.sum(named.c.runs).label("runs"),
            *ended_and_completed(named.c.how_it_is, named.c.runs),
            *(half for name in TOKENS for half in Halves.of(named.c[name], name)),
            # Of what was summed before, all digits count.
            func.sum(all_digits(named.c.estimated_cost_usd)).label("estimated_cost_usd"),
        )
        .group_by(*keys)
        .having(func.sum(named.c.runs) > 0)
    )


def _any_of(conditions: Conditions) -> Select[Any]:
    query = select(month_totals.c.id).join_from(month_totals, archives)
    return query.where(*conditions).limit(1)


def _kept(column: Column[Any]) -> ColumnElement[Any]:
    return month_totals.c[column.name]
