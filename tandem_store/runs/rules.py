"""What may be written, and how a run changes: the checks and rules on the way into the store."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

import orjson

from tandem_store import records
from tandem_store.errors import LegacyFormatError, TenantScopeError, UnstorableError, quote_id
from tandem_store.mapping import LiftedSnapshot, RunRows, rows_of
from tandem_store.month import LAST_MILLISECOND
from tandem_store.records import TERMINAL_STATUSES, RunStatus, TenantScope
from tandem_store.runs.documents import ReadRun

if TYPE_CHECKING:
    from tandem_store.records import RunRecord

#: What a caller wants of an update: the changed run, made from the stored one.
Change: TypeAlias = "Callable[[RunRecord], RunRecord]"

#: In order, not hashed: ``model_copy`` takes any value for a status, which is refused later.
_TERMINAL: Final = tuple(TERMINAL_STATUSES)

#: What ``to_legacy`` and ``read_run`` raise for a record that ``model_copy`` or ``model_construct``
#: made of unchecked values.
_MALFORMED: Final = (
    AttributeError,
    KeyError,
    LegacyFormatError,
    RecursionError,
    TypeError,
    ValueError,
)


class Admitted(NamedTuple):
    """A run that may be written: as it will be read again, and as its rows."""

    run: RunRecord
    rows: RunRows


def admitted(run: RunRecord, scope: TenantScope | None, before: ReadRun | None = None) -> Admitted:
    """Check a run and return it ready to be stored for the tenant.

    ``before`` is the stored run that it was made from: what is the same in both was checked when
    that was read.

    Raises:
        TypeError: it is not a ``RunRecord``.
        UnstorableError: it is malformed, an open context run, or does not fit the columns.
        TenantScopeError: it belongs to another tenant.
    """
    if not isinstance(run, records.RunRecord):
        raise TypeError(f"This is a {type(run).__name__}; make a RunRecord of it: model_validate.")
    legacy, checked = _checked(run, before)
    if checked.is_open_context_run:
        raise UnstorableError(
            f"The run {quote_id(run.run_id)} is a {checked.trigger_type} that has not ended; the "
            "engine never keeps such a run. Give it another trigger_type, or a terminal status.",
            reason="open_context_run",
        )
    if scope is not None and not scope.covers(checked.tenant_context):
        raise TenantScopeError(
            f"The run {quote_id(run.run_id)} belongs to another tenant than this store is for. Set "
            "its tenant_context, or use the store of its own tenant."
        )
    try:
        return Admitted(checked, rows_of(legacy, _lifted(legacy, before)))
    except UnstorableError as error:
        raise UnstorableError(
            f"The run {quote_id(run.run_id)} does not fit: {error}. Correct the field, then write "
            "it again.",
            reason=error.reason,
        ) from error


def _checked(run: RunRecord, before: ReadRun | None) -> tuple[dict[str, Any], RunRecord]:
    """Return the record's legacy form, and the record as it will be read again.

    ``model_copy`` and ``model_construct`` check nothing, and a record that cannot be read must not
    be written. That is worth two tenths of a millisecond, less for what was checked before.
    """
    # Here, because whoever only reads lists needs no models, which take long to import.
    from tandem_store.records.reading import read_run
    from tandem_store.records.sharing import spelled_anew

    try:
        if before is None:
            legacy = known = run.to_legacy()
        else:
            legacy, known = spelled_anew(run, before.run, before.source.record)
        orjson.dumps(legacy)  # refuses lone surrogates, which a column would escape
        return legacy, read_run(known)
    except _MALFORMED as error:
        raise UnstorableError(
            f"The run {quote_id(str(getattr(run, 'run_id', '')))} is not well-formed: {error}. "
            "Correct the field, then write it again.",
            reason="malformed",
        ) from error


def _lifted(legacy: dict[str, Any], before: ReadRun | None) -> LiftedSnapshot | None:
    """Return the snapshot as it is stored already, or None if it is another than before."""
    if before is None:
        return None
    snapshot, stored = (one.get("automation_snapshot") for one in (legacy, before.source.record))
    return before.source.lifted if snapshot is not None and snapshot is stored else None


def unknown_fields(run: RunRecord) -> frozenset[str]:
    """Return the record's own fields that this version does not know."""
    return frozenset(run.model_extra or ())


def refuse_new_fields(run: RunRecord, before: Collection[str]) -> None:
    """Raise ``UnstorableError`` if a record has unknown fields that are not among those before.

    Nearly always they are mistyped names, which ``model_copy`` accepts.
    """
    from tandem_store.records.run import meant

    for name in sorted(unknown_fields(run).difference(before)):
        raise UnstorableError(
            f"The run {quote_id(run.run_id)} would get a field {quote_id(name)} that no run has."
            f"{meant(name)} Change runs with run.changed(...); to store the field all the same, "
            "pass allow_unknown=True.",
            reason="unknown_field",
        )


def changed(before: RunRecord, change: Change, *, now_ms: int) -> RunRecord:
    """Return the run after ``change`` and what follows from it, at ``now_ms`` (milliseconds UTC).

    ``updated_at_ms`` grows, by one if the clock is behind it, up to the end of the year 9999. A run
    that is not queued has no ``scheduler``. One that ended has a ``finished_at_ms``, which it keeps
    if it goes on again.

    Raises ``ValueError`` if ``change`` returns something else than a run, or one with another id.
    """
    after = change(before)
    if not isinstance(after, records.RunRecord) or after.run_id != before.run_id:
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
