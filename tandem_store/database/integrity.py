"""What an SQLite file and its library say of themselves; only reads."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import Connection

from tandem_store.errors import NotAStoreError

#: The versions in which a checkpoint may race a writer that begins the write-ahead log anew, which
#: loses what was committed (https://www.sqlite.org/wal.html, "The WAL-Reset Bug"): from the first
#: to before the second, but for the releases that got the correction too.
_AFFECTED: Final = (3, 7, 0), (3, 51, 3)
_CORRECTED: Final = {(3, 44): 6, (3, 50): 7}


def has_wal_reset_bug(version: tuple[int, int, int] = sqlite3.sqlite_version_info[:3]) -> bool:
    """Whether this version of SQLite, by default the one in use, can lose committed writes.

    Only if several processes write to one file in WAL mode, and very rarely.
    """
    first, corrected = _AFFECTED
    *branch, patch = version
    since = _CORRECTED.get((branch[0], branch[1]))
    return first <= version < corrected and not (since is not None and patch >= since)


def pragma(connection: Connection, name: str) -> Any:
    """The value of a PRAGMA that has one and changes nothing, such as ``page_count``."""
    return connection.exec_driver_sql(f"PRAGMA {name}").scalar()


def damage(connection: Connection, *, thorough: bool, limit: int) -> list[str]:
    """What is wrong with the pages of an SQLite file, at most ``limit`` sentences of SQLite's.

    It reads every page but those of long values. ``thorough`` compares every index with its table
    and looks for rows that are not unique, too, which takes several times as long.
    """
    check = "integrity_check" if thorough else "quick_check"
    lines: list[str] = []
    try:
        for row in connection.exec_driver_sql(f"PRAGMA {check}({limit})").scalars():
            lines += str(row).splitlines()
    except NotAStoreError as error:
        # So much is damaged that the check cannot go on.
        lines.append(str(error.__cause__ or error))
    # A heading says which of the attached databases is meant; there is one.
    return [line for line in lines if line != "ok" and not line.startswith("*** in database")]


def broken_rows(connection: Connection, table: str) -> Iterator[tuple[int, str]]:
    """Number and missing table's name of each row of ``table`` that refers to a row not there."""
    for row in connection.exec_driver_sql(f'PRAGMA foreign_key_check("{table}")'):
        yield int(row[1] or 0), str(row[2])
