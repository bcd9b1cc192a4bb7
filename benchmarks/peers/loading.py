"""What the programs that load shards share: how they are started, read files, and are checked."""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.contents import contents_of

#: Runs in one transaction, as in an import.
BATCH: Final = 500
#: Columns that are worth a type, each the path of its field in the run.
COLUMNS: Final = {
    "run_id": "TEXT PRIMARY KEY",
    "automation_id": "TEXT",
    "trigger_type": "TEXT",
    "status": "TEXT",
    "created_at_ms": "INTEGER",
    "updated_at_ms": "INTEGER",
    "started_at_ms": "INTEGER",
    "finished_at_ms": "INTEGER",
    "prompt_tokens": "INTEGER",
    "completion_tokens": "INTEGER",
    "total_tokens": "INTEGER",
    "estimated_cost_usd": "REAL",
}


def new_database(path: Path) -> sqlite3.Connection:
    """Make a file with the pragmas of an import, so that the difference is not the durability."""
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in ("page_size=16384", "journal_mode=WAL", "synchronous=NORMAL"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def insert_all(
    connection: sqlite3.Connection, insert: str, rows: Iterable[Sequence[object]]
) -> None:
    """Insert rows one by one, a batch in each transaction, and close the connection."""
    connection.execute("BEGIN")
    for number, row in enumerate(rows, start=1):
        connection.execute(insert, row)
        if number % BATCH == 0:
            connection.execute("COMMIT")
            connection.execute("BEGIN")
    connection.execute("COMMIT")
    connection.close()


def texts(state: Path) -> Iterator[bytes]:
    """Yield the content of every ``.json`` file below a folder."""
    for folder, _, names in os.walk(state):
        for name in names:
            if name.endswith(".json"):
                yield Path(folder, name).read_bytes()


def main(
    load: Callable[[Path, Path], object], stored: Callable[[Path], Iterable[dict[str, Any]]]
) -> None:
    """Do what the command line says: ``load STATE DATABASE``, or ``check DATABASE``.

    The check prints how many runs there are and a digest of them, to compare with other programs.
    """
    match sys.argv[1:]:
        case ["load", state, database]:
            load(Path(state), Path(database))
        case ["check", database]:
            print(json.dumps(contents_of(stored(Path(database)))))
        case _:
            sys.exit(f"usage: {sys.argv[0]} load STATE DATABASE | check DATABASE")


def stored_texts(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the runs of a table that has the text of each shard."""
    with sqlite3.connect(path) as connection:
        for (text,) in connection.execute("SELECT document FROM runs"):
            yield json.loads(text)["run"]
    connection.close()
