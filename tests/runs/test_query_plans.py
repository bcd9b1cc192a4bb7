"""What the database does for each question: one walk of an index, whatever the store has grown to.

The statements are those that the public methods send, explained by the database that got them.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from tandem_store import ANY_DEPLOYMENT, RunFilter, Store, TenantScope
from tandem_store.runs import Runs
from tests.support.query_plans import explained
from tests.support.run_records import add_all, new_run

pytestmark = pytest.mark.sqlite

LEASE = timedelta(minutes=5)
ACME = {"org_id": "acme", "workspace_id": "north"}
HERE = TenantScope(**ACME)
EVERYWHERE = TenantScope(**ACME, deployment_id=ANY_DEPLOYMENT)


def plans(connection: Connection, question: Callable[[], Any]) -> list[str]:
    """How SQLite answers each statement that a question sends."""
    return explained(connection, question, "EXPLAIN QUERY PLAN")


@pytest.fixture
def filled(store: Store) -> Store:
    """A store with some runs over three months."""
    add_all(
        store,
        [
            new_run(f"r{n:03}", hours=24 * n, status="queued", tenant_context=ACME)
            for n in range(60)
        ],
    )
    return store


LISTINGS = {
    "newest": (None, RunFilter(), "ix_runs_created"),
    "by automation": (None, RunFilter(automation_id="auto-1"), "ix_runs_automation"),
    "by status": (None, RunFilter(status={"failed"}), "ix_runs_status"),
    "by tenant": (None, RunFilter(**ACME), "ix_runs_tenant"),
    "of a tenant": (HERE, RunFilter(), "ix_runs_deployment"),
    "of a whole workspace": (EVERYWHERE, RunFilter(), "ix_runs_tenant"),
}


@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize("name", sorted(LISTINGS))
def test_a_listing_walks_one_index_in_order(filled: Store, name: str, newest_first: bool) -> None:
    """No row is read that is not shown, nothing is sorted, and no month is touched."""
    scope, run_filter, index = LISTINGS[name]
    with filled.begin() as tx:
        runs = Runs(tx.connection, scope)
        first = runs.list(run_filter, limit=5, newest_first=newest_first)

        for cursor in (None, first.next_cursor):
            (plan,) = plans(
                tx.connection,
                lambda cursor=cursor: runs.list(  # type: ignore[misc]
                    run_filter, limit=5, cursor=cursor, newest_first=newest_first
                ),
            )
            assert f"USING INDEX {index}" in plan
            assert "TEMP B-TREE" not in plan
            assert "run_documents" not in plan


@pytest.mark.parametrize("scope", [None, HERE, EVERYWHERE])
def test_a_run_is_found_by_its_key_in_one_month(filled: Store, scope: TenantScope | None) -> None:
    """Two statements, each of them a look into a primary key."""
    with filled.begin() as tx:
        runs = Runs(tx.connection, scope)
        month, whole = plans(tx.connection, lambda: runs.get("r000"))

    assert "sqlite_autoindex_runs_1 (run_id=?)" in month
    assert "(run_id=? AND month=?)" in whole
    assert whole.count("SEARCH run_documents") == 1
    assert "SCAN" not in month + whole


@pytest.mark.parametrize("scope", [None, HERE, EVERYWHERE])
def test_the_last_completed_run_is_found_in_the_index_of_its_automation(
    filled: Store, scope: TenantScope | None
) -> None:
    """From the run backwards; the run itself and the one that is found are looked up by key."""
    with filled.begin() as tx:
        tx.runs.add(new_run("first", tenant_context=ACME, created_at_ms=1))
        runs = Runs(tx.connection, scope)
        given, before, found = plans(tx.connection, lambda: runs.last_completed_before("r059"))

    assert "USING INDEX ix_runs_automation (automation_id=? AND " in before
    assert "TEMP B-TREE" not in before
    for plan in (given, found):
        assert "sqlite_autoindex_runs_1 (run_id=?)" in plan


@pytest.mark.parametrize("scope", [None, HERE, EVERYWHERE])
def test_ids_are_found_in_a_stretch_of_the_key(filled: Store, scope: TenantScope | None) -> None:
    """However many runs there are; nothing is sorted."""
    with filled.begin() as tx:
        runs = Runs(tx.connection, scope)
        looks = plans(tx.connection, lambda: runs.find_ids("r0", limit=5))

    # For the id as it is, and behind each of two prefixes; of runs that are here, and of others.
    assert len(looks) == 3 * 2
    for plan in looks:
        assert "sqlite_autoindex_runs_" in plan or "sqlite_autoindex_detached_runs_" in plan
        assert "(run_id>? AND run_id<?)" in plan
        assert "SCAN" not in plan
        assert "TEMP B-TREE" not in plan


def test_an_update_touches_one_run_and_its_months(filled: Store) -> None:
    """Nothing is scanned, however many runs and months there are."""
    with filled.begin() as tx:
        runs = Runs(tx.connection)
        steps = plans(tx.connection, lambda: runs.update("r000", lambda run: run))

    assert steps
    assert [plan for plan in steps if "SCAN" in plan or "TEMP B-TREE" in plan] == []


@pytest.mark.parametrize(
    "run_filter",
    [
        RunFilter(),
        RunFilter(automation_id="auto-1"),
        RunFilter(status="queued", created_from=datetime(2026, 1, 1, tzinfo=UTC)),
        RunFilter(**ACME),
    ],
    ids=["any run", "of an automation", "since a day", "of an organisation"],
)
@pytest.mark.parametrize("scope", [None, HERE, EVERYWHERE], ids=["whole", "tenant", "workspace"])
def test_a_claim_looks_at_the_queue_alone(
    filled: Store, scope: TenantScope | None, run_filter: RunFilter
) -> None:
    """Finished and imported runs are not in its index, whoever they belong to."""
    with filled.begin() as tx:
        runs = Runs(tx.connection, scope)
        expired, queue = plans(tx.connection, lambda: runs.claim_next("w", LEASE, run_filter))

    assert "USING INDEX ix_runs_leases (status=? AND claim_expires_at_ms<?)" in expired
    assert "USING INDEX ix_runs_queue (status=? AND imported=?)" in queue
    assert "TEMP B-TREE" not in queue
    assert "SEARCH runs USING INDEX sqlite_autoindex_runs_1" in queue


def test_the_queue_with_imported_runs_is_walked_in_order(filled: Store) -> None:
    """Those are in the index of the statuses."""
    with filled.begin() as tx:
        runs = Runs(tx.connection)
        taken = plans(tx.connection, lambda: runs.claim_next("w", LEASE, include_imported=True))

    assert "USING INDEX ix_runs_status (status=?)" in taken[-1]
    assert "TEMP B-TREE" not in taken[-1]


@pytest.mark.parametrize("scope", [None, HERE, EVERYWHERE], ids=["whole", "tenant", "workspace"])
@pytest.mark.parametrize(
    "run_filter", [RunFilter(), RunFilter(automation_id="auto-1"), RunFilter(**ACME)]
)
def test_approvals_are_read_from_the_waiting_runs_alone(
    filled: Store, scope: TenantScope | None, run_filter: RunFilter
) -> None:
    """In their order, whoever's they are: hardly any run waits."""
    with filled.begin() as tx:
        runs = Runs(tx.connection, scope)
        (plan,) = plans(tx.connection, lambda: runs.approvals(run_filter, overdue=True))

    assert plan == "SEARCH runs USING INDEX ix_runs_waiting (waits_for=?)"


