"""Finds an automation by its id, or by how the id begins."""

from __future__ import annotations

from tandem_store import NotFoundError, ReadTransaction
from tandem_store.cli.run_ids import ambiguous, quote, without_prefix


def find_automation_id(tx: ReadTransaction, given: str) -> str:
    """Return the id of the automation, which has a definition or runs, or both.

    That is the id itself, or the only one that begins so, with or without the engine's prefix.

    Raises:
        NotFoundError: There is no such automation.
        CommandError: There are several. The message lists them.
    """
    known = {*tx.automations.ids(), *tx.runs.automation_ids()}
    if given in known:
        return given
    found = sorted(one for one in known if given and _begins(one, given))
    if len(found) == 1:
        return found[0]
    if found:
        raise ambiguous("automations", given, found)
    raise NotFoundError(
        f"There is no automation {quote(given)}. List automations: tandem-store automations list"
    )


def _begins(automation_id: str, given: str) -> bool:
    return automation_id.startswith(given) or without_prefix(automation_id).startswith(given)
