"""The ids of runs: as short as they are still told apart, and found again by how they begin."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from tandem_store import NotFoundError, ReadTransaction
from tandem_store.cli.exits import Refusal
from tandem_store.cli.views.text import one_line
from tandem_store.ledger import CopyOutcome, Entry
from tandem_store.quarantine import QuarantineItem
from tandem_store.runs.id_search import PREFIXES

#: How many of the runs that are meant perhaps are named.
NAMED: Final = 10

_SHORTEST: Final = 8
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_WIDTH: Final = 160


def shortened(run_ids: Iterable[str]) -> dict[str, str]:
    """Each id as short as it can be among these: a UUID cut, and without the engine's prefix.

    What is no UUID of the engine stays whole.
    """
    tails = {run_id: _tail(run_id) for run_id in run_ids}
    uuids = {tail for tail in tails.values() if _UUID.fullmatch(tail)}
    length = _SHORTEST
    while len({uuid[:length] for uuid in uuids}) < len(uuids):
        length += 1
    return {run_id: tail[:length] if tail in uuids else run_id for run_id, tail in tails.items()}


def resolved(tx: ReadTransaction, given: str) -> str:
    """The id of the run that is meant: this id, else the only one that begins so.

    Raises:
        NotFoundError: there is none; it says where else the id is known.
        Refusal: there are several; it names them.
    """
    if tx.runs.exists(given):
        return given
    found = tx.runs.find_ids(given, limit=NAMED + 1)
    if len(found) == 1:
        return found[0]
    raise _ambiguous(given, found) if found else _unknown(tx, given)


def _tail(run_id: str) -> str:
    for prefix in PREFIXES:
        if run_id.startswith(prefix):
            return run_id.removeprefix(prefix)
    return run_id


def _ambiguous(given: str, found: tuple[str, ...]) -> Refusal:
    lines = [f"  {one_line(run_id, _WIDTH)}" for run_id in found[:NAMED]]
    more = ["  ... and more"] if len(found) > NAMED else []
    return Refusal(
        "\n".join([f"Several runs begin with {_named(given)}. Type more of it:", *lines, *more]),
        lines=True,
    )


def _unknown(tx: ReadTransaction, given: str) -> NotFoundError:
    none = f"There is no run {_named(given)}"
    if item := _quarantined(tx, given):
        fate = (
            "was discarded from quarantine, where it was"
            if item.discarded
            else "is in quarantine as"
        )
        return NotFoundError(
            f"{none}: it {fate} item {item.id}. See it: tandem-store quarantine show {item.id}"
        )
    if entry := _read(tx, given):
        return NotFoundError(
            f"{none} any more: the import read it from {one_line(entry.path, _WIDTH)}, and "
            f"{_fate(entry)}."
        )
    return NotFoundError(f"{none}. See which there are: tandem-store runs list")


def _quarantined(tx: ReadTransaction, given: str) -> QuarantineItem | None:
    # A damaged file names its run by its own name, a damaged entry by its key.
    if not given:
        return None
    for item in sorted(tx.quarantine.list(include_discarded=True), key=_is_discarded):
        name = item.key or item.path.rpartition("/")[2].removesuffix(".json")
        if name.startswith(given) or _tail(name).startswith(given):
            return item
    return None


def _is_discarded(item: QuarantineItem) -> bool:
    return item.discarded


def _read(tx: ReadTransaction, given: str) -> Entry | None:
    for prefix in ("", *PREFIXES):
        if origins := tx.ledger.origins(prefix + given):
            return origins[-1]
    return None


def _fate(entry: Entry) -> str:
    if entry.outcome is None:
        return "that import was not finished"
    if entry.outcome in {CopyOutcome.IMPORTED, CopyOutcome.RECOVERED}:
        return "it was deleted since"
    reason = entry.reason.as_column() or "no reason"
    return f"the copy was {entry.outcome.replace('_', ' ')} ({reason})"


def _named(given: str) -> str:
    return repr(one_line(given, _WIDTH))
