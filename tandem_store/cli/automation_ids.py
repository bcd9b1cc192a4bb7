"""Finds an automation by its id, or by how the id begins."""

from __future__ import annotations

from typing import Final

from tandem_store import NotFoundError, ReadTransaction
from tandem_store.cli.error_messages import CommandError
from tandem_store.cli.run_ids import without_prefix
from tandem_store.cli.views.values import one_line

#: How many automations are listed if an id is ambiguous.
_LISTED: Final = 10
_WIDTH: Final = 160


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
    quoted = repr(one_line(given, _WIDTH))
    if not found:
        raise NotFoundError(
            f"There is no automation {quoted}. List automations: tandem-store automations list"
        )
    lines = [f"Several automations begin with {quoted}. Type more of the id:"]
    lines += [f"  {one_line(one, _WIDTH)}" for one in found[:_LISTED]]
    if len(found) > _LISTED:
        lines.append("  ... and more")
    raise CommandError("\n".join(lines), lines=True)


def _begins(automation_id: str, given: str) -> bool:
    return automation_id.startswith(given) or without_prefix(automation_id).startswith(given)
