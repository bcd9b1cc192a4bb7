"""The copies that a run came from, and what became of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from tandem_store.cli import output, terminal
from tandem_store.cli.views.locations import put_record
from tandem_store.cli.views.text import moment
from tandem_store.ledger import Entry

_HEADINGS: Final = ("SOURCE", "OUTCOME", "REASON", "UPDATED", "PATH", "KEY")


def item(origin: Entry) -> dict[str, Any]:
    """A copy of a run as JSON; ``path`` is relative to the state root."""
    return {
        "source": origin.source,
        "path": origin.path,
        "key": origin.key,
        "outcome": origin.outcome,
        "reason": origin.reason.as_column(),
        "updated_at_ms": origin.updated_at_ms,
        "digest": origin.digest.hex(),
    }


def put(run_id: str, origins: Sequence[Entry]) -> None:
    """The copies of a run for people."""
    if not origins:
        output.note(f"The run {run_id!r} was not imported; a service wrote it.")
        return
    if terminal.is_terminal():
        for origin in origins:
            _put_record(origin)
        return
    rows = [
        (
            origin.source,
            _outcome(origin),
            origin.reason.as_column() or "-",
            moment(origin.updated_at_ms),
            origin.path,
            origin.key or "-",
        )
        for origin in origins
    ]
    output.put_table(_HEADINGS, rows)


def _put_record(origin: Entry) -> None:
    reason = origin.reason.as_column()
    why = f" ({reason})" if reason else ""
    heading = f"{_outcome(origin)}{why}, from {origin.source}"
    updated = f"updated {moment(origin.updated_at_ms)}"
    put_record(heading, origin.path, updated, key=origin.key)


def _outcome(origin: Entry) -> str:
    return origin.outcome or "not judged yet"
