"""``tandem-store quarantine``: decides about what could not be imported."""

from __future__ import annotations

import sys

import click

from tandem_store import clock, open_store
from tandem_store.cli import exits, options, output
from tandem_store.cli.command_table import CommandGroup
from tandem_store.cli.views import quarantine_items
from tandem_store.importer import retry_quarantined


@click.group(cls=CommandGroup)
@options.database
def quarantine(url: str) -> None:
    """List, show, retry or discard items that could not be imported."""


@quarantine.command("list", short_help="List the items.")
@options.database
@click.option("--discarded", is_flag=True, help="Include discarded items.")
@options.as_json
def list_items(url: str, discarded: bool, as_json: bool) -> None:
    """List the items: number, path, reason, and size in bytes."""
    with open_store(url) as store, store.read() as tx:
        items = tx.quarantine.list(include_discarded=discarded)
    if as_json:
        output.print_json({"items": [quarantine_items.to_json(item) for item in items]})
    else:
        quarantine_items.show_all(items)


@quarantine.command("show", short_help="Show one item.")
@click.argument("item_id", metavar="ID", type=int)
@options.database
@click.option("--raw", is_flag=True, help="Write only the bytes of the item, unchanged.")
@options.as_json
def show_item(url: str, item_id: int, raw: bool, as_json: bool) -> None:
    """Show one item: where it was found, what is wrong with it, and its first bytes."""
    with open_store(url) as store, store.read() as tx:
        item, content = tx.quarantine.require(item_id), tx.quarantine.raw(item_id)
    if raw:
        sys.stdout.buffer.write(quarantine_items.raw(item, content))
    elif as_json:
        output.print_json(quarantine_items.to_json_with_bytes(item, content))
    else:
        quarantine_items.show_one(item, content)


@quarantine.command("retry", short_help="Try to import items again.")
@click.argument("item_ids", metavar="[ID]...", type=int, nargs=-1)
@options.database
@options.as_json
@click.pass_context
def retry(context: click.Context, url: str, item_ids: tuple[int, ...], as_json: bool) -> None:
    """Try to import items again with this version of the program.

    Without an ID, all items are tried. Exits with 3 if an item stays in quarantine.
    """
    if not item_ids:
        with open_store(url) as store, store.read() as tx:
            item_ids = tuple(item.id for item in tx.quarantine.list())
    report = retry_quarantined(url, item_ids)
    if as_json:
        output.print_json(report.to_json())
    else:
        quarantine_items.show_retried(report)
    context.exit(exits.of_retry(report))


@quarantine.command("discard", short_help="Delete the bytes of items for good.")
@click.argument("item_ids", metavar="ID...", type=int, nargs=-1)
@options.database
@click.option("--all", "everything", is_flag=True, help="Discard every item.")
@click.option("--dry-run", is_flag=True, help="Only show what would be discarded.")
@options.confirmed
@options.as_json
def discard(
    url: str, item_ids: tuple[int, ...], everything: bool, dry_run: bool, yes: bool, as_json: bool
) -> None:
    """Delete the bytes of items for good, after asking. Their source is not changed."""
    if everything == bool(item_ids):
        raise click.UsageError("Name items by their numbers, or all of them with --all.")
    with open_store(url) as store:
        with store.read() as tx:
            chosen = [tx.quarantine.require(one) for one in dict.fromkeys(item_ids)]
            items = [one for one in chosen or tx.quarantine.list() if not one.discarded]
        quarantine_items.show_plan(items)
        if items and not dry_run:
            quarantine_items.confirm(items, yes)
            with store.begin() as tx:
                tx.quarantine.discard([i.id for i in items], now_ms=clock.now_ms())
    quarantine_items.show_discarded(items, dry_run, as_json)
