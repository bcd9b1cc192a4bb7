"""On PostgreSQL a question about one run looks into one partition, and a listing into none.

That is about native partitions, so about one database alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from tandem_store import RunFilter, Store, TenantScope, open_store
from tandem_store.runs import Runs
from tests.support.legacy_runs import MONTH_MS
from tests.support.query_plans import explained
from tests.support.run_records import add_all, new_run

pytestmark = pytest.mark.postgresql

HERE = TenantScope(org_id="local", workspace_id="local")
LEASE = timedelta(minutes=5)


@pytest.fixture
def filled(store_url: str) -> Iterator[Store]:
    """A store with four months, each with a run."""
    with open_store(store_url) as store:
        hours = MONTH_MS // 3_600_000
        add_all(store, [new_run(f"r{n}", hours=n * hours, status="queued") for n in range(4)])
        yield store


def plans(connection: Connection, question: Callable[[], Any]) -> list[str]:
    """How PostgreSQL answers each statement that a question sends."""
    return explained(connection, question, "EXPLAIN")


@pytest.mark.parametrize("scope", [None, HERE])
def test_a_whole_run_is_read_from_one_partition(filled: Store, scope: TenantScope | None) -> None:
    """Also when the statement has been prepared, after it was sent some times."""
    with filled.begin() as tx:
        runs = Runs(tx.connection, scope)
        for _ in range(12):
            assert runs.get("r0") is not None
        month, whole = plans(tx.connection, lambda: runs.get("r0"))

    assert "run_documents" not in month
    assert " run_documents_2026_05 " in whole
    assert whole.count(" on run_documents_") == 1


def test_a_listing_reads_no_document(filled: Store) -> None:
    """Nor do counts, sums and claims."""
    with filled.begin() as tx:
        runs = Runs(tx.connection)
        for question in (
            runs.list,
            lambda: runs.list(RunFilter(automation_id="auto-1")),
            runs.count,
            runs.stats,
            lambda: runs.claim_next("w", LEASE),
        ):
            found = plans(tx.connection, question)
            assert found
            assert not any("run_documents" in plan for plan in found)


def test_an_update_touches_the_partitions_that_it_names(filled: Store) -> None:
    """The one that the document leaves; inserting finds the other by itself."""
    with filled.begin() as tx:
        runs = Runs(tx.connection)
        found = plans(tx.connection, lambda: runs.update("r3", lambda run: run))

    deletes = [plan for plan in found if plan.startswith("Delete on run_documents")]
    assert [plan.count(" on run_documents_") for plan in deletes] == [2]
    assert "run_documents_2026_08" in deletes[0]


def test_workers_pass_over_what_another_is_taking(filled: Store, store_url: str) -> None:
    """A claim that is not committed yet keeps nobody waiting: the next run is taken."""
    with open_store(store_url) as other, filled.begin() as first, other.begin() as second:
        one = first.runs.claim_next("one", LEASE)
        two = second.runs.claim_next("two", LEASE)

    assert one is not None
    assert two is not None
    assert (one.run_id, two.run_id) == ("r0", "r1")
