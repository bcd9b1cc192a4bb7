"""What a type checker has to accept of ``RunRecord.changed``."""

from __future__ import annotations

from tandem_store import RunRecord, Store
from tandem_store.records import RunStatus


def end(store: Store, run: RunRecord) -> RunRecord:
    """Every way to give a value."""
    run = run.changed(status="completed", detail=None, total_tokens=3)
    run = run.changed(checkpoint=run.checkpoint.model_copy(update={"pending_nodes": []}))
    with store.begin() as tx:
        return tx.runs.update(run.run_id, lambda run: run.changed(status=RunStatus.FAILED)).run
