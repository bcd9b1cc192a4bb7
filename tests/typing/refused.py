"""What a type checker has to refuse: every line that says so."""

from __future__ import annotations

from tandem_store import RunRecord


def change(run: RunRecord) -> None:
    """A mistyped name, the id, and values of another type."""
    run.changed(statsu="completed")  # refused
    run.changed(run_id="another")  # refused
    run.changed(total_tokens="many")  # refused
    run.changed(status=None)  # refused
    run.changed(detail="fine")
