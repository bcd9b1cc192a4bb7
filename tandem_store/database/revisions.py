"""The revision of a database: read, compared with the one that this version needs, upgraded.

``version_table`` reads the stored revision, ``refuse_unless_current`` compares it with ``HEAD``,
``upgrade`` makes a new file or lets Alembic run the revisions in between, and ``check`` compares
the tables themselves. Only a database with tables needs Alembic, so opening and making a store stay
quick.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import URL, Connection

from tandem_store.database import integrity, new_file, table_check, urls, version_table
from tandem_store.database.engines import create_engines
from tandem_store.database.portable_files import page_bytes
from tandem_store.database.urls import database_url, is_absent, sqlite_path
from tandem_store.errors import NotAStoreError, SchemaAheadError, SchemaBehindError, StoreError
from tandem_store.progress import Progress

if TYPE_CHECKING:
    from alembic.config import Config
    from alembic.script import Script

#: The newest revision in ``migrations/``.
HEAD: Final = "0007"
#: Bytes; the pages of a larger SQLite file are not checked, because a deploy waits for the check.
_SMALL: Final = 256_000_000
#: How many differences one message names.
_NAMED: Final = 5

_log: Final = logging.getLogger(__name__)
#: Alembic keeps its state in variables of a module, so one thread at a time may use it.
_alembic: Final = threading.Lock()


def stored_revision(connection: Connection) -> str | None:
    """Return the revision of the database; None before the first upgrade.

    Raises ``UnfinishedCopyError`` if a copy into it was interrupted.
    """
    found = version_table.read(connection)
    version_table.refuse_copying_mark(found)
    return found


def refuse_unless_current(connection: Connection) -> None:
    """Raise an error unless the database is at the revision that this version of the package needs.

    Raises:
        SchemaBehindError: the database must be upgraded.
        SchemaAheadError: the package must be upgraded.
        UnfinishedCopyError: a copy into it was interrupted.
        NotAStoreError: the revision is not one of ours.
    """
    found = stored_revision(connection)
    if found != HEAD:
        raise _mismatch(found)


def current(url: str | URL) -> str | None:
    """Return the revision of the database at ``url``; None if there is none yet. Creates nothing.

    Raises ``UnfinishedCopyError`` if a copy into it was interrupted.
    """
    target = database_url(url)
    if is_absent(target):
        return None
    engines = create_engines(target)
    try:
        with engines.read.connect() as connection:
            return stored_revision(connection)
    finally:
        engines.dispose()


def pending(found: str | None) -> list[Script]:
    """Return the revisions that a database at ``found`` lacks, oldest first.

    Raises ``SchemaAheadError`` or ``NotAStoreError`` if it is not at one of them.
    """
    from alembic.script import ScriptDirectory

    if found is not None and not isinstance(mismatch := _mismatch(found), SchemaBehindError):
        raise mismatch
    scripts = ScriptDirectory(str(migrations_folder()))
    return list(scripts.iterate_revisions(HEAD, found or "base"))[::-1]


def upgrade(
    url: str | URL,
    *,
    before: Callable[[], object] | None = None,
    progress: Progress | None = None,
) -> str | None:
    """Create the database at ``url``, or upgrade it; return the revision that it was at.

    That is None for a new database. Many processes and threads may call it at once: one upgrades,
    the others wait and return the new revision. A database that needs no upgrade is not written
    to. ``before`` is called under the upgrade lock, before an older database is changed.
    ``progress`` is called with a phase, how many runs are filled in, and how many there are.

    Raises:
        SchemaAheadError: the database is newer than this version of the package.
        UnfinishedCopyError: a copy into it was interrupted.

    >>> new = str(folder / "new.db")
    >>> upgrade(new) is None, upgrade(new) == upgrade(url)
    (True, True)
    """
    found = current(url)
    if found == HEAD:
        return found
    if found is not None and isinstance(mismatch := _mismatch(found), SchemaAheadError):
        raise mismatch
    if found is None and sqlite_path(target := database_url(url)) is not None:
        is_made = new_file.make(target, migrations_folder() / new_file.SCRIPT)
        was = None if is_made else run_revisions(url, before=before, progress=progress)
    else:
        was = run_revisions(url, before=before, progress=progress)
    if was != HEAD:
        _log.info("upgraded %s from %s to %s", urls.shown(url), was or "nothing", HEAD)
    return was


def run_revisions(
    url: str | URL,
    *,
    before: Callable[[], object] | None = None,
    progress: Progress | None = None,
) -> str | None:
    """Let Alembic bring a database to ``HEAD``; return the revision that it was at."""
    from alembic import command
    from alembic.util import CommandError

    config = _config({"url": url, "before": before, "progress": progress})
    try:
        with _alembic:
            command.upgrade(config, "head")
    except (
        CommandError
    ) as error:  # a revision that cannot be applied, with a sentence that says why
        raise StoreError(str(error)) from error
    # Read under the lock: another process may have upgraded in the meantime.
    was: str | None = config.attributes["found"]
    return was


def check(url: str | URL) -> None:
    """Raise an error unless the database is at ``HEAD`` with the tables that the migrations make.

    It checks every table, those of the months too, and the pages of an SQLite file of at most
    256 MB. It only reads. ``doctor`` also checks the rows.

    Raises:
        SchemaBehindError: the database must be upgraded, or is missing.
        SchemaAheadError: the package must be upgraded.
        NotAStoreError: pages are damaged.
        StoreError: a table is missing or was altered; the message says which.
    """
    target = database_url(url)
    if (found := current(target)) != HEAD:
        raise _mismatch(found)
    engines = create_engines(target)
    try:
        with engines.read.connect() as connection:
            _refuse_damage(connection)
            sentences = [found.what for found in table_check.differences(connection)]
    finally:
        engines.dispose()
    if sentences:
        left = len(sentences) - _NAMED
        more = f" There are {left} more." if left > 0 else ""
        raise StoreError(
            "The tables are not as the migrations made them; they were altered by hand or are "
            f"damaged. {' '.join(sentences[:_NAMED])}{more} Run: tandem-store doctor"
        )


def _refuse_damage(connection: Connection) -> None:
    if connection.dialect.name != "sqlite":
        return
    small = page_bytes(connection) <= _SMALL
    if small and (damage := integrity.find_damage(connection, thorough=False, limit=1)):
        raise NotAStoreError(
            f"The database file is damaged ({damage[0]}). Run: tandem-store doctor --deep"
        )


def _mismatch(found: str | None) -> StoreError:
    if found is None:
        message = "The database has no tables yet. Run: tandem-store db upgrade"
        return SchemaBehindError(message, found=None, expected=HEAD)
    if not (len(found) == len(HEAD) and found.isdecimal()):
        return NotAStoreError(f"The database is at revision {found!r}, which is not one of ours.")
    if found < HEAD:
        return SchemaBehindError(
            f"The database is at revision {found}, this version needs {HEAD}. "
            "Make a backup of a PostgreSQL database with pg_dump first; the upgrade backs an "
            "SQLite file up itself. Run: tandem-store db upgrade",
            found=found,
            expected=HEAD,
        )
    return SchemaAheadError(
        f"The database is at revision {found}, this version only knows {HEAD}. "
        "Upgrade the package: pip install --upgrade tandem-store",
        found=found,
        expected=HEAD,
    )


def _config(attributes: dict[str, object]) -> Config:
    from alembic.config import Config

    # A library does not print; the command line says what users need to know.
    config = Config(attributes=attributes, stdout=StringIO())
    config.set_main_option("script_location", str(migrations_folder()).replace("%", "%%"))
    return config


def migrations_folder() -> Path:
    """Return the folder of the revisions: in the installed package, or beside it in a checkout."""
    package = Path(__file__).parents[1]
    inside = package / "migrations"
    return inside if inside.is_dir() else package.parent / "migrations"
