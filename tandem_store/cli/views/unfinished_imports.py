"""A note on imports that were interrupted, beside every answer that they make incomplete."""

from __future__ import annotations

import shlex

from tandem_store import ReadTransaction
from tandem_store.cli import output
from tandem_store.cli.views.values import counted


def note_unfinished_imports(tx: ReadTransaction) -> None:
    """Print on stderr that an import was not finished, what is missing, and how to finish it."""
    if not tx.ledger.is_interrupted():
        return
    waiting = tx.ledger.count_unreconciled()
    also = f", and {counted(waiting, 'run')} must still be reconciled"
    output.print_note(
        "Note: an import was not finished, so an unknown number of runs is missing"
        f"{also if waiting else ''}."
    )
    for one in tx.ledger.unfinished():
        strict = " --strict" if one.strict else ""
        command = f"tandem-store import {shlex.quote(one.root)}{strict}"
        output.print_note(f"Run the same import again to finish: {command}")
