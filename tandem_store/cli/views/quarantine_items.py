"""Quarantined items: as a list, one by one, and what a retry or a discard did with them."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from typing import Any, Final

import click

from tandem_store import StoreError
from tandem_store.cli import output, terminal
from tandem_store.cli.suggested_commands import with_store
from tandem_store.cli.terminal import printable
from tandem_store.cli.views import item_lists
from tandem_store.cli.views.values import counted, number, one_line, size
from tandem_store.importer import RetryReport
from tandem_store.quarantine import QuarantineItem

#: How many bytes of an item are shown.
_PREVIEW: Final = 2_000


def to_json(item: QuarantineItem) -> dict[str, Any]:
    """Return an item as a JSON object, without its bytes."""
    return {
        "id": item.id,
        "path": item.path,
        "key": item.key,
        "start": item.start,
        "stop": item.stop,
        "reason": item.reason,
        "message": item.message,
        "bytes": item.size,
        "digest": item.digest.hex(),
        "kept_in_source": item.kept_in_source,
        "discarded": item.discarded,
    }


def to_json_with_bytes(item: QuarantineItem, content: bytes | None) -> dict[str, Any]:
    """Return an item as a JSON object; its bytes in base64, or null if the store lacks them."""
    encoded = None if content is None else b64encode(content).decode()
    return {**to_json(item), "raw_base64": encoded}


def raw(item: QuarantineItem, content: bytes | None) -> bytes:
    """Return the bytes of an item. Raises ``StoreError`` if the store does not have them."""
    if content is None:
        raise StoreError(_missing_bytes(item))
    return content


def show_all(items: Sequence[QuarantineItem]) -> None:
    """Print the items: several lines each on a terminal, one line each elsewhere."""
    if not items:
        output.print_note("The quarantine is empty.")
        return
    if not terminal.is_terminal():
        headings = ("ID", "REASON", "SIZE", "PATH", "KEY", "MESSAGE")
        output.print_table(headings, map(_row, items), align="rlr")
        return
    for item in items:
        discarded = ", discarded" if item.discarded else ""
        heading = f"{item.id}  {item.reason}, {size(item.size)}{discarded}"
        item_lists.show_item(heading, item.path, item.message, key=item.key, style="yellow")
    output.print_message()
    output.print_message("Show one item: tandem-store quarantine show ID")
    output.print_message("Try to import all of them again: tandem-store quarantine retry")
    output.print_message("Delete the bytes of an item for good: tandem-store quarantine discard ID")


def _row(item: QuarantineItem) -> tuple[str, ...]:
    return (
        str(item.id),
        item.reason,
        size(item.size),
        item.path,
        item.key or "-",
        one_line(with_store(item.message)) + (" (discarded)" if item.discarded else ""),
    )


def show_one(item: QuarantineItem, content: bytes | None) -> None:
    """Print what is known about an item, and its first bytes."""
    output.print_facts(
        {
            "Item": str(item.id),
            "Path": item.path,
            "Key": item.key or "-",
            "Range": "the complete file" if item.start is None else _range(item),
            "Reason": item.reason,
            "Message": with_store(item.message),
            "Size": size(item.size),
            "SHA-256": item.digest.hex(),
        }.items()
    )
    output.print_message()
    output.print_content(_preview(content) if content is not None else _missing_bytes(item))


def show_retried(report: RetryReport) -> None:
    """Print what happened to each item, and how many were imported."""
    if not report.items:
        output.print_message("The quarantine is empty.")
        return
    for item in report.items:
        state = "already discarded" if item.discarded else "still in quarantine"
        heading = f"{item.id}  {'imported' if item.resolved else state}"
        item_lists.show_item(heading, item.path, "" if item.resolved else item.message)
    imported = sum(item.resolved for item in report.items)
    discarded = sum(item.discarded for item in report.items)
    left = len(report.items) - imported - discarded
    already = f"; {number(discarded)} already discarded" if discarded else ""
    output.print_message(
        f"Imported {counted(imported, 'item')}; {number(left)} still in quarantine{already}."
    )


def show_plan(items: Sequence[QuarantineItem]) -> None:
    """Print on stderr which items are about to be discarded."""
    for item in items:
        output.print_note(f"{item.id}: {one_line(item.path)} ({item.reason}, {size(item.size)})")
    if items:
        output.print_note("Their bytes will be deleted from the store; the source is not changed.")


def confirm(items: Sequence[QuarantineItem], yes: bool) -> None:
    """Ask whether to discard the items, unless ``yes``; raises ``click.Abort`` if not."""
    if not yes:
        click.confirm(f"Discard {counted(len(items), 'item')} for good?", abort=True, err=True)


def show_discarded(items: Sequence[QuarantineItem], dry_run: bool, as_json: bool) -> None:
    """Print which items were discarded, or would be."""
    if as_json:
        output.print_json({"discarded": [item.id for item in items], "dry_run": dry_run})
    else:
        discarded = "Would discard" if dry_run else "Discarded"
        output.print_message(f"{discarded} {counted(len(items), 'item')}.")


def _preview(content: bytes) -> str:
    text = content[:_PREVIEW].decode(errors="replace")
    more = len(content) - _PREVIEW
    return f"{text}\n... and {number(more)} more bytes; --raw writes all" if more > 0 else text


def _range(item: QuarantineItem) -> str:
    end = "the end" if item.stop is None else number(item.stop)
    return f"bytes {number(item.start or 0)} to {end}"


def _missing_bytes(item: QuarantineItem) -> str:
    if item.discarded:
        return f"The bytes of item {item.id} were discarded."
    return (
        f"The bytes of item {item.id} are too many to keep. They are only in the source, at "
        f"{printable(item.path)}."
    )
