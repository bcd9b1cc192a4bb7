"""The floor: the simplest import that plain Python allows, nothing kept apart, nothing judged.

``python -m benchmarks.floor STATE DATABASE`` walks the history shards, reads each file, parses it
once with ``orjson.loads`` and puts the raw text into one SQLite table. Journal, ``synchronous``,
page size and batch are those of ``tandem-store import``, so that the difference is the work, not
the durability.
"""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import orjson

_BATCH: Final = 500


def load(state: Path, database: Path) -> int:
    """Put every ``.json`` file below ``state`` into the new file ``database``; returns how many."""
    connection = sqlite3.connect(database, isolation_level=None)
    for pragma in ("page_size=16384", "journal_mode=WAL", "synchronous=NORMAL"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("CREATE TABLE runs (run_id TEXT PRIMARY KEY, document TEXT NOT NULL)")
    count = 0
    connection.execute("BEGIN")
    for text in _texts(state):
        run = orjson.loads(text)["run"]
        connection.execute("INSERT INTO runs VALUES (?, ?)", (run["run_id"], text.decode()))
        count += 1
        if count % _BATCH == 0:
            connection.execute("COMMIT")
            connection.execute("BEGIN")
    connection.execute("COMMIT")
    connection.close()
    return count


def _texts(state: Path) -> Iterator[bytes]:
    for folder, _, names in os.walk(state):
        for name in names:
            if name.endswith(".json"):
                yield Path(folder, name).read_bytes()


if __name__ == "__main__":
    print(load(Path(sys.argv[1]), Path(sys.argv[2])))