@pytest.mark.parametrize("scope", [None, HERE, EVERYWHERE], ids=["whole", "tenant", "workspace"])
def test_health_walks_the_runs_of_the_automation_in_order(
    filled: Store, scope: TenantScope | None
) -> None:
    """From the newest on, until the sample is complete."""
    with filled.begin() as tx:
        (plan,) = plans(tx.connection, lambda: Runs(tx.connection, scope).health("auto-1"))

    assert plan == "SEARCH runs USING INDEX ix_runs_automation (automation_id=?)"


def test_automations_are_found_from_one_to_the_next(filled: Store) -> None:
    """No run is read for it but the last of each, and those that go on or are recent."""
    with filled.begin() as tx:
        last, by_key, going_on, recent = plans(tx.connection, Runs(tx.connection).automations)

    assert "SEARCH runs USING COVERING INDEX ix_runs_automation (automation_id>?)" in last
    assert last.count("SEARCH runs USING INDEX ix_runs_automation (automation_id=?)") == 2
    assert by_key == "SEARCH runs USING INDEX sqlite_autoindex_runs_1 (run_id=?)"
    assert "USING INDEX ix_runs_status (status=?)" in going_on
    assert "USING COVERING INDEX ix_runs_statistics (created_at_ms>?)" in recent
    assert "SCAN runs" not in last + going_on + recent


