"""The run with which an automation completed last before another one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tandem_store import (
    MonthDetachedError,
    NotFoundError,
    Store,
    TenantScope,
    detach_month,
)
from tandem_store.month import Month
from tests.support.legacy_runs import CREATED_MS, LOCAL_TENANT, MONTH_MS
from tests.support.run_records import add_all, new_run


def found(store: Store, run_id: str) -> str | None:
    """The id of the run that is found for this one."""
    with store.read() as tx:
        run = tx.runs.last_completed_before(run_id)
    return None if run is None else run.run_id


def at(offset_ms: int, **fields: Any) -> dict[str, Any]:
    """The fields of a run that was created so much later."""
    return {"created_at_ms": CREATED_MS + offset_ms, **fields}


def test_it_is_the_newest_completed_run_that_is_older(store: Store) -> None:
    """Neither a newer one, nor one that failed, nor the run itself, nor another automation's."""
    runs = {
        "oldest": at(0),
        "older": at(1),
        "failed": at(2, status="failed"),
        "foreign": at(3, automation_id="auto-2"),
        "here": at(4),
        "newer": at(5),
    }
    add_all(store, [new_run(run_id, **fields) for run_id, fields in runs.items()])

    assert found(store, "here") == "older"
    assert found(store, "older") == "oldest"
    assert found(store, "newer") == "here"
    assert found(store, "oldest") is None
    assert found(store, "foreign") is None


def test_runs_that_were_created_at_once_are_ordered_by_id(store: Store) -> None:
    """As lists order them: by code points, U+0000 first."""
    add_all(store, [new_run(run_id) for run_id in ("b", "a", "a\0", "B", "é")])

    assert [found(store, run_id) for run_id in ("é", "b", "a\0", "a", "B")] == [
        "b",
        "a\0",
        "a",
        "B",
        None,
    ]


@pytest.mark.parametrize("deployment", [None, "blue"])
def test_only_runs_of_the_same_tenant_count(store: Store, deployment: str | None) -> None:
    """Even in a store that shows all of them, with and without a deployment."""
    acme = LOCAL_TENANT | {"org_id": "acme", "workspace_id": "north"}
    mine = acme | ({} if deployment is None else {"deployment_id": deployment})
    other = acme | ({"deployment_id": "blue"} if deployment is None else {})
    add_all(
        store,
        [
            new_run("mine", **at(0, tenant_context=mine)),
            new_run("other", **at(1, tenant_context=other)),
            new_run("local", **at(2)),
            new_run("here", **at(3, tenant_context=mine)),
        ],
    )

    assert found(store, "here") == "mine"
    scope = TenantScope(org_id="acme", workspace_id="north", deployment_id=deployment)
    with store.for_tenant(scope).read() as tx:
        run = tx.runs.last_completed_before("here")
        assert run is not None
        assert run.run_id == "mine"


def test_a_run_that_is_not_there_is_no_run_without_predecessor(store: Store) -> None:
    """None would say that it is there."""
    with pytest.raises(NotFoundError, match="'nobody'"):
        found(store, "nobody")


@pytest.mark.sqlite
def test_runs_of_detached_months_are_not_found(
    store: Store, store_url: str, tmp_path: Path
) -> None:
    """The next older one that is there is; a run that was detached itself is refused."""
    month = Month.of_ms(CREATED_MS)
    add_all(
        store,
        [
            new_run("away", **at(0)),
            new_run("here", **at(MONTH_MS, updated_at_ms=CREATED_MS + MONTH_MS)),
        ],
    )
    assert found(store, "here") == "away"

    detach_month(store_url, month, tmp_path)

    assert found(store, "here") is None
    with pytest.raises(MonthDetachedError):
        found(store, "away")
