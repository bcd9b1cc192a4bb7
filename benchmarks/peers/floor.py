"""The floor: the simplest import that plain Python allows, nothing kept apart, nothing judged.

It walks the shards, parses each one once, and puts the raw text into one SQLite table.
"""

from __future__ import annotations

from pathlib import Path

import orjson

from benchmarks.peers.loading import BATCH, main, new_database, stored_texts, texts


def load(state: Path, database: Path) -> None:
    """Put every shard below ``state`` into the new file ``database``."""
    connection = new_database(database)
    connection.execute("CREATE TABLE runs (run_id TEXT PRIMARY KEY, document TEXT NOT NULL)")
    connection.execute("BEGIN")
    for number, text in enumerate(texts(state), start=1):
        run = orjson.loads(text)["run"]
        connection.execute("INSERT INTO runs VALUES (?, ?)", (run["run_id"], text.decode()))
        if number % BATCH == 0:
            connection.execute("COMMIT")
            connection.execute("BEGIN")
    connection.execute("COMMIT")
    connection.close()


if __name__ == "__main__":
    main(load, stored_texts)
