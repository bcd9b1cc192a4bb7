"""A store with runs of two months, on either database, and a folder for exports."""

from __future__ import annotations

from pathlib import Path

import pytest

from tandem_store import AutomationSpec, open_store
from tests.support.legacy_runs import MONTH_MS, definition
from tests.support.run_records import add_all, new_run

#: 2026-05-20T00:00:00Z.
MAY_MS = 1_779_235_200_000
FAILURE = {"node_id": "review", "reason": 'No "quorum",\nno review', "failed_at_ms": MAY_MS}


@pytest.fixture
def full_url(store_url: str) -> str:
    """Four runs: two of May, two of June; one has failed, one has not ended, one has odd texts."""
    checkpoint = dict(new_run("x").to_legacy()["checkpoint"], last_failure=FAILURE)
    runs = [
        new_run("may-1"),
        new_run("may-2", status="failed", checkpoint=checkpoint, started_at_ms=MAY_MS),
        new_run("june-1", created_at_ms=MAY_MS + MONTH_MS, updated_at_ms=MAY_MS + MONTH_MS),
        new_run(
            "june, é\0",
            status="running",
            created_at_ms=MAY_MS + MONTH_MS + 1,
            updated_at_ms=MAY_MS + MONTH_MS + 1,
        ),
    ]
    with open_store(store_url) as store:
        add_all(store, runs)
        with store.begin() as tx:
            tx.automations.put(AutomationSpec.model_validate(definition("auto-1")))
    return store_url


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder."""
    made = tmp_path / "exports"
    made.mkdir()
    return made
