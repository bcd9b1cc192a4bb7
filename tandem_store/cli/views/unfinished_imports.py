"""What an interrupted import still owes, said beside every answer that it makes incomplete."""

from __future__ import annotations

import shlex

from tandem_store import ReadTransaction
from tandem_store.cli import output
from tandem_store.cli.views.text import counted


def note_unsettled(tx: ReadTransaction) -> None:
    """Say on stderr that an import was not finished, what is missing, and how to finish it."""
    if not tx.ledger.is_interrupted():
        return
    waiting = tx.ledger.count_unreconciled()
    read = f"; {counted(waiting, 'run')} of those read are still to be reconciled"
    output.note(
        "Note: an import was not finished, so an unknown number of runs is missing"
        f"{read if waiting else ''}."
    )
    for one in tx.ledger.unfinished():
        strict = " --strict" if one.strict else ""
        command = f"tandem-store import {shlex.quote(one.root)}{strict}"
        output.note(f"Run the same import again to finish: {command}")
