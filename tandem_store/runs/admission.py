"""What may be written: the checks that every run passes on its way into the store."""

from __future__ import annotations

from tandem_store.errors import LegacyFormatError, TenantScopeError, UnstorableError
from tandem_store.legacy.verdict import read_run
from tandem_store.mapping import rows_of
from tandem_store.records import RunRecord, TenantScope
from tandem_store.runs.packed import PackedRun


def admitted(run: RunRecord, scope: TenantScope | None) -> PackedRun:
    """The run, ready to be stored for the tenant.

    Raises:
        UnstorableError: it is malformed, an open context run, or does not fit the columns.
        TenantScopeError: it belongs to another tenant.
    """
    legacy = run.to_legacy()
    try:
        # ``model_copy`` and ``model_construct`` check nothing, and what cannot be read back must
        # not be written: a tenth of a millisecond, well spent.
        checked = read_run(legacy)
    except LegacyFormatError as error:
        raise UnstorableError(
            f"The run {run.run_id!r} is not well-formed: {error}. Correct the field, then write it "
            "again.",
            reason="malformed",
        ) from error
    if checked.is_open_context_run:
        raise UnstorableError(
            f"The run {run.run_id!r} is a {checked.trigger_type} that has not ended; the engine "
            "never keeps such a run. Give it another trigger_type, or a terminal status.",
            reason="open_context_run",
        )
    if scope is not None and not scope.covers(checked.tenant_context):
        raise TenantScopeError(
            f"The run {run.run_id!r} belongs to another tenant than this store is for. Set its "
            "tenant_context, or use the store of its own tenant."
        )
    return PackedRun.of(rows_of(legacy))
