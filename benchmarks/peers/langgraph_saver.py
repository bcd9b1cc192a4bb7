"""LangGraph's SQLite saver: the run is the state of a thread, and each write is a checkpoint."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from langgraph.checkpoint.base import empty_checkpoint
from langgraph.checkpoint.sqlite import SqliteSaver

from benchmarks.answering import answer
from benchmarks.peers.documents import documents
from benchmarks.peers.loading import new_database


def prepare(setup: dict[str, Any]) -> dict[str, Callable[[], Any]]:
    """Fill a new file; returns the calls."""
    saver = SqliteSaver(new_database(Path(setup["folder"]) / "langgraph.db"))
    runs = list(documents(runs=setup["runs"], seed=setup["seed"]))
    rng = random.Random(setup["seed"])

    def thread(run_id: str) -> Any:
        return {"configurable": {"thread_id": run_id, "checkpoint_ns": ""}}

    def put(run: dict[str, Any]) -> None:
        checkpoint = empty_checkpoint()
        checkpoint["channel_values"] = {"run": run}
        saver.put(thread(run["run_id"]), checkpoint, {"source": "loop", "step": 1}, {})

    def get() -> dict[str, Any]:
        found = saver.get_tuple(thread(rng.choice(runs)["run_id"]))
        assert found is not None
        run: dict[str, Any] = found.checkpoint["channel_values"]["run"]
        return run

    def read() -> None:
        get()

    def update() -> None:
        put(get() | {"detail": "touched"})

    def add() -> None:
        put(rng.choice(runs) | {"run_id": f"added-{rng.getrandbits(64)}"})

    def newest() -> None:
        assert list(saver.list(None, limit=50))

    for run in runs:
        put(run)
    return {"get": read, "list of 50": newest, "update": update, "add": add}


if __name__ == "__main__":
    answer(prepare)
