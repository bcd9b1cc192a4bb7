"""The commands of ``tandem-store months`` that take months out, and bring them back."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import click

from tandem_store.archiving import (
    RetentionPlan,
    attach_month,
    detach_month,
    drop_month,
    forget_content,
    plan_retention,
    retain_months,
)
from tandem_store.archiving.drop import plan_drop
from tandem_store.archiving.forget import plan_forgetting
from tandem_store.archiving.retain import MOST_KEPT
from tandem_store.cli import exits, options, output
from tandem_store.cli.progress import progress_bar
from tandem_store.cli.times import Moment, MonthName
from tandem_store.cli.views import archiving_summary, retention_plan
from tandem_store.cli.views.values import counted
from tandem_store.month import Month

_month = click.argument("month", metavar="MONTH", type=MonthName())


@click.command("detach", short_help="Move a month into an archive.")
@_month
@options.database
@click.option("--to", "folder", metavar="DIR", required=True, help="The folder for the archive.")
@options.as_json
def detach(month: Month, url: str, folder: str, as_json: bool) -> None:
    """Move MONTH (as 2026-08) into the file DIR/MONTH.tandem, and out of the store.

    The archive is a store of its own, which can be read by every command with --db, and by any
    program that reads SQLite. It is read back before the month leaves. The store keeps the ids of
    the runs, and the totals of their tokens and cost.

    A month with runs that have not ended, or that are held, stays. If the command is interrupted,
    run it again.
    """
    with progress_bar() as progress:
        report = detach_month(url, month, folder, progress=progress)
    if as_json:
        output.print_json(report.to_json())
    else:
        archiving_summary.show_detached(report)


@click.command("attach", short_help="Bring a month back from its archive.")
@click.argument("archive", metavar="FILE")
@options.database
@options.as_json
def attach(archive: str, url: str, as_json: bool) -> None:
    """Bring the month in the archive FILE back into the store.

    All of it is read and compared with the digest that it carries, before and after. An archive of
    an older version is upgraded on the way. FILE itself stays as it is. It also restores the
    content of runs that was forgotten.
    """
    with progress_bar() as progress:
        report = attach_month(url, archive, progress=progress)
    if as_json:
        output.print_json(report.to_json())
    else:
        archiving_summary.show_attached(report)


@click.command("drop", short_help="Delete a detached month and its archive.")
@_month
@options.database
@click.option("--dry-run", is_flag=True, help="Only show what would be dropped.")
@options.confirmed
@options.as_json
def drop(month: Month, url: str, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Give up the detached MONTH, and remove its archive, after asking.

    Its totals stay in stats. Copies of the archive in other places are left alone.
    """
    archive = plan_drop(url, month)
    what = f"{month} with {counted(archive.runs, 'run')}, and its archive {archive.location}"
    if not as_json:
        output.print_message(f"To be dropped: {what}.")
    if dry_run:
        if as_json:
            plan = {"month": month.label, "runs": archive.runs, "archive": archive.location}
            output.print_json({**plan, "dry_run": True})
        return
    if not yes:
        click.confirm(f"Drop {month} for good?", abort=True, err=True)
    report = drop_month(url, month)
    if as_json:
        output.print_json({**report.to_json(), "dry_run": False})
    else:
        archiving_summary.show_dropped(report)


@click.command("forget-content", short_help="Delete the documents of a month, not its list.")
@_month
@options.database
@click.option("--archive-to", metavar="DIR", help="Write the month to an archive in DIR first.")
@click.option("--dry-run", is_flag=True, help="Only show what would be forgotten.")
@options.confirmed
@options.as_json
def forget(
    month: Month, url: str, archive_to: str | None, dry_run: bool, yes: bool, as_json: bool
) -> None:
    """Delete the documents of MONTH, after asking: inputs, outputs, definitions, events.

    Its runs are still listed, counted and added up: status, times, tokens, cost, and why they
    failed. Quarantined items of the month are discarded.

    A month with runs that have not ended, or that are held, stays as it is. If the command is
    interrupted, run it again.
    """
    runs = plan_forgetting(url, month)
    if not as_json:
        output.print_message(f"To be forgotten: the content of {counted(runs, 'run')} of {month}.")
    if dry_run:
        if as_json:
            output.print_json({"month": month.label, "runs": runs, "dry_run": True})
        return
    if not yes:
        click.confirm(f"Forget the content of {month} for good?", abort=True, err=True)
    with progress_bar() as progress:
        report = forget_content(url, month, archive_to=archive_to, progress=progress)
    if as_json:
        output.print_json({**report.to_json(), "dry_run": False})
    else:
        archiving_summary.show_forgotten(report)


@click.command("retain", short_help="Detach old months, and drop those that are due.")
@options.database
@click.option(
    "--keep",
    metavar="N",
    type=click.IntRange(1, MOST_KEPT),
    help="Keep the N newest months, the current one among them, and detach the others.",
)
@click.option(
    "--archive-to",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="The folder for archives. Default: tandem-store-archives, beside an SQLite file or in the "
    "current folder.",
)
@click.option(
    "--drop-after",
    metavar="AGE",
    type=Moment(),
    help="Let a later call drop the months that are detached now, after 7d or another age.",
)
@click.option("--due", is_flag=True, help="Only drop what is due; detach nothing.")
@click.option("--dry-run", is_flag=True, help="Only show the plan.")
@options.confirmed
@options.as_json
@click.pass_context
def retain(
    context: click.Context,
    url: str,
    keep: int | None,
    archive_to: Path | None,
    drop_after: datetime | timedelta | None,
    due: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Detach every month that is older than the N newest, and drop months that are due.

    The plan is printed, and carried out after asking. A month is dropped only if an earlier call
    detached it with --drop-after, and that time is over.

    Months with runs that have not ended, or that are held, stay. Then the exit code is 3.
    """
    if due == (keep is not None):
        raise click.UsageError(
            "Give either --keep N, to detach old months, or --due, to only drop what is due."
        )
    if isinstance(drop_after, datetime):
        raise click.UsageError("--drop-after takes an age, such as 7d.")
    plan = plan_retention(url, keep=keep, archive_to=archive_to, drop_after=drop_after)
    if not as_json:
        retention_plan.show_plan(plan)
    if dry_run:
        if as_json:
            output.print_json({**retention_plan.plan_to_json(plan), "dry_run": True})
    else:
        _carry_out(url, plan, yes, as_json)
    context.exit(exits.of_retention(plan.blocked))


def _carry_out(url: str, plan: RetentionPlan, yes: bool, as_json: bool) -> None:
    if plan.to_do and not yes:
        click.confirm(retention_plan.question(plan), abort=True, err=True)
    with progress_bar() as progress:
        report = retain_months(url, plan, progress=progress)
    if as_json:
        kept = retention_plan.plan_to_json(plan)["kept"]
        output.print_json({**report.to_json(), "kept": kept, "dry_run": False})
    else:
        retention_plan.show(report, plan)
    click.get_current_context().exit(exits.of_retention(report.blocked))


COMMANDS = (detach, attach, drop, forget, retain)
