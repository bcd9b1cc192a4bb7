"""What an interrupted import still owes, said beside every answer that it makes incomplete."""

from __future__ import annotations

import shlex

from tandem_store import ReadTransaction
from tandem_store.cli import output
from tandem_store.cli.text import number


def note_unsettled(tx: ReadTransaction) -> None:
    """Say on stderr that an import was not finished, what is missing, and how to finish it."""
    if not tx.ledger.is_interrupted():
        return
    waiting = tx.ledger.unsettled()
    output.note(
        f"Note: an import was not finished, so runs may be missing; {number(waiting)} "
        f"{'run is' if waiting == 1 else 'runs are'} still being reconciled."
    )
    for one in tx.ledger.unfinished():
        strict = " --strict" if one.strict else ""
        command = f"tandem-store import {shlex.quote(one.root)}{strict}"
        output.note(f"Run the same import again to finish: {command}")
