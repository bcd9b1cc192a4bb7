"""What an interrupted import still owes, said beside every answer that it makes incomplete."""

from __future__ import annotations

from tandem_store import ReadTransaction
from tandem_store.cli import output
from tandem_store.cli.text import number


def note_unsettled(tx: ReadTransaction) -> None:
    """Say on stderr that an import was not finished, and how many runs wait for it."""
    if not tx.ledger.is_interrupted():
        return
    waiting = tx.ledger.unsettled()
    output.note(
        f"Note: an import was not finished, so runs may be missing; {number(waiting)} that were "
        "read wait for their judgement. Run the same import again to finish it."
    )
