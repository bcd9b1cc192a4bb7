"""Plain sqlite3: what one call costs when nothing is between the caller and the database.

One table with the columns that a list needs and the document in zstd. Pydantic validates a run
that is read, because a service would want it; nothing else is checked.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import orjson

from benchmarks.answering import answer
from benchmarks.peers.documents import documents
from benchmarks.peers.loading import new_database
from tandem_store import RunRecord
from tandem_store.zstd import ZstdCompressor, ZstdDecompressor

_COLUMNS: Final = ("run_id", "automation_id", "status", "updated_at_ms", "total_tokens")


def prepare(setup: dict[str, Any]) -> dict[str, Callable[[], Any]]:
    """Fill a new file; returns the calls."""
    database = new_database(Path(setup["folder"]) / "plain.db")
    database.execute(
        "CREATE TABLE runs (run_id TEXT PRIMARY KEY, automation_id TEXT, status TEXT, "
        "updated_at_ms INTEGER, total_tokens INTEGER, document BLOB)"
    )
    database.execute("CREATE INDEX newest ON runs (updated_at_ms DESC)")
    database.execute("CREATE INDEX by_status ON runs (status, updated_at_ms DESC)")
    rng = random.Random(setup["seed"])
    ids: list[str] = []

    def put(run: dict[str, Any]) -> None:
        packer = ZstdCompressor()
        blob = packer.compress(orjson.dumps(run), ZstdCompressor.FLUSH_FRAME)
        row = [*map(run.get, _COLUMNS), blob]
        database.execute("INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?, ?)", row)

    def read() -> dict[str, Any]:
        question = "SELECT document FROM runs WHERE run_id = ?"
        (blob,) = database.execute(question, (rng.choice(ids),)).fetchone()
        run: dict[str, Any] = orjson.loads(ZstdDecompressor().decompress(blob))
        return run

    def get() -> None:
        RunRecord.model_validate(read())

    def newest() -> None:
        question = f"SELECT {', '.join(_COLUMNS)} FROM runs ORDER BY updated_at_ms DESC LIMIT 50"
        assert database.execute(question).fetchall()

    def by_status() -> None:
        question = (
            f"SELECT {', '.join(_COLUMNS)} FROM runs WHERE status = 'failed' "
            "ORDER BY updated_at_ms DESC LIMIT 50"
        )
        assert database.execute(question).fetchall()

    def update() -> None:
        database.execute("BEGIN IMMEDIATE")
        run = read()
        put(run | {"detail": "touched", "updated_at_ms": run["updated_at_ms"] + 1})
        database.execute("COMMIT")

    def count() -> None:
        question = "SELECT count(*) FROM runs WHERE status = 'failed'"
        assert database.execute(question).fetchone()[0]

    database.execute("BEGIN")
    for run in documents(runs=setup["runs"], seed=setup["seed"]):
        ids.append(run["run_id"])
        put(run)
    database.execute("COMMIT")
    return {
        "get": get,
        "list of 50": newest,
        "list by status": by_status,
        "update": update,
        "count by status": count,
    }


if __name__ == "__main__":
    answer(prepare)
