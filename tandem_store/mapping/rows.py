"""A run's record taken apart into rows, and put together again.

One fact, one place: a field that is a column is cut from the document. There are two exceptions.
The sign of a negative zero cost, which SQLite's REAL columns drop, stays in the document too; and
the columns of ``mapping.facts`` repeat what the document says, so no record is read from them.

Beside the record a document holds a digest of the columns, so that halves that do not belong
together are noticed; documents written before there was one are read without.

Documents are read and written by orjson itself: the limits of the legacy reader (depth, ``-0``) are
not theirs, and a record at the very limit gains one level here.
"""

from __future__ import annotations

import math
from typing import Any, Final, NamedTuple

import orjson

from tandem_store.database.damaged_rows import DAMAGE, damaged_run
from tandem_store.errors import NotAStoreError, UnstorableError
from tandem_store.mapping.compression import compress_run
from tandem_store.mapping.digests import columns_digest
from tandem_store.mapping.facts import LARGEST_BIGINT, facts_of
from tandem_store.mapping.limits import refuse_long_texts
from tandem_store.mapping.overlay import lay
from tandem_store.mapping.snapshot import LiftedSnapshot, Snapshot
from tandem_store.month import LAST_MILLISECOND, Month

#: What this version writes as the version of a run: 2 since the columns of ``mapping.facts``.
STORED_VERSION: Final = 2
_IDS: Final = ("run_id", "automation_id")
_TENANT_IDS: Final = ("org_id", "workspace_id", "deployment_id")
_TEXTS: Final = ("trigger_type", "status", "stop_kind", "detail")
_TIMES: Final = ("created_at_ms", "updated_at_ms", "started_at_ms", "finished_at_ms")
_TOKENS: Final = ("prompt_tokens", "completion_tokens", "total_tokens")
_COST: Final = "estimated_cost_usd"
#: Fields that the rest of the record is stored without.
_ELSEWHERE: Final = frozenset(
    (*_IDS, *_TEXTS, *_TIMES, *_TOKENS, _COST, "tenant_context", "automation_snapshot")
)
#: The tenant of records that name none.
_LOCAL: Final = {"org_id": "local", "workspace_id": "local"}

#: Keys of the document that are ours, not the record's.
_OVERLAY: Final = "snapshot_overlay"
_RECORD: Final = "record"
_DIGEST: Final = "columns_digest"
_KEYS: Final = frozenset((_RECORD, _OVERLAY, _DIGEST))


def readable(document: bytes) -> bytes:
    """Return the JSON of a stored document as people read it: of a run's document, only the record.

    Raises ``ValueError`` if it is not JSON.
    """
    value = orjson.loads(document)
    if isinstance(value, dict) and value.keys() <= _KEYS and isinstance(value.get(_RECORD), dict):
        return orjson.dumps(value[_RECORD])
    return document


class RunRows(NamedTuple):
    """What one run is stored as.

    ``columns`` are those of ``runs`` that follow from the record; revision, claim and the
    snapshot's row id are the repository's. ``document`` is compressed.
    """

    columns: dict[str, Any]
    document: bytes
    snapshot: Snapshot | None

    @property
    def month(self) -> Month:
        """The month that the document belongs to."""
        month: Month = self.columns["month"]
        return month


class ReadRecord(NamedTuple):
    """A legacy record as it was read, and its snapshot, shared part and overlay apart."""

    record: dict[str, Any]
    lifted: LiftedSnapshot


def rows_of(record: dict[str, Any], lifted: LiftedSnapshot | None = None) -> RunRows:
    """Take a well-formed legacy record apart; changes no input.

    ``lifted`` is the record's snapshot, if the caller has it already.

    Raises ``UnstorableError`` if ``columns_of`` does, and for documents of more than 256 MiB.
    """
    columns = columns_of(record)
    lifted = lifted or LiftedSnapshot.of(record)
    digest = columns_digest(columns, None if lifted.shared is None else lifted.shared.digest)
    document = _document(_rest_of(record, columns[_COST]), lifted.overlay, digest)
    return RunRows(columns, compress_run(document), lifted.shared)


def columns_of(record: dict[str, Any]) -> dict[str, Any]:
    """Return the columns of ``runs`` that follow from a well-formed legacy record.

    Raises ``UnstorableError`` for ids and triggers that are too long (``mapping.limits``), times
    after 9999-12-31 and counters beyond 2**63 - 1.
    """
    get = record.get
    tenant = get("tenant_context") or _LOCAL
    checkpoint = record["checkpoint"]
    failure = checkpoint.get("last_failure") or {}
    # Spelled out, because an import makes one for every copy that it reads.
    columns = {
        "run_id": record["run_id"],
        "automation_id": record["automation_id"],
        "org_id": tenant.get("org_id"),
        "workspace_id": tenant.get("workspace_id"),
        "deployment_id": tenant.get("deployment_id"),
        "trigger_type": get("trigger_type"),
        "status": get("status"),
        "stop_kind": get("stop_kind"),
        "detail": get("detail"),
        "created_at_ms": get("created_at_ms"),
        "updated_at_ms": get("updated_at_ms"),
        "started_at_ms": get("started_at_ms"),
        "finished_at_ms": get("finished_at_ms"),
        "prompt_tokens": get("prompt_tokens", 0),
        "completion_tokens": get("completion_tokens", 0),
        "total_tokens": get("total_tokens", 0),
        "estimated_cost_usd": float(get("estimated_cost_usd", 0.0)),
        "completed_nodes": len(checkpoint.get("completed_nodes", ())),
        "pending_nodes": len(checkpoint.get("pending_nodes", ())),
        "blocked_nodes": len(checkpoint.get("blocked_nodes", ())),
        "failed_node": failure.get("node_id"),
        "failure_reason": failure.get("reason"),
        **facts_of(record),
    }
    refuse_long_texts(columns)
    _refuse_out_of_range(columns)
    columns["month"] = Month.of_ms(max(columns["created_at_ms"], columns["updated_at_ms"]))
    return columns


