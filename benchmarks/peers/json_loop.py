"""What most people write first: the standard library's ``json`` in a loop, with typed columns."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.peers.loading import BATCH, COLUMNS, main, new_database, stored_texts, texts


def load(state: Path, database: Path) -> None:
    """Put every shard below ``state`` into the new file ``database``."""
    connection = new_database(database)
    columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
    connection.execute(f"CREATE TABLE runs ({columns}, document TEXT NOT NULL)")
    insert = f"INSERT INTO runs VALUES ({', '.join('?' * (len(COLUMNS) + 1))})"
    connection.execute("BEGIN")
    for number, text in enumerate(texts(state), start=1):
        run = json.loads(text)["run"]
        connection.execute(insert, [*map(run.get, COLUMNS), text.decode()])
        if number % BATCH == 0:
            connection.execute("COMMIT")
            connection.execute("BEGIN")
    connection.execute("COMMIT")
    connection.close()


if __name__ == "__main__":
    main(load, stored_texts)
