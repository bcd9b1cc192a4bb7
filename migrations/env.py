"""Alembic's way to the database: through the store's own engine, one process at a time.

``tandem_store.upgrade(url)`` and ``tandem-store db upgrade`` run it. So does ``alembic`` itself: in
a checkout with its ``alembic.ini``, elsewhere with an ini file of these lines:

    [alembic]
    script_location = tandem_store:migrations
    sqlalchemy.url = sqlite:///runs.db

``TANDEM_STORE_URL`` takes precedence over the file.
"""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from logging.config import fileConfig

from alembic import context
from alembic.util import CommandError
from sqlalchemy import URL, Connection, inspect
from sqlalchemy.schema import CreateSchema

from tandem_store import tables
from tandem_store.database import revisions, version_table
from tandem_store.database.dialect import broken_references
from tandem_store.database.engines import create_engines
from tandem_store.database.locks.jobs import upgrade_lock
from tandem_store.database.sqlite_files import to_be_upgraded
from tandem_store.database.urls import database_url, schema_of, sqlite_path
from tandem_store.errors import StoreError

config = context.config
if config.config_file_name is not None and config.file_config.has_section("loggers"):
    fileConfig(config.config_file_name, disable_existing_loggers=False)


def database() -> URL:
    """Return the database that the caller, the environment or the ini file names, in this order."""
    named = config.attributes.get("url") or os.environ.get("TANDEM_STORE_URL")
    return database_url(named or config.get_main_option("sqlalchemy.url") or "")


def changes_the_database() -> bool:
    """Return whether the command is upgrade, downgrade or stamp; others must not create a file."""
    try:
        context.get_revision_argument()
    except KeyError:
        return False
    return True


def to_be_opened(url: URL) -> AbstractContextManager[URL]:
    """Return the URL to open; a command that changes the database creates it first."""
    return to_be_upgraded(url) if changes_the_database() else nullcontext(url)


def include_name(name: str | None, kind: str, _parents: object) -> bool:
    """Leave month tables out of comparisons with the models, which would propose to drop them."""
    return not (kind == "table" and tables.MONTH_TABLE.fullmatch(name or ""))


def refuse_broken_references(*_: object, **__: object) -> None:
    """Undo a revision that leaves rows referring to missing rows; SQLite does not check that."""
    if broken := broken_references(context.get_bind()):
        raise StoreError(f"The migration would leave broken references in {', '.join(broken)}.")


def run(connection: Connection) -> None:
    """Run the command on an open connection, each revision in one transaction."""
    found = version_table.read(connection)
    version_table.refuse_copying_mark(found)
    config.attributes["found"] = found
    # Alembic commits only what it began itself.
    connection.rollback()
    if (before := config.attributes.get("before")) and found not in {None, revisions.HEAD}:
        before()
    context.configure(
        connection=connection,
        target_metadata=tables.metadata,
        version_table=version_table.TABLE.name,
        include_name=include_name,
        compare_type=True,
        render_as_batch=connection.dialect.name == "sqlite",
        # Alembic assumes that SQLite cannot roll back DDL. It can, because our engine sends BEGIN.
        transactional_ddl=True,
        transaction_per_migration=True,
        on_version_apply=refuse_broken_references,
    )
    with context.begin_transaction():
        context.run_migrations()


def run_on_postgresql(connection: Connection, schema_name: str) -> None:
    """Run the command in a schema that is created if it is missing."""
    # Asked first, because IF NOT EXISTS needs the privilege to create schemas even if it exists.
    if changes_the_database() and not inspect(connection).has_schema(schema_name):
        connection.execute(CreateSchema(schema_name, if_not_exists=True))
    connection.commit()
    run(connection)


def main() -> None:
    """Lock, make, open, run, close."""
    url = database()
    with upgrade_lock(url), to_be_opened(url) as opened:
        engines = create_engines(opened, foreign_keys=False)
        try:
            with engines.write.connect() as connection:
                if sqlite_path(url) is None:
                    run_on_postgresql(connection, schema_of(url))
                else:
                    run(connection)
        finally:
            engines.dispose()


if context.is_offline_mode():
    raise CommandError(
        "--sql is not supported: the revisions read the database to find its months. Run alembic "
        "without --sql, or tandem-store db upgrade."
    )
try:
    main()
except StoreError as error:
    if config.cmd_opts is None:
        raise
    raise CommandError(str(error)) from error
