"""The floor: the simplest import that plain Python allows, nothing kept apart, nothing judged.

It walks the shards, parses each one once, and puts the raw text into one SQLite table.
"""

from __future__ import annotations

from pathlib import Path

import orjson

from benchmarks.peers.loading import insert_all, main, new_database, stored_texts, texts


def load(state: Path, database: Path) -> None:
    """Put every shard below ``state`` into the new file ``database``."""
    connection = new_database(database)
    connection.execute("CREATE TABLE runs (run_id TEXT PRIMARY KEY, document TEXT NOT NULL)")
    rows = ((orjson.loads(text)["run"]["run_id"], text.decode()) for text in texts(state))
    insert_all(connection, "INSERT INTO runs VALUES (?, ?)", rows)


if __name__ == "__main__":
    main(load, stored_texts)
