"""How Alembic reaches the database: through the store's own engine, one process at a time."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from logging.config import fileConfig
from pathlib import Path
from typing import Final

from alembic import context
from alembic.util import CommandError
from sqlalchemy import URL, Connection, func, inspect, select
from sqlalchemy.schema import CreateSchema

from tandem_store import models
from tandem_store.database import revisions, version_table
from tandem_store.database.dialect import broken_references
from tandem_store.database.engines import create_engines
from tandem_store.database.locks import exclusive, noted
from tandem_store.database.sqlite_files import made_whole
from tandem_store.database.urls import database_url, schema_of, sqlite_path
from tandem_store.errors import StoreError, StoreLockedError

#: Seconds that a deploy waits for another one's upgrade; a data revision may take minutes.
PATIENCE_S: Final = 1_800
#: Seconds between two looks at PostgreSQL's advisory lock.
POLL_S: Final = 0.2
UPGRADE_LOCK: Final = 0x5453_7570

config = context.config
if config.config_file_name is not None and config.file_config.has_section("loggers"):
    fileConfig(config.config_file_name, disable_existing_loggers=False)


def database() -> URL:
    """The database that the caller, the environment or alembic.ini names, in this order."""
    named = config.attributes.get("url") or os.environ.get("TANDEM_STORE_URL")
    return database_url(named or config.get_main_option("sqlalchemy.url") or "")


def changes_the_database() -> bool:
    """Whether the command is upgrade, downgrade or stamp; the others must not make a database."""
    try:
        context.get_revision_argument()
    except KeyError:
        return False
    return True


def place(url: URL) -> AbstractContextManager[URL]:
    """The database to open, which is made first by a command that may do so."""
    return made_whole(url) if changes_the_database() else nullcontext(url)


@contextmanager
def file_lock(url: URL) -> Iterator[None]:
    """Let one process at a time make or migrate an SQLite file.

    A lock inside the database is not enough: Alembic reads the revision before its transaction, so
    two processes would both find the old one.
    """
    path = sqlite_path(url)
    if path is None:
        yield
        return
    busy = f"Another process is upgrading {path}; try again later."
    with exclusive(Path(f"{path}.lock"), patience_s=PATIENCE_S, busy=busy):
        yield


@contextmanager
def advisory_lock(connection: Connection) -> Iterator[None]:
    """Let one session at a time migrate a PostgreSQL database.

    Polled and in autocommit: a session that waits inside PostgreSQL holds a snapshot, and CREATE
    INDEX CONCURRENTLY in the other session waits for snapshots: a deadlock.
    """
    connection.execution_options(isolation_level="AUTOCOMMIT")
    deadline = time.monotonic() + PATIENCE_S
    with noted("another process that is upgrading the database"):
        while not connection.scalar(select(func.pg_try_advisory_lock(UPGRADE_LOCK))):
            if time.monotonic() > deadline:
                raise StoreLockedError(
                    "Another process is upgrading the database; try again later."
                )
            time.sleep(POLL_S)
    connection.commit()
    connection.execution_options(isolation_level="READ COMMITTED")
    try:
        yield
    finally:
        connection.rollback()
        connection.execute(select(func.pg_advisory_unlock(UPGRADE_LOCK)))
        connection.rollback()


def include_name(name: str | None, kind: str, _parents: object) -> bool:
    """Months come and go with the data; comparing them with the models would drop them."""
    return not (kind == "table" and models.MONTH_TABLE.fullmatch(name or ""))


def refuse_broken_references(*_: object, **__: object) -> None:
    """Undo a revision that leaves rows referring to nothing; SQLite does not check by itself."""
    if broken := broken_references(context.get_bind()):
        raise StoreError(f"The migration would leave broken references in {', '.join(broken)}.")


def run(connection: Connection) -> None:
    """Run the command on an open connection, each revision in one transaction."""
    found = version_table.stored(connection)
    version_table.refuse_unfinished(found)
    config.attributes["found"] = found
    # Alembic commits only what it began itself.
    connection.rollback()
    if (before := config.attributes.get("before")) and found not in {None, revisions.HEAD}:
        before()
    context.configure(
        connection=connection,
        target_metadata=models.metadata,
        version_table="tandem_store_version",
        include_name=include_name,
        compare_type=True,
        render_as_batch=connection.dialect.name == "sqlite",
        # Alembic believes that SQLite cannot undo DDL. It can, as our engine begins transactions.
        transactional_ddl=True,
        transaction_per_migration=True,
        on_version_apply=refuse_broken_references,
    )
    with context.begin_transaction():
        context.run_migrations()


def run_on_postgresql(connection: Connection, schema_name: str) -> None:
    """Run the command under the advisory lock, in a schema that exists."""
    with advisory_lock(connection):
        # Looked for first: IF NOT EXISTS needs the right to make schemas even if there is one.
        if changes_the_database() and not inspect(connection).has_schema(schema_name):
            connection.execute(CreateSchema(schema_name, if_not_exists=True))
        connection.commit()
        run(connection)


def main() -> None:
    """Lock, make, open, run, close."""
    url = database()
    with file_lock(url), place(url) as made:
        engines = create_engines(made, foreign_keys=False)
        try:
            with engines.write.connect() as connection:
                if sqlite_path(url) is None:
                    run_on_postgresql(connection, schema_of(url))
                else:
                    run(connection)
        finally:
            engines.dispose()


if context.is_offline_mode():
    raise CommandError("--sql is not supported: a migration looks at the months that exist.")
try:
    main()
except StoreError as error:
    if config.cmd_opts is None:
        raise
    raise CommandError(str(error)) from error
