"""The whole store as text: equal stores give equal bytes.

Left out is what depends on how the store came to be: made-up row ids, the ledger of imports, and
the times at which months were made.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

from sqlalchemy import select

from tandem_store.jsontext import canonical
from tandem_store.mapping.digests import COVERED
from tandem_store.runs import StoredRun
from tandem_store.store import ReadTransaction, open_store
from tandem_store.tables import quarantine, stored_table


def dump_lines(url: str) -> Iterator[bytes]:
    """Yield the store as JSON Lines without line ends: by kind, then by id, keys sorted. Read-only.

    Raises ``RecordTooNewError`` when it comes to a record that a newer version wrote, and
    ``NotAStoreError`` when it comes to a damaged one.
    """
    with open_store(url) as store, store.read() as tx:
        yield from lines_of(tx)


def lines_of(tx: ReadTransaction) -> Iterator[bytes]:
    """Return the lines of ``dump_lines``, for a store that is open already."""
    lines = chain(
        _automations(tx), _claims(tx), _holds(tx), _months(tx), _quarantine(tx), _runs(tx)
    )
    return map(canonical, lines)


def _automations(tx: ReadTransaction) -> Iterator[dict[str, Any]]:
    for definition in tx.automations.iterate():
        yield {
            "kind": "automation",
            "automation_id": definition.automation_id,
            "record": definition.to_legacy(),
        }


def _claims(tx: ReadTransaction) -> Iterator[dict[str, Any]]:
    for claim in tx.runs.claims():
        yield {
            "kind": "claim",
            "run_id": claim.run_id,
            "worker": claim.worker,
            "epoch": claim.epoch,
            "expires_at_ms": claim.expires_at_ms,
        }


def _holds(tx: ReadTransaction) -> Iterator[dict[str, Any]]:
    for hold in sorted(tx.holds.list(), key=lambda hold: (hold.kind, hold.name)):
        yield {"kind": "hold", "held": hold.kind, "name": hold.name, "why": hold.why}


def _months(tx: ReadTransaction) -> Iterator[dict[str, Any]]:
    # Tables that were made ahead hold nothing, and say nothing about what the store holds.
    for month in tx.months.in_use():
        yield {"kind": "month", "month": month.month.label, "state": month.state}


def _quarantine(tx: ReadTransaction) -> Iterator[dict[str, Any]]:
    items = tx.quarantine.list(include_discarded=True)
    # A file name that is not UTF-8 has no form in JSON but the column's.
    stored = stored_table(quarantine)
    paths = {row.id: row.path for row in tx.connection.execute(select(stored.c.id, stored.c.path))}
    for item in sorted(items, key=lambda item: (item.digest, item.path, item.start or 0)):
        yield {
            "kind": "quarantine",
            "digest": item.digest.hex(),
            "path": paths[item.id],
            "start": item.start,
            "reason": item.reason,
            "size": item.size,
            "discarded": item.discarded,
        }


def _runs(tx: ReadTransaction) -> Iterator[dict[str, Any]]:
    for stored in tx.runs.documents_by_id():
        yield {
            "kind": "run",
            "run_id": stored.run_id,
            "revision": stored.revision,
            "month": stored.month.label,
            "schema_version": stored.schema_version,
            "record": None if stored.is_forgotten else stored.record().to_legacy(),
            **({"forgotten": _rest(stored)} if stored.is_forgotten else {}),
        }


def _rest(stored: StoredRun) -> dict[str, Any]:
    """Return what is left of a run whose content was forgotten."""
    return {name: stored.columns[name] for name in COVERED if name not in {"run_id", "month"}}
