"""What most people write first: the standard library's ``json`` in a loop, with typed columns."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.peers.loading import (
    COLUMNS,
    insert_all,
    main,
    new_database,
    stored_texts,
    texts,
)


def load(state: Path, database: Path) -> None:
    """Put every shard below ``state`` into the new file ``database``."""
    connection = new_database(database)
    columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
    connection.execute(f"CREATE TABLE runs ({columns}, document TEXT NOT NULL)")
    insert = f"INSERT INTO runs VALUES ({', '.join('?' * (len(COLUMNS) + 1))})"
    rows = ([*map(json.loads(text)["run"].get, COLUMNS), text.decode()] for text in texts(state))
    insert_all(connection, insert, rows)


if __name__ == "__main__":
    main(load, stored_texts)
