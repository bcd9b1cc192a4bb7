"""Shortens the ids of runs, and finds a run by the beginning of its id."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from tandem_store import NotFoundError, ReadTransaction
from tandem_store.cli.error_messages import CommandError
from tandem_store.cli.views.values import one_line
from tandem_store.ledger import CopyOutcome, Entry
from tandem_store.quarantine import QuarantineItem
from tandem_store.runs.id_search import PREFIXES

if TYPE_CHECKING:
    from tandem_store import RunRecord

#: How many runs are listed if an id is ambiguous.
_LISTED: Final = 10
_SHORTEST: Final = 8
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_WIDTH: Final = 160


def shorten(run_ids: Iterable[str]) -> dict[str, str]:
    """Return a short form of each id that is unique among them.

    The engine's ids lose their prefix and most of their UUID; all others stay as they are.
    """
    tails = {run_id: without_prefix(run_id) for run_id in run_ids}
    uuids = {tail for tail in tails.values() if _UUID.fullmatch(tail)}
    length = _SHORTEST
    while len({uuid[:length] for uuid in uuids}) < len(uuids):
        length += 1
    return {run_id: tail[:length] if tail in uuids else run_id for run_id, tail in tails.items()}


def without_prefix(engine_id: str) -> str:
    """Return the id of a run or an automation without the prefix that the engine gives it."""
    for prefix in PREFIXES:
        if engine_id.startswith(prefix):
            return engine_id.removeprefix(prefix)
    return engine_id


def full_name(names: Iterable[str], given: str) -> str:
    """Return the only one of the names that begins so, with or without a prefix of the engine.

    Returns what was given if it is one of them, or if there is no such name, or several.
    """
    known = list(names)
    found = [
        name
        for name in known
        if given and (name.startswith(given) or without_prefix(name).startswith(given))
    ]
    return found[0] if given not in known and len(found) == 1 else given


def find_run(tx: ReadTransaction, given: str) -> RunRecord:
    """Return the run with this id, or else the only one whose id begins with it.

    Raises the same errors as ``find_run_id``.
    """
    run = tx.runs.get(given) or tx.runs.get(find_run_id(tx, given))
    assert run is not None  # both read the same state of the store
    return run


def find_run_id(tx: ReadTransaction, given: str) -> str:
    """Return this id if there is such a run, or else the only id that begins with it.

    Raises:
        NotFoundError: There is no such run. The message says where else the id is known.
        CommandError: There are several. The message lists them.
    """
    if tx.runs.exists(given):
        return given
    found = tx.runs.find_ids(given, limit=_LISTED + 1)
    if len(found) == 1:
        return found[0]
    raise ambiguous("runs", given, found) if found else _not_found(tx, given)


def find_last_completed(tx: ReadTransaction, run: RunRecord) -> RunRecord:
    """Return the run with which its automation completed before this run was created.

    Raises ``NotFoundError`` if there is none, and the same errors as ``tx.runs.get``.
    """
    found = tx.runs.last_completed_before(run.run_id)
    if found is None:
        raise NotFoundError(
            f"No run of the automation {quote(run.automation_id)} and the same tenant was "
            f"completed among those created before the run {quote(run.run_id)}. Detached months "
            "are not searched. List completed runs: tandem-store runs list --status completed"
        )
    completed = tx.runs.get(found.run_id)
    assert completed is not None  # both read the same state of the store
    return completed


def ambiguous(what: str, given: str, found: Sequence[str]) -> CommandError:
    """Return the error for the beginning of several ids, of which it lists the first."""
    lines = [f"Several {what} begin with {quote(given)}. Type more of the id:"]
    lines += [f"  {one_line(one, _WIDTH)}" for one in found[:_LISTED]]
    if len(found) > _LISTED:
        lines.append("  ... and more")
    return CommandError("\n".join(lines), lines=True)


def _not_found(tx: ReadTransaction, given: str) -> NotFoundError:
    no_run = f"There is no run {quote(given)}"
    if item := _quarantined(tx, given):
        where = (
            "was discarded from quarantine, where it was"
            if item.discarded
            else "is in quarantine as"
        )
        return NotFoundError(
            f"{no_run}: it {where} item {item.id}. See it: tandem-store quarantine show {item.id}"
        )
    if entry := _imported(tx, given):
        return NotFoundError(
            f"{no_run} any more: the import read it from {one_line(entry.path, _WIDTH)}, and "
            f"{_outcome(entry)}."
        )
    return NotFoundError(f"{no_run}. List runs: tandem-store runs list")


def _quarantined(tx: ReadTransaction, given: str) -> QuarantineItem | None:
    # A damaged file is found by the run id in its name, a damaged entry by its key.
    if not given:
        return None
    for item in sorted(tx.quarantine.list(include_discarded=True), key=_is_discarded):
        name = item.key or item.path.rpartition("/")[2].removesuffix(".json")
        if name.startswith(given) or without_prefix(name).startswith(given):
            return item
    return None


def _is_discarded(item: QuarantineItem) -> bool:
    return item.discarded


def _imported(tx: ReadTransaction, given: str) -> Entry | None:
    for prefix in ("", *PREFIXES):
        if origins := tx.ledger.origins(prefix + given):
            return origins[-1]
    return None


def _outcome(entry: Entry) -> str:
    if entry.outcome is None:
        return "that import was not finished"
    if entry.outcome in {CopyOutcome.IMPORTED, CopyOutcome.RECOVERED}:
        return "it was deleted since"
    reason = entry.reason.as_column() or "no reason"
    return f"the copy was {entry.outcome.replace('_', ' ')} ({reason})"


def quote(given: str) -> str:
    """Return an id as it was typed, for a message: in quotes, in one line, cut if it is long."""
    return repr(one_line(given, _WIDTH))
