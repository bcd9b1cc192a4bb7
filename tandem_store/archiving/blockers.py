"""What keeps a month in the store: runs that have not ended, holds, and interrupted imports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, func, select

from tandem_store import holds
from tandem_store.errors import HeldError, StoreError, quote_ids
from tandem_store.ledger.reader import LedgerReader
from tandem_store.month import Month
from tandem_store.records import TERMINAL_STATUSES
from tandem_store.tables import runs

_TERMINAL: Final = sorted(status.value for status in TERMINAL_STATUSES)
#: How many ids a blocker has.
_LISTED: Final = 1_000


@dataclass(frozen=True, slots=True)
class Blocker:
    """One thing that keeps a month in the store; ``what`` is a sentence.

    ``code`` is ``not_ended``, ``held`` or ``import_interrupted``. ``run_ids`` are the runs that it
    is about, the first 1,000 of them.
    """

    code: str
    what: str
    run_ids: tuple[str, ...] = ()

    def error(self) -> StoreError:
        """Return the error for whoever goes on all the same."""
        if self.code == "held":
            return HeldError(self.what, run_ids=self.run_ids)
        return StoreError(self.what)

    def to_json(self) -> dict[str, Any]:
        """Return the blocker as a JSON object."""
        return {"code": self.code, "what": self.what, "runs": list(self.run_ids)}


def blockers(connection: Connection, month: Month) -> list[Blocker]:
    """Return everything that keeps a month in the store."""
    found = [held(connection, month), _not_ended(connection, month), _importing(connection)]
    return [one for one in found if one is not None]


def refuse_if_blocked(connection: Connection, month: Month) -> None:
    """Raise ``HeldError`` or ``StoreError`` if something keeps a month in the store."""
    for blocker in blockers(connection, month):
        raise blocker.error()


def held(connection: Connection, month: Month) -> Blocker | None:
    """Return the holds that keep runs of a month, which may be detached; None without any."""
    try:
        holds.refuse_held_month(connection, month)
    except HeldError as error:
        return Blocker("held", str(error), error.run_ids)
    return None


def _not_ended(connection: Connection, month: Month) -> Blocker | None:
    is_open = (runs.c.month == month, runs.c.status.not_in(_TERMINAL))
    count = connection.execute(select(func.count()).where(*is_open)).scalar_one()
    if not count:
        return None
    ids = select(runs.c.run_id).where(*is_open).order_by(runs.c.run_id).limit(_LISTED)
    run_ids = tuple(connection.scalars(ids))
    have = "1 run that has" if count == 1 else f"{count:,} runs that have"
    return Blocker(
        "not_ended",
        f"The month {month} has {have} not ended: {quote_ids(run_ids, count)}. A run that "
        "ends moves to the current month. To see them: tandem-store runs list --open",
        run_ids,
    )


def _importing(connection: Connection) -> Blocker | None:
    for one in LedgerReader(connection).unfinished():
        return Blocker(
            "import_interrupted",
            f"The import of {one.root} was interrupted, and may bring more runs. Finish it first: "
            "tandem-store import STATE",
        )
    return None
