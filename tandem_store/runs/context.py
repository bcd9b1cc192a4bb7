"""What every question and every change is about: an open connection, and the tenant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from tandem_store.records import RunFilter, TenantScope
from tandem_store.runs.selection import Selection, Tenancy, tenant_values


@dataclass(frozen=True, slots=True)
class RunsContext:
    """The runs of one tenant on an open connection; without a scope, all runs there are."""

    connection: Connection
    scope: TenantScope | None = None

    def selection(self, run_filter: RunFilter | None = None) -> Selection:
        """Return the tenant's runs that pass the filter; without a filter, all of them.

        Raises ``TypeError`` if the filter is not a ``RunFilter``.
        """
        if run_filter is None:
            return Selection(scope=self.scope)
        if not isinstance(run_filter, RunFilter):
            raise TypeError(f"A filter is a RunFilter, not {run_filter!r}.")
        return Selection(run_filter, self.scope)

    @property
    def tenancy(self) -> Tenancy:
        """What the SQL depends on that belongs to the tenant."""
        return Tenancy.of(self.scope)

    def values(self, **others: object) -> dict[str, Any]:
        """Return the values of the parameters in the tenancy's conditions, and ``others``."""
        return {**tenant_values(self.scope), **others}
