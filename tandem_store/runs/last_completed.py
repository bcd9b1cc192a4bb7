"""The last run of an automation that completed before another one was created."""

from __future__ import annotations

from functools import cache

from sqlalchemy import ColumnElement, bindparam, select, tuple_

from tandem_store.database.dialect import unindexed
from tandem_store.database.prepared import Prepared
from tandem_store.errors import NotFoundError, quote_id
from tandem_store.records import RunStatus, RunSummary
from tandem_store.runs import listing
from tandem_store.runs.context import RunsContext
from tandem_store.runs.selection import Tenancy
from tandem_store.tables import runs


def last_completed_before(context: RunsContext, run_id: str) -> RunSummary | None:
    """Return the newest completed run of the same automation and tenant that is older."""
    run = listing.summary(context, run_id)
    if run is None:
        raise NotFoundError(f"There is no run {quote_id(run_id)}.")
    # The tenant of that run, which is within the scope because the run is.
    values = {
        "automation_id": run.automation_id,
        "start_ms": run.created_at_ms,
        "start_id": run.run_id,
        "tenant_org_id": run.org_id,
        "tenant_workspace_id": run.workspace_id,
    }
    tenancy = Tenancy.NO_DEPLOYMENT
    if run.deployment_id is not None:
        tenancy = Tenancy.ONE_DEPLOYMENT
        values["tenant_deployment_id"] = run.deployment_id
    found = _newest(tenancy).first(context.connection, values)
    return None if found is None else listing.summary(context, found[0])


@cache
def _newest(tenancy: Tenancy) -> Prepared:
    # Only the automation's index is short and has the order: those of statuses and tenants have far
    # more runs to pass over.
    return Prepared(
        select(runs.c.run_id)
        .where(
            runs.c.automation_id == bindparam("automation_id"),
            unindexed(runs.c.status) == RunStatus.COMPLETED.value,
            *tenancy.conditions(unindexed),
            _is_older(),
        )
        .order_by(runs.c.created_at_ms.desc(), runs.c.run_id.desc())
        .limit(1)
    )


def _is_older() -> ColumnElement[bool]:
    key = runs.c.created_at_ms, runs.c.run_id
    names = "start_ms", "start_id"
    start = (bindparam(name, type_=one.type) for name, one in zip(names, key, strict=True))
    return tuple_(*key) < tuple_(*start)
