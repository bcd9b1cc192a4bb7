"""How quarantined items are shown."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from typing import Any, Final

from tandem_store import StoreError
from tandem_store.cli import output, terminal
from tandem_store.cli.suggested_commands import advised
from tandem_store.cli.views.locations import put_record
from tandem_store.cli.views.text import counted, number, one_line, printable, size
from tandem_store.importer.retry import Retried
from tandem_store.quarantine import QuarantineItem

#: How many of the kept bytes a person is shown.
PREVIEW: Final = 2_000


def entry(item: QuarantineItem) -> dict[str, Any]:
    """An item as JSON, without its bytes."""
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


def whole(item: QuarantineItem, kept: bytes | None) -> dict[str, Any]:
    """An item as JSON, with its bytes in base64; null where they are not kept."""
    return {**entry(item), "raw_base64": None if kept is None else b64encode(kept).decode()}


def kept_bytes(item: QuarantineItem, kept: bytes | None) -> bytes:
    """The bytes, or an error that says where they are."""
    if kept is None:
        raise StoreError(f"The bytes of item {item.id} are not here: {_whereabouts(item)}.")
    return kept


def put_list(items: Sequence[QuarantineItem]) -> None:
    """The items for people: records on a terminal, one line each elsewhere."""
    if not terminal.is_terminal():
        output.put_table(
            ("ID", "REASON", "SIZE", "PATH", "KEY", "MESSAGE"), map(_row, items), right="rlr"
        )
        return
    for item in items:
        discarded = ", discarded" if item.discarded else ""
        heading = f"{item.id}  {item.reason}, {size(item.size)}{discarded}"
        put_record(heading, item.path, item.message, key=item.key, style="yellow")
    output.put()
    output.put("Look at one: tandem-store quarantine show ID")
    output.put("Read them again with this version: tandem-store quarantine retry")
    output.put("Delete their bytes for good: tandem-store quarantine discard ID")


def _row(item: QuarantineItem) -> tuple[str, ...]:
    return (
        str(item.id),
        item.reason,
        size(item.size),
        item.path,
        item.key or "-",
        one_line(advised(item.message)) + (" (discarded)" if item.discarded else ""),
    )


def put_item(item: QuarantineItem, kept: bytes | None) -> None:
    """One item for people."""
    output.put_facts(
        {
            "Item": str(item.id),
            "Path": item.path,
            "Key": item.key or "-",
            "Range": "the whole file" if item.start is None else _range(item),
            "Reason": item.reason,
            "Message": advised(item.message),
            "Size": size(item.size),
            "SHA-256": item.digest.hex(),
        }.items()
    )
    output.put()
    output.put_content(_preview(kept) if kept is not None else f"The bytes: {_whereabouts(item)}.")


def put_retried(items: Sequence[Retried]) -> None:
    """What came of each item, and of all."""
    if not items:
        output.put("Nothing is in quarantine.")
        return
    for item in items:
        sign = "imported" if item.resolved else "still in quarantine"
        if item.discarded:
            sign = "was discarded before"
        put_record(f"{item.id}  {sign}", item.path, "" if item.resolved else item.message)
    imported, discarded = sum(one.resolved for one in items), sum(one.discarded for one in items)
    left = len(items) - imported - discarded
    before = f"; {number(discarded)} discarded before" if discarded else ""
    output.put(f"Imported {counted(imported, 'item')}; {number(left)} still in quarantine{before}.")


def note_plan(items: Sequence[QuarantineItem]) -> None:
    """What is about to be discarded, on stderr."""
    for item in items:
        output.note(f"{item.id}: {one_line(item.path)} ({item.reason}, {size(item.size)})")
    if items:
        output.note("Their bytes will be gone from the store; the source is not touched.")


def put_discarded(items: Sequence[QuarantineItem], dry_run: bool, as_json: bool) -> None:
    """What was discarded, or would be."""
    if as_json:
        output.put_json({"discarded": [item.id for item in items], "dry_run": dry_run})
    else:
        output.put(f"{'Would discard' if dry_run else 'Discarded'} {counted(len(items), 'item')}.")


def _preview(kept: bytes) -> str:
    text = kept[:PREVIEW].decode(errors="replace")
    more = len(kept) - PREVIEW
    return f"{text}\n... and {number(more)} bytes more (--raw has all)" if more > 0 else text


def _range(item: QuarantineItem) -> str:
    end = "the end" if item.stop is None else number(item.stop)
    return f"bytes {number(item.start or 0)} to {end}"


def _whereabouts(item: QuarantineItem) -> str:
    if item.discarded:
        return "they were discarded"
    return f"too many to keep, they are only in the source, at {printable(item.path)}"
