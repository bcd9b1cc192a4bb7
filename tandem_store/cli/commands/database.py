"""``tandem-store db``: the revision of the database."""

from __future__ import annotations

import click

from tandem_store.backup import upgrade_after_backup
from tandem_store.cli import options, output
from tandem_store.database import revisions, urls


@click.group(short_help="Upgrade the database, or check its revision and tables.")
@options.database
def db(url: str) -> None:
    """Upgrade the database, or check its revision and tables."""


@db.command()
@options.database
@click.option("--no-backup", is_flag=True, help="Upgrade an SQLite file without a backup.")
@options.as_json
def upgrade(url: str, no_backup: bool, as_json: bool) -> None:
    """Upgrade the database to the revision that this version needs, or make it.

    Many processes may do it at once: one upgrades, the others wait. An SQLite file of an older
    revision is backed up first, beside it. On PostgreSQL make a backup with pg_dump first:
    tandem-store backup reads only a store at the revision that this version needs.
    """
    before, made = (revisions.upgrade(url), None) if no_backup else upgrade_after_backup(url)
    backup = None if made is None else str(made.file)
    if as_json:
        output.put_json({"before": before, "revision": revisions.HEAD, "backup": backup})
        return
    if backup is not None:
        output.put(f"A backup of it as it was: {backup}")
    if before == revisions.HEAD:
        output.put(f"{urls.shown(url)} is at revision {before} already.")
    else:
        output.put(
            f"{urls.shown(url)} is now at revision {revisions.HEAD} (was: {before or 'new'})."
        )


@db.command()
@options.database
@options.as_json
def current(url: str, as_json: bool) -> None:
    """Show the revision of the database, and the one that this version needs."""
    found = revisions.current(url)
    if as_json:
        output.put_json({"revision": found, "head": revisions.HEAD})
    else:
        output.put(
            f"{urls.shown(url)}: {found or 'no revision'}; this version needs {revisions.HEAD}"
        )


@db.command()
@options.database
@options.as_json
def check(url: str, as_json: bool) -> None:
    """Check the revision and the tables; fail unless they are as this version needs them.

    Quick, for deploys: it reads no runs. doctor looks at the rows, too."""
    revisions.check(url)
    if as_json:
        output.put_json({"revision": revisions.HEAD, "ok": True})
    else:
        output.put(
            f"{urls.shown(url)} is at revision {revisions.HEAD}, its tables are as they should be."
        )
