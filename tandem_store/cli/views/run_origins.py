"""The copies of a run that were imported, and the outcome of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from tandem_store.cli import output, terminal
from tandem_store.cli.views.item_lists import show_item
from tandem_store.cli.views.values import timestamp
from tandem_store.ledger import Entry

_HEADINGS: Final = ("SOURCE", "OUTCOME", "REASON", "UPDATED", "PATH", "KEY")


def to_json(origin: Entry) -> dict[str, Any]:
    """Return a copy as a JSON object; ``path`` is relative to the state directory."""
    return {
        "source": origin.source,
        "path": origin.path,
        "key": origin.key,
        "outcome": origin.outcome,
        "reason": origin.reason.as_column(),
        "updated_at_ms": origin.updated_at_ms,
        "digest": origin.digest.hex(),
    }


def show(run_id: str, origins: Sequence[Entry]) -> None:
    """Print the copies of a run."""
    if not origins:
        output.print_note(f"The run {run_id!r} was not imported; a service wrote it.")
        return
    if terminal.is_terminal():
        for origin in origins:
            _show_copy(origin)
        return
    rows = [
        (
            origin.source,
            _outcome(origin),
            origin.reason.as_column() or "-",
            timestamp(origin.updated_at_ms),
            origin.path,
            origin.key or "-",
        )
        for origin in origins
    ]
    output.print_table(_HEADINGS, rows)


def _show_copy(origin: Entry) -> None:
    reason = origin.reason.as_column()
    why = f" ({reason})" if reason else ""
    heading = f"{_outcome(origin)}{why}, from {origin.source}"
    updated = f"updated {timestamp(origin.updated_at_ms)}"
    show_item(heading, origin.path, updated, key=origin.key)


def _outcome(origin: Entry) -> str:
    return origin.outcome or "not reconciled yet"
