"""What may be written: the checks that every run passes on its way into the store."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final, NamedTuple

import orjson

from tandem_store.errors import LegacyFormatError, TenantScopeError, UnstorableError
from tandem_store.mapping import rows_of
from tandem_store.records import RunRecord, TenantScope
from tandem_store.records.reading import read_run
from tandem_store.records.run import meant
from tandem_store.runs.naming import named
from tandem_store.runs.storage import PackedRun

#: What goes wrong while a record is spelled out that ``model_copy`` or ``model_construct`` made of
#: anything at all.
_NO_RECORD: Final = (
    AttributeError,
    KeyError,
    LegacyFormatError,
    RecursionError,
    TypeError,
    ValueError,
)


class Admitted(NamedTuple):
    """A run that may be written: as it will be read back, and as its rows."""

    run: RunRecord
    packed: PackedRun


def admitted(run: RunRecord, scope: TenantScope | None) -> Admitted:
    """The run, ready to be stored for the tenant.

    Raises:
        TypeError: it is no run record.
        UnstorableError: it is malformed, an open context run, or does not fit the columns.
        TenantScopeError: it belongs to another tenant.
    """
    if not isinstance(run, RunRecord):
        raise TypeError(f"This is a {type(run).__name__}; make a RunRecord of it: model_validate.")
    legacy, checked = _checked(run)
    if checked.is_open_context_run:
        raise UnstorableError(
            f"The run {named(run.run_id)} is a {checked.trigger_type} that has not ended; the "
            "engine never keeps such a run. Give it another trigger_type, or a terminal status.",
            reason="open_context_run",
        )
    if scope is not None and not scope.covers(checked.tenant_context):
        raise TenantScopeError(
            f"The run {named(run.run_id)} belongs to another tenant than this store is for. Set "
            "its tenant_context, or use the store of its own tenant."
        )
    try:
        return Admitted(checked, PackedRun.of(rows_of(legacy)))
    except UnstorableError as error:
        raise UnstorableError(
            f"The run {named(run.run_id)} does not fit: {error}. Correct the field, then write it "
            "again.",
            reason=error.reason,
        ) from error


def _checked(run: RunRecord) -> tuple[dict[str, Any], RunRecord]:
    """The record spelled out, and what will be read back of it.

    ``model_copy`` and ``model_construct`` check nothing, and what cannot be read back must not be
    written: two tenths of a millisecond, well spent.
    """
    try:
        legacy = run.to_legacy()
        orjson.dumps(legacy)  # refuses lone surrogates, which a column would escape
        return legacy, read_run(legacy)
    except _NO_RECORD as error:
        raise UnstorableError(
            f"The run {named(str(getattr(run, 'run_id', '')))} is not well-formed: {error}. "
            "Correct the field, then write it again.",
            reason="malformed",
        ) from error


def unknown_fields(run: RunRecord) -> frozenset[str]:
    """The fields of the record itself that this version does not know."""
    return frozenset(run.model_extra or ())


def refuse_new_fields(run: RunRecord, before: Collection[str]) -> None:
    """Raise ``UnstorableError`` if a record has unknown fields that are not among those before.

    They are mistyped names nearly always, which ``model_copy`` takes without a word.
    """
    for name in sorted(unknown_fields(run).difference(before)):
        raise UnstorableError(
            f"The run {named(run.run_id)} would get a field {named(name)} that no run has."
            f"{meant(name)} Change runs with run.changed(...); to store the field all the same, "
            "pass allow_unknown=True.",
            reason="unknown_field",
        )
