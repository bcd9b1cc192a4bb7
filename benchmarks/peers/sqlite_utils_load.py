"""sqlite-utils: every field of a run becomes a column, nested ones hold JSON."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlite_utils

from benchmarks.peers.loading import BATCH, main, new_database, texts


def load(state: Path, database: Path) -> None:
    """Put every shard below ``state`` into the new file ``database``."""
    connection = new_database(database)
    runs = (json.loads(text)["run"] for text in texts(state))
    sqlite_utils.Database(connection).table("runs").insert_all(
        runs, pk="run_id", batch_size=BATCH, alter=True
    )
    connection.close()


def stored(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the runs, with their nested fields parsed."""
    with sqlite3.connect(path) as connection:
        cursor = connection.execute("SELECT * FROM runs")
        names = [column[0] for column in cursor.description]
        for row in cursor:
            yield dict(zip(names, map(_value, row), strict=True))
    connection.close()


def _value(stored: Any) -> Any:
    return json.loads(stored) if isinstance(stored, str) and stored[:1] in "{[" else stored


if __name__ == "__main__":
    main(load, stored)
