"""``tandem-store quarantine``: what could not be imported as it stands."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

import click

from tandem_store import open_store
from tandem_store.cli import options, output
from tandem_store.cli.views import quarantined
from tandem_store.importer.retry import retry_quarantined
from tandem_store.quarantine import QuarantineItem, QuarantineReader


@click.group(short_help="Items that could not be imported: list, show, retry, discard.")
@options.database
def quarantine(url: str) -> None:
    """Items that could not be imported as they stand: list, show, retry, discard."""


@quarantine.command("list")
@options.database
@click.option("--discarded", is_flag=True, help="List discarded items too.")
@options.as_json
def list_items(url: str, discarded: bool, as_json: bool) -> None:
    """List the items: number, path, reason, and size in bytes."""
    with open_store(url) as store, store.read() as tx:
        items = tx.quarantine.list(include_discarded=discarded)
    if as_json:
        output.put_json({"items": [quarantined.entry(item) for item in items]})
    elif items:
        quarantined.put_list(items)
    else:
        output.note("Nothing is in quarantine.")


@quarantine.command("show")
@click.argument("item_id", metavar="ID", type=int)
@options.database
@click.option("--raw", is_flag=True, help="Write only the kept bytes, unchanged.")
@options.as_json
def show_item(url: str, item_id: int, raw: bool, as_json: bool) -> None:
    """Show one item: where it stood, what was wrong, and how it begins."""
    with open_store(url) as store, store.read() as tx:
        item, kept = tx.quarantine.require(item_id), tx.quarantine.raw(item_id)
    if raw:
        sys.stdout.buffer.write(quarantined.kept_bytes(item, kept))
    elif as_json:
        output.put_json(quarantined.whole(item, kept))
    else:
        quarantined.put_item(item, kept)


@quarantine.command("retry")
@click.argument("item_ids", metavar="[ID]...", type=int, nargs=-1)
@options.database
@options.as_json
@click.pass_context
def retry(context: click.Context, url: str, item_ids: tuple[int, ...], as_json: bool) -> None:
    """Try to import items again with this version of the program; all, if none is named."""
    if not item_ids:
        with open_store(url) as store, store.read() as tx:
            item_ids = tuple(item.id for item in tx.quarantine.list())
    report = retry_quarantined(url, item_ids)
    if as_json:
        output.put_json(report.to_json())
    else:
        quarantined.put_retried(report.items)
    context.exit(report.exit_code)


@quarantine.command("discard")
@click.argument("item_ids", metavar="ID...", type=int, nargs=-1)
@options.database
@click.option("--all", "everything", is_flag=True, help="Discard every item.")
@click.option("--dry-run", is_flag=True, help="Only show what would be discarded.")
@options.confirmed
@options.as_json
def discard(
    url: str, item_ids: tuple[int, ...], everything: bool, dry_run: bool, yes: bool, as_json: bool
) -> None:
    """Delete the kept bytes of items for good; asks first."""
    if everything == bool(item_ids):
        raise click.UsageError("Name items by their numbers, or all of them with --all.")
    with open_store(url) as store:
        with store.read() as tx:
            items = _chosen(tx.quarantine, item_ids)
        quarantined.note_plan(items)
        if not dry_run and items:
            _ask(items, yes)
            with store.begin() as tx:
                tx.quarantine.discard([i.id for i in items], now_ms=time.time_ns() // 1_000_000)
    quarantined.put_discarded(items, dry_run, as_json)


def _chosen(found: QuarantineReader, item_ids: Sequence[int]) -> list[QuarantineItem]:
    if not item_ids:
        return list(found.list())
    items = [found.require(item_id) for item_id in dict.fromkeys(item_ids)]
    return [item for item in items if not item.discarded]


def _ask(items: Sequence[QuarantineItem], yes: bool) -> None:
    if not yes:
        click.confirm(f"Discard {len(items)} for good?", abort=True, err=True)
