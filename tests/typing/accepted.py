"""What a type checker has to accept of the public API, and the types that it has to infer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any, assert_type

from sqlalchemy import Connection

from tandem_store import (
    ApprovalPage,
    AutomationActivity,
    AutomationHealth,
    AutomationSpec,
    BackupReport,
    Claim,
    CopyReport,
    ImportOptions,
    ImportReport,
    Page,
    PendingApproval,
    ReadTransaction,
    RestoreReport,
    RunDifference,
    RunFilter,
    RunRecord,
    RunStatistics,
    RunStatus,
    RunSummary,
    Store,
    TenantReadTransaction,
    TenantScope,
    TenantTransaction,
    Transaction,
    VerifyReport,
    Versioned,
    backup_store,
    compare_runs,
    copy_store,
    import_state,
    json_patch,
    restore_store,
    upgrade,
    verify_state,
)


def end(store: Store, run: RunRecord) -> RunRecord:
    """Every way to give a value."""
    run = run.changed(status="completed", detail=None, total_tokens=3)
    run = run.changed(checkpoint=run.checkpoint.model_copy(update={"pending_nodes": []}))
    with store.begin() as tx:
        return tx.runs.update(run.run_id, lambda run: run.changed(status=RunStatus.FAILED)).run


def first_run(store: Store) -> int:
    """What a newcomer writes."""
    run = RunRecord.new("run-1", "nightly", status="queued", detail="the first")
    assert_type(run, RunRecord)
    with store.begin() as tx:
        return tx.runs.add(run)


def compare(store: Store, run: RunRecord) -> None:
    """How a run differs from the last one that completed."""
    with store.read() as tx:
        assert_type(tx.runs.last_completed_before(run.run_id), RunSummary | None)
    difference = compare_runs(run, run)
    assert_type(difference, RunDifference)
    assert_type([field.one for field in difference.fields], list[str | int | float | None])
    assert_type([change.path for change in difference.definition], list[str])
    assert_type([operation["op"] for operation in json_patch(run, run)], list[Any])


def read(store: Store) -> None:
    """What a reading transaction returns."""
    with store.read() as tx:
        assert_type(tx, ReadTransaction)
        assert_type(tx.runs.get("run-1"), RunRecord | None)
        assert_type(tx.runs.get_versioned("run-1"), Versioned | None)
        assert_type(tx.runs.exists("run-1"), bool)
        page = tx.runs.list(RunFilter(status="failed"), limit=10)
        assert_type(page, Page)
        assert_type(page.items, tuple[RunSummary, ...])
        assert_type(page.next_cursor, str | None)
        assert_type(tx.runs.count(), int)
        assert_type(tx.runs.iterate(), Iterator[RunRecord])
        assert_type(tx.runs.stats(), tuple[RunStatistics, ...])
        assert_type(tx.runs.automations(), tuple[AutomationActivity, ...])
        assert_type(tx.runs.automation("nightly"), AutomationActivity | None)
        assert_type(tx.runs.automation_ids(), tuple[str, ...])
        assert_type(tx.runs.health("nightly", last=20), AutomationHealth)
        approvals = tx.runs.approvals(RunFilter(org_id="acme"), overdue=True)
        assert_type(approvals, ApprovalPage)
        assert_type(approvals.items, tuple[PendingApproval, ...])
        (entry,) = tx.runs.stats(by=("day", "status"), time="finished")
        assert_type(entry.day, date | None)
        assert_type(entry.success_rate, float | None)
        assert_type(tx.automations.get("nightly"), AutomationSpec | None)
        assert_type(tx.automations.ids(), tuple[str, ...])
        assert_type(tx.connection, Connection)


def write(store: Store, run: RunRecord) -> None:
    """What a writing transaction returns."""
    with store.begin() as tx:
        assert_type(tx, Transaction)
        assert_type(tx.runs.add(run), int)
        assert_type(tx.runs.add_many([run]), int)
        assert_type(tx.runs.save(run, force=True), int)
        assert_type(tx.runs.update("run-1", lambda run: run), Versioned)
        claim = tx.runs.claim_next("worker", timedelta(minutes=5))
        assert_type(claim, Claim | None)
        if claim is not None:
            assert_type(tx.runs.renew(claim, timedelta(minutes=5)), Claim)
            assert_type(tx.runs.finish(claim, lambda run: run), Versioned)


def read_as_a_tenant(store: Store, scope: TenantScope) -> None:
    """A tenant's transactions have the runs."""
    with store.for_tenant(scope).read() as reading:
        assert_type(reading, TenantReadTransaction)
        assert_type(reading.runs.get("run-1"), RunRecord | None)
    with store.for_tenant(scope).begin() as tx:
        assert_type(tx, TenantTransaction)
        tx.runs.delete("run-1")


def with_whole_stores(folder: Path) -> None:
    """The functions that are imported when they are first used have their types."""
    assert_type(upgrade("runs.db"), str | None)
    assert_type(import_state("runs.db", folder, ImportOptions(strict=True)), ImportReport)
    assert_type(verify_state("runs.db", "state", jobs=None), VerifyReport)
    assert_type(copy_store("runs.db", "postgresql+psycopg://host/runs"), CopyReport)
    backup = backup_store("runs.db", folder, keep=3)
    assert_type(backup, BackupReport)
    assert_type(restore_store("again.db", backup.file), RestoreReport)