def record_of(columns: dict[str, Any], document: bytes, snapshot: bytes | None) -> dict[str, Any]:
    """Return the legacy record again. Arguments and errors are those of ``read_record``."""
    return read_record(columns, document, snapshot).record


def read_record(columns: dict[str, Any], document: bytes, snapshot: bytes | None) -> ReadRecord:
    """Return the legacy record again, from the columns of ``runs`` and the two documents.

    ``columns`` has the digest that the snapshot is stored under as ``snapshot_digest``, if it comes
    from a database.

    Raises ``NotAStoreError`` if they do not belong together or are damaged.
    """
    try:
        stored = orjson.loads(document)
        shared = _shared(columns, snapshot)
        digest = columns.get("snapshot_digest") if shared is None else shared.digest
        _refuse_other_halves(columns, stored.get(_DIGEST), digest)
        lifted = LiftedSnapshot(shared, stored.get(_OVERLAY, {}))
        return ReadRecord(_together(columns, stored, lifted), lifted)
    except DAMAGE as error:
        raise _damaged(columns, f"cannot be read: {error}") from error


def _shared(columns: dict[str, Any], snapshot: bytes | None) -> Snapshot | None:
    """Return the snapshot of a run; raises if it is not the one that the run has."""
    if snapshot is None:
        return None
    shared = Snapshot.of(snapshot)
    if columns.get("snapshot_digest") not in (None, shared.digest):
        raise _damaged(columns, "has a snapshot that is not the one it is stored as")
    return shared


def _refuse_other_halves(
    columns: dict[str, Any], written: str | None, snapshot: bytes | None
) -> None:
    """Raise if the document was not written with these columns and the snapshot of this digest."""
    if written is not None and written != columns_digest(columns, snapshot):
        raise _damaged(columns, "has columns and a document that do not agree")


def _damaged(columns: dict[str, Any], how: str) -> NotAStoreError:
    return damaged_run(columns.get("run_id"), columns.get("month"), how)


def _together(
    columns: dict[str, Any], stored: dict[str, Any], lifted: LiftedSnapshot
) -> dict[str, Any]:
    record: dict[str, Any] = {name: columns[name] for name in _IDS}
    record["tenant_context"] = {
        name: columns[name] for name in _TENANT_IDS if columns[name] is not None
    }
    for name in _TEXTS:
        if columns[name] is not None:
            record[name] = columns[name]
    record |= {name: columns[name] for name in _TIMES if columns[name] is not None}
    record |= {name: columns[name] for name in (*_TOKENS, _COST)}
    rest = stored[_RECORD]
    record["tenant_context"] |= rest.pop("tenant_context", {})
    record |= rest
    if lifted.shared is not None:
        core = orjson.loads(lifted.shared.document)
        record["automation_snapshot"] = lay(core, lifted.overlay)
    return record


def _document(rest: dict[str, Any], overlay: dict[str, Any], digest: str) -> bytes:
    document: dict[str, Any] = {_RECORD: rest}
    if overlay:
        document[_OVERLAY] = overlay
    document[_DIGEST] = digest
    return orjson.dumps(document)


def _rest_of(record: dict[str, Any], cost: float) -> dict[str, Any]:
    """Return the parts of a record that neither a column nor the snapshot holds.

    ``cost`` is what the column holds.
    """
    rest = {key: value for key, value in record.items() if key not in _ELSEWHERE}
    if cost == 0 and math.copysign(1, cost) < 0:
        rest[_COST] = cost
    tenant = record.get("tenant_context") or {}
    if others := {key: value for key, value in tenant.items() if key not in _TENANT_IDS}:
        rest["tenant_context"] = others
    return rest


def _refuse_out_of_range(columns: dict[str, Any]) -> None:
    for name in _TIMES:
        if (columns[name] or 0) > LAST_MILLISECOND:
            raise UnstorableError(
                f"{name} {columns[name]} lies after 9999-12-31", reason="out_of_range"
            )
    for name in _TOKENS:
        if columns[name] > LARGEST_BIGINT:
            raise UnstorableError(
                f"{name} {columns[name]} is beyond 2^63 - 1", reason="out_of_range"
            )
