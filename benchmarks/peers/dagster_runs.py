"""Dagster's SQLite run storage: a run is one of its runs, the document is its configuration."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from dagster import DagsterEvent, DagsterRun, DagsterRunStatus, RunsFilter
from dagster._core.storage.runs import SqliteRunStorage

from benchmarks.answering import answer
from benchmarks.peers.documents import documents

_STATUS: Final = {
    "completed": DagsterRunStatus.SUCCESS,
    "failed": DagsterRunStatus.FAILURE,
    "cancelled": DagsterRunStatus.CANCELED,
    "blocked": DagsterRunStatus.NOT_STARTED,
}
_FAILED: Final = RunsFilter(statuses=[DagsterRunStatus.FAILURE])


def prepare(setup: dict[str, Any]) -> dict[str, Callable[[], Any]]:
    """Fill a new storage; returns the calls."""
    storage = SqliteRunStorage.from_local(str(Path(setup["folder"]) / "dagster"))
    runs = list(documents(runs=setup["runs"], seed=setup["seed"]))
    rng = random.Random(setup["seed"])

    def put(run: dict[str, Any]) -> str:
        run_id = str(uuid.UUID(int=rng.getrandbits(128)))
        storage.add_run(
            DagsterRun(
                run_id=run_id,
                job_name=run["automation_id"],
                status=_STATUS[run["status"]],
                run_config={"ops": {"run": {"config": run}}},
                tags={"org": run["tenant_context"]["org_id"]},
            )
        )
        return run_id

    def get() -> None:
        assert storage.get_runs(RunsFilter(run_ids=[rng.choice(ids)]), limit=1)

    def newest() -> None:
        assert storage.get_runs(limit=50)

    def by_status() -> None:
        assert storage.get_runs(_FAILED, limit=50)

    def update() -> None:
        started = DagsterEvent(event_type_value="PIPELINE_START", job_name="run", message="touched")
        storage.handle_run_event(rng.choice(ids), started)

    def add() -> None:
        put(rng.choice(runs))

    def count() -> None:
        assert storage.get_runs_count(_FAILED)

    ids = [put(run) for run in runs]
    return {
        "get": get,
        "list of 50": newest,
        "list by status": by_status,
        "update": update,
        "add": add,
        "count by status": count,
    }


if __name__ == "__main__":
    answer(prepare)
