"""``tandem-store automations``: what is done about an automation with all of its runs."""

from __future__ import annotations

import click

from tandem_store import open_store
from tandem_store.cli import options
from tandem_store.cli.command_table import CommandGroup
from tandem_store.cli.views import hold_list
from tandem_store.holds import AUTOMATION


@click.group(cls=CommandGroup)
@options.database
def automations(url: str) -> None:
    """Hold an automation with all of its runs."""


@automations.command("hold", short_help="Keep every run of an automation.")
@click.argument("automation_id", metavar="ID")
@options.database
@options.why
@options.as_json
def hold(automation_id: str, url: str, why: str, as_json: bool) -> None:
    """Keep every run of the automation ID in the store, those to come too.

    Their months cannot be detached, forgotten or dropped until the hold is released.
    """
    with open_store(url) as store, store.begin() as tx:
        tx.holds.hold_automation(automation_id, why)
    hold_list.show_placed(AUTOMATION, automation_id, why, as_json)
