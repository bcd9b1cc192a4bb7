"""Run records for tests of the store."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from tandem_store import RunRecord, Store
from tandem_store.month import Month
from tests.support import legacy_runs


def new_run(run_id: str, **fields: Any) -> RunRecord:
    """A run with the legacy fields that matter to the test."""
    return RunRecord.model_validate(legacy_runs.full_run(run_id, **fields))


def add_all(store: Store, runs: Iterable[RunRecord]) -> None:
    """Add runs, those of each month in a transaction of their own."""
    by_month: dict[Month, list[RunRecord]] = defaultdict(list)
    for run in runs:
        by_month[Month.of_ms(max(run.created_at_ms, run.updated_at_ms))].append(run)
    for together in by_month.values():
        with store.begin() as tx:
            for run in together:
                tx.runs.add(run)
