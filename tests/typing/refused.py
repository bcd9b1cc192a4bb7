"""What a type checker has to refuse: every line that says so."""

from __future__ import annotations

import tandem_store
from tandem_store import RunRecord, Store, TenantScope


def change(run: RunRecord) -> None:
    """A mistyped name, the id, and values of another type."""
    run.changed(statsu="completed")  # refused
    run.changed(run_id="another")  # refused
    run.changed(total_tokens="many")  # refused
    run.changed(status=None)  # refused
    run.changed(detail="fine")


def new() -> None:
    """The same for a new run."""
    RunRecord.new("run-1", "nightly", statsu="queued")  # refused
    RunRecord.new("run-1")  # refused
    tandem_store.open_stor("runs.db")  # refused


def write_on_a_read(store: Store, run: RunRecord) -> None:
    """A reading transaction has no method that writes."""
    with store.read() as tx:
        tx.runs.add(run)  # refused
        tx.runs.claim_next("worker")  # refused
        tx.automations.put  # refused
        tx.quarantine.discard([1], now_ms=0)  # refused
        tx.months.ensure()  # refused
        tx.ledger.begin  # refused


def leave_the_tenant(store: Store, scope: TenantScope) -> None:
    """A tenant's transaction leads to its runs and nowhere else."""
    with store.for_tenant(scope).begin() as tx:
        tx.connection  # refused
        tx.automations  # refused
        tx.runs.connection  # refused


def forget_that_it_may_not_be_there(store: Store) -> None:
    """``get`` may return None."""
    with store.read() as tx:
        tx.runs.get("run-1").status  # refused
        tx.quarantine.get(1).path  # refused
        tx.ledger.get(1).path  # refused
