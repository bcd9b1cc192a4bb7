"""Checks of an SQLite file and of the SQLite library in use; they only read."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import Connection

from tandem_store.errors import NotAStoreError

#: The versions in which a checkpoint may race a writer that restarts the write-ahead log, and lose
#: what was committed (https://www.sqlite.org/wal.html, "The WAL-Reset Bug"): from the first to
#: before the second, except for the patch releases that have the correction, too.
_AFFECTED: Final = (3, 7, 0), (3, 51, 3)
_CORRECTED: Final = {(3, 44): 6, (3, 50): 7}


def has_wal_reset_bug(version: tuple[int, int, int] = sqlite3.sqlite_version_info[:3]) -> bool:
    """Return whether a version of SQLite, by default the one in use, can lose committed writes.

    It does so very rarely, and only if several processes write to one file in WAL mode.
    """
    first, corrected = _AFFECTED
    *branch, patch = version
    since = _CORRECTED.get((branch[0], branch[1]))
    return first <= version < corrected and not (since is not None and patch >= since)


def pragma(connection: Connection, name: str) -> Any:
    """Return the value of a PRAGMA that changes nothing, such as ``page_count``."""
    return connection.exec_driver_sql(f"PRAGMA {name}").scalar()


def find_damage(connection: Connection, *, thorough: bool, limit: int) -> list[str]:
    """Return what is wrong with the pages of an SQLite file: at most ``limit`` lines of SQLite's.

    It reads every page except those of long values. ``thorough`` also compares every index with its
    table and looks for duplicates, which takes several times as long.
    """
    check = "integrity_check" if thorough else "quick_check"
    lines: list[str] = []
    try:
        for row in connection.exec_driver_sql(f"PRAGMA {check}({limit})").scalars():
            lines += str(row).splitlines()
    except NotAStoreError as error:
        # The damage is so great that the check cannot continue.
        lines.append(str(error.__cause__ or error))
    # SQLite names the attached database in a heading; there is only one.
    return [line for line in lines if line != "ok" and not line.startswith("*** in database")]


def broken_rows(connection: Connection, table: str) -> Iterator[tuple[int, str]]:
    """Yield, for each row of ``table`` that refers to a missing row, its number and that table."""
    for row in connection.exec_driver_sql(f'PRAGMA foreign_key_check("{table}")'):
        yield int(row[1] or 0), str(row[2])
