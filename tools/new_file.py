"""The script that makes a new SQLite file: what the revisions amount to, as SQLite has it."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Final

from sqlalchemy import insert

from tandem_store.database import revisions, version_table

_HEAD: Final = """\
-- What the revisions amount to on SQLite; tandem_store.database.new_file runs it.
-- Written by `make docs` from a file that they made. A new revision is written in versions/.
"""
_MADE: Final = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid"


def new_file_script() -> str:
    """Return migrations/new_file.sql, made by running the revisions."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "made.db"
        revisions.run_revisions(str(path))
        with closing(sqlite3.connect(path)) as connection:
            made = [sql for (sql,) in connection.execute(_MADE)]
    row = insert(version_table.TABLE).values(version_num=revisions.HEAD)
    made.append(str(row.compile(compile_kwargs={"literal_binds": True})))
    return "\n".join([_HEAD, *(f"{statement};" for statement in made), ""])
