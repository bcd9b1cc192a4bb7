"""``tandem-store approvals``: what runs wait for until somebody decides."""

from __future__ import annotations

import click

from tandem_store import RunFilter, clock, open_store
from tandem_store.cli import exits, options, output
from tandem_store.cli.command_table import CommandGroup
from tandem_store.cli.views import approval_list, run_list
from tandem_store.cli.views.unfinished_imports import note_unfinished_imports


@click.group(cls=CommandGroup)
@options.database
def approvals(url: str) -> None:
    """List the approvals that runs wait for."""


@approvals.command("list", short_help="List pending approvals, the newest request first.")
@options.database
@click.option(
    "--automation",
    metavar="ID",
    multiple=True,
    help="Runs of the automation with this complete id; repeatable.",
)
@click.option("--org", metavar="ID", help="Runs of this organisation.")
@click.option("--workspace", metavar="ID", help="Runs of this workspace.")
@click.option("--overdue", is_flag=True, help="Only requests that have expired.")
@options.page
@options.fail_if_any
@options.as_json
@click.pass_context
def list_approvals(
    context: click.Context,
    url: str,
    automation: tuple[str, ...],
    org: str | None,
    workspace: str | None,
    overdue: bool,
    limit: int,
    cursor: str | None,
    fail_if_any: bool,
    as_json: bool,
) -> None:
    """List the approvals that runs wait for, the newest request first.

    All of them are listed, however old. A run that has ended is not listed, even if its gate was
    left open; the engine's panel lists it. Runs of detached months are left out.
    """
    run_filter = RunFilter(automation_id=automation or None, org_id=org, workspace_id=workspace)
    now_ms = clock.now_ms()
    with open_store(url) as store, store.read() as tx:
        note_unfinished_imports(tx)
        page = tx.runs.approvals(
            run_filter, overdue=overdue, limit=limit, cursor=cursor, now_ms=now_ms
        )
    if as_json:
        items = [approval_list.to_json(one) for one in page.items]
        output.print_json({"items": items, "next_cursor": page.next_cursor})
    else:
        approval_list.show(page.items, page.next_cursor, now_ms)
        if not page.items:
            run_list.note_complete_ids(run_filter)
    context.exit(exits.of_finding(len(page.items), fail_if_any=fail_if_any))
