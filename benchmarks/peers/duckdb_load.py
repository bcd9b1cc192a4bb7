"""DuckDB: one statement reads all files on all cores, with a type for each column."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.peers.loading import COLUMNS, main


def load(state: Path, database: Path) -> None:
    """Put every shard below ``state`` into the new file ``database``."""
    types = {"TEXT PRIMARY KEY": "TEXT", "INTEGER": "BIGINT", "REAL": "DOUBLE"}
    columns = ", ".join(
        f"CAST(run->>'$.{name}' AS {types.get(kind, kind)}) AS {name}"
        for name, kind in COLUMNS.items()
    )
    read = "read_json(?, format='unstructured', columns={schema_version: 'INTEGER', run: 'JSON'})"
    with duckdb.connect(str(database)) as connection:
        connection.execute(
            f"CREATE TABLE runs AS SELECT {columns}, run AS document FROM {read}",
            [f"{state}/**/*.json"],
        )
        connection.execute("ALTER TABLE runs ADD PRIMARY KEY (run_id)")


def stored(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the runs."""
    with duckdb.connect(str(path), read_only=True) as connection:
        for (document,) in connection.execute("SELECT document FROM runs").fetchall():
            yield json.loads(document)


if __name__ == "__main__":
    main(load, stored)
