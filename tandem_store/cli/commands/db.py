"""``tandem-store db``: upgrades and checks the database."""

from __future__ import annotations

import click

from tandem_store.backup import upgrade_after_backup
from tandem_store.cli import options, output
from tandem_store.cli.command_table import CommandGroup
from tandem_store.cli.progress import bar_or_lines
from tandem_store.cli.views import upgrade_summary
from tandem_store.database import revisions
from tandem_store.database.upgrade_plan import plan_upgrade
from tandem_store.database.urls import shown


@click.group(cls=CommandGroup)
@options.database
def db(url: str) -> None:
    """Upgrade the database, or check its revision and tables."""


@db.command(short_help="Create the database, or upgrade it to the current revision.")
@options.database
@click.option("--no-backup", is_flag=True, help="Upgrade an SQLite file without a backup.")
@click.option(
    "--dry-run", is_flag=True, help="Only show what would be done, and how long it takes."
)
@options.as_json
def upgrade(url: str, no_backup: bool, dry_run: bool, as_json: bool) -> None:
    """Create the database, or upgrade it to the revision that this version needs.

    Several processes may run this at once: one upgrades, the others wait. An SQLite file of an
    older revision is first backed up to a file beside it. On PostgreSQL, make a backup with pg_dump
    before you upgrade: tandem-store backup reads only stores at the current revision.

    Some revisions fill in all runs from their documents. They can be interrupted, and go on with
    what is left when you run the command again.
    """
    plan = plan_upgrade(url)
    if dry_run:
        if as_json:
            output.print_json(upgrade_summary.planned_items(plan, backs_up=not no_backup))
        else:
            upgrade_summary.show_plan(plan, backs_up=not no_backup)
        return
    if plan.runs:
        output.print_note(upgrade_summary.filling_in(plan))
    with bar_or_lines() as progress:
        if no_backup:
            before, made = revisions.upgrade(url, progress=progress), None
        else:
            before, made = upgrade_after_backup(url, progress=progress)
    backup = None if made is None else str(made.file)
    if as_json:
        output.print_json({"before": before, "revision": revisions.HEAD, "backup": backup})
        return
    if backup is not None:
        output.print_message(f"Backed up the older revision to {backup}")
    is_now = "is already" if before == revisions.HEAD else "is now"
    was = "" if before == revisions.HEAD else f" (was: {before or 'new'})"
    output.print_message(f"{shown(url)} {is_now} at revision {revisions.HEAD}{was}.")


@db.command(short_help="Show the revision of the database.")
@options.database
@options.as_json
def current(url: str, as_json: bool) -> None:
    """Show the revision of the database, and the one that this version needs."""
    found = revisions.current(url)
    if as_json:
        output.print_json({"revision": found, "head": revisions.HEAD})
    else:
        output.print_message(
            f"{shown(url)} is at {f'revision {found}' if found else 'no revision'}; this version "
            f"needs revision {revisions.HEAD}."
        )


@db.command(short_help="Check the revision and the tables, quickly.")
@options.database
@options.as_json
def check(url: str, as_json: bool) -> None:
    """Check the revision and the tables; fail if they are not what this version needs.

    This is quick and made for deploys: it reads no runs. To check the rows as well, use
    tandem-store doctor.
    """
    revisions.check(url)
    if as_json:
        output.print_json({"revision": revisions.HEAD, "ok": True})
    else:
        output.print_message(
            f"{shown(url)} is at revision {revisions.HEAD}, and its tables are correct."
        )
