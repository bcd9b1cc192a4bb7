"""The colours of statuses, for runs and for their nodes."""

from __future__ import annotations

from typing import Final

from tandem_store.cli.views.table import Styled

_STYLES: Final = {
    "completed": "green",
    "failed": "red",
    "blocked": "red",
    "running": "cyan",
    "queued": "blue",
    "pausing": "yellow",
    "paused": "yellow",
    "awaiting_approval": "yellow",
    "cancelled": "dim",
    "pending": "dim",
}


def status(name: str, text: str | None = None) -> Styled:
    """Return a status in its colour, or another text in the colour of that status."""
    return Styled(name if text is None else text, _STYLES.get(name, ""))
