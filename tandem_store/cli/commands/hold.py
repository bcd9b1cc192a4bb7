"""``tandem-store hold``: lists and releases holds."""

from __future__ import annotations

import click

from tandem_store import open_store
from tandem_store.cli import options, output
from tandem_store.cli.command_table import CommandGroup
from tandem_store.cli.run_ids import full_name
from tandem_store.cli.views import hold_list
from tandem_store.holds import AUTOMATION, RUN


@click.group(cls=CommandGroup)
@options.database
def hold(url: str) -> None:
    """List or release holds on runs and automations.

    Holds are placed by runs hold and automations hold. While one lasts, the months of the runs
    cannot be detached, forgotten or dropped, and no service can delete the runs.
    """


@hold.command("list", short_help="List the holds.")
@options.database
@options.as_json
def list_holds(url: str, as_json: bool) -> None:
    """List the holds, the oldest first: since when, what, and why."""
    with open_store(url) as store, store.read() as tx:
        found = tx.holds.list()
    if as_json:
        output.print_json({"items": [hold_list.to_json(one) for one in found]})
    else:
        hold_list.show(found)


@hold.command("release", short_help="End a hold.")
@click.argument("kind", type=click.Choice([RUN, AUTOMATION]))
@click.argument("name", metavar="ID")
@options.database
@options.as_json
def release(kind: str, name: str, url: str, as_json: bool) -> None:
    """End the hold on the run or automation ID, which may be shortened like that of a run."""
    with open_store(url) as store, store.begin() as tx:
        name = full_name((one.name for one in tx.holds.list() if one.kind == kind), name)
        tx.holds.release(kind, name)
    if as_json:
        output.print_json({"kind": kind, "name": name, "held": False})
    else:
        output.print_message("Released.")
