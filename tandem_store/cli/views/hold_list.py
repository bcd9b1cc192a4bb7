"""The list of holds."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from tandem_store.cli import output
from tandem_store.cli.views.values import one_line, timestamp
from tandem_store.holds import Hold


def to_json(hold: Hold) -> dict[str, Any]:
    """Return a hold as a JSON object."""
    return asdict(hold)


def show_placed(kind: str, name: str, why: str, as_json: bool) -> None:
    """Print that a hold was placed, and how it is ended."""
    if as_json:
        output.print_json({"kind": kind, "name": name, "why": why, "held": True})
        return
    command = f"tandem-store hold release {kind} {shlex.quote(name)}"
    output.print_message(f"Held {one_line(name)}. To end that: {command}")


def show(holds: Sequence[Hold]) -> None:
    """Print a table of holds."""
    if not holds:
        output.print_note("Nothing is held.")
        return
    rows = [
        (timestamp(one.created_at_ms // 1_000 * 1_000), one.kind, one.name, one_line(one.why))
        for one in holds
    ]
    output.print_table(("SINCE", "KIND", "ID", "WHY"), rows, cut="WHY")
