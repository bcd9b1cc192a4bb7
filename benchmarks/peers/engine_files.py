"""What the engine's old store did for one update, by the shortest way that Python has.

Every run's shard is written anew beside its old one and renamed, then the hot file is written
whole; records are dicts already, and orjson writes them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from benchmarks.answering import answer
from benchmarks.peers.documents import documents
from tandem_store import RunRecord
from tandem_store.legacy import compact_for_hot_storage, history_shard_path


def prepare(setup: dict[str, Any]) -> dict[str, Callable[[], Any]]:
    """Make a state directory of so many runs; returns the calls."""
    hot = Path(setup["folder"]) / "state" / "data" / "automation_v2_runs.json"
    hot.parent.mkdir(parents=True)
    runs = documents(runs=setup["runs"], seed=setup["seed"])
    records = {record.run_id: record for record in map(RunRecord.model_validate, runs)}
    shards = [
        (history_shard_path(hot, record), {"schema_version": 1, "run": record.to_legacy()})
        for record in records.values()
    ]
    for path, _ in shards:
        path.parent.mkdir(parents=True, exist_ok=True)
    compacted = compact_for_hot_storage(records, {}, 2**62)
    hot_runs = {run_id: record.to_legacy() for run_id, record in compacted.items()}

    def update() -> None:
        for path, envelope in shards:
            beside = path.with_name(f".{path.name}.tmp")
            beside.write_bytes(orjson.dumps(envelope, option=orjson.OPT_INDENT_2))
            beside.replace(path)
        envelope = {"schema_version": 1, "runs": hot_runs}
        hot.write_bytes(orjson.dumps(envelope, option=orjson.OPT_INDENT_2))

    return {"update": update}


if __name__ == "__main__":
    answer(prepare)
