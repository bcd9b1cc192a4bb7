"""How a run changes: the engine's rules about what follows from an update."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from tandem_store.month import LAST_MILLISECOND
from tandem_store.records import TERMINAL_STATUSES, RunRecord, RunStatus

#: What a caller wants of an update: the changed run, made from the one that is stored.
Change = Callable[[RunRecord], RunRecord]

#: In order, not hashed: ``model_copy`` puts in whatever it is given, which is refused later.
_TERMINAL: Final = tuple(TERMINAL_STATUSES)


def changed(before: RunRecord, change: Change, *, now_ms: int) -> RunRecord:
    """The run after ``change`` and what follows from it, at ``now_ms`` (milliseconds UTC).

    ``updated_at_ms`` grows, by one if the clock stands behind it, up to the end of the year 9999. A
    run that is not queued has no ``scheduler``. One that ended has a ``finished_at_ms``, which it
    keeps if it goes on again.

    Raises ``ValueError`` if ``change`` returns no run, or one with another id.
    """
    after = change(before)
    if not isinstance(after, RunRecord) or after.run_id != before.run_id:
        raise ValueError(
            "A change must return the changed run, with the id that it had: "
            "lambda run: run.changed(...)"
        )
    updated_at_ms = min(max(now_ms, before.updated_at_ms + 1), LAST_MILLISECOND)
    follows: dict[str, Any] = {"updated_at_ms": updated_at_ms}
    if after.status != RunStatus.QUEUED:
        follows["scheduler"] = None
    if after.status in _TERMINAL and after.finished_at_ms is None:
        follows["finished_at_ms"] = updated_at_ms
    return after.model_copy(update=follows)