@pytest.mark.parametrize("scope", [HERE, EVERYWHERE], ids=["tenant", "workspace"])
def test_those_of_a_tenant_are_found_so_too(filled: Store, scope: TenantScope) -> None:
    """However many runs the tenant has."""
    with filled.begin() as tx:
        last, *_ = plans(tx.connection, Runs(tx.connection, scope).automations)

    walk = "ix_runs_owner (org_id=? AND workspace_id=? AND automation_id>?)"
    assert f"SEARCH runs USING COVERING INDEX {walk}" in last
    assert "SCAN runs" not in last


@pytest.mark.parametrize("scope", [None, HERE, EVERYWHERE], ids=["whole", "tenant", "workspace"])
def test_the_figures_of_one_automation_are_read_from_its_runs(
    filled: Store, scope: TenantScope | None
) -> None:
    """Those that are recent, and those of all automations that go on."""
    with filled.begin() as tx:
        runs = Runs(tx.connection, scope)
        answers = plans(tx.connection, lambda: runs.automation("auto-1"))

    steps = [line for plan in answers for line in plan.splitlines() if " runs " in line]
    assert steps == [
        "SEARCH runs USING INDEX ix_runs_automation (automation_id=?)",
        "SEARCH runs USING INDEX ix_runs_automation (automation_id=?)",
        "SEARCH runs USING INDEX sqlite_autoindex_runs_1 (run_id=?)",
        "SEARCH runs USING INDEX ix_runs_status (status=?)",
        "SEARCH runs USING INDEX ix_runs_automation (automation_id=? AND created_at_ms>?)",
    ]


def test_a_count_is_read_from_an_index_alone(filled: Store) -> None:
    """The table of runs is many times larger."""
    with filled.begin() as tx:
        runs = Runs(tx.connection)
        (plan,) = plans(tx.connection, runs.count)

    assert "USING COVERING INDEX ix_runs_statistics" in plan


SINCE = datetime(2026, 6, 1, tzinfo=UTC)
STATISTICS: dict[str, tuple[RunFilter, dict[str, Any], str]] = {
    "by month and status": (
        RunFilter(),
        {},
        "SCAN runs USING COVERING INDEX ix_runs_statistics",
    ),
    "of some days": (
        RunFilter(created_from=SINCE),
        {"by": "day"},
        "SEARCH runs USING COVERING INDEX ix_runs_statistics (created_at_ms>?)",
    ),
    "of an automation": (
        RunFilter(automation_id="auto-1", created_from=SINCE),
        {"by": "week"},
        "SEARCH runs USING INDEX ix_runs_automation",
    ),
    "by the last update": (
        RunFilter(updated_from=SINCE),
        {"by": "month", "time": "updated"},
        "SEARCH runs USING INDEX ix_runs_updated",
    ),
}


@pytest.mark.parametrize("name", sorted(STATISTICS))
def test_statistics_read_the_runs_asked_for_once(filled: Store, name: str) -> None:
    """In one statement, however many groups there are, and without a document."""
    run_filter, question, way = STATISTICS[name]
    with filled.begin() as tx:
        runs = Runs(tx.connection)
        # Behind it comes the question whether there are totals of detached months.
        plan, _ = plans(tx.connection, lambda: runs.stats(run_filter, **question))

    steps = [step for step in plan.splitlines() if " runs" in step]
    assert len(steps) == 1
    assert steps[0].startswith(way)
    assert "run_documents" not in plan
