"""The exit codes, and which of them each report ends with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tandem_store.archiving import RetentionStep
    from tandem_store.copying import CopyReport
    from tandem_store.doctor import Report
    from tandem_store.exporter import LegacyExportReport
    from tandem_store.importer import ImportReport, RetryReport
    from tandem_store.recompression import CompactReport
    from tandem_store.verify import VerifyReport

DONE: Final = 0
FAILED: Final = 1
USAGE: Final = 2
INCOMPLETE: Final = 3
DIFFERENT: Final = 4
SCHEMA: Final = 5
LOCKED: Final = 6
INTERRUPTED: Final = 130

#: The codes of the causes that do not simply leave the verification incomplete. A source that is in
#: the store passes, even if the store has no backup yet.
_CAUSES: Final = {"not_imported": DIFFERENT, "different": DIFFERENT, "no_backup": DONE}


def of_import(report: ImportReport) -> int:
    """Return ``INCOMPLETE`` if something is in quarantine or was not read, else ``DONE``.

    Runs that are newer in the engine's database were not read either.
    """
    is_incomplete = report.quarantined or report.not_read or report.newer_in_engine_db
    return INCOMPLETE if is_incomplete else DONE


def of_retry(report: RetryReport) -> int:
    """Return ``INCOMPLETE`` if an item stays in quarantine or had been discarded, else ``DONE``."""
    return DONE if all(item.resolved for item in report.items) else INCOMPLETE


def of_verification(report: VerifyReport) -> int:
    """Return the code of the most serious reason to keep the source, ``DONE`` without a reason."""
    codes = (_CAUSES.get(reason.cause.value, INCOMPLETE) for reason in report.reasons)
    return max(codes, default=DONE)


def of_copy(report: CopyReport) -> int:
    """Return ``DIFFERENT`` if the target differs from its source, else ``DONE``."""
    return DIFFERENT if report.differences else DONE


def of_compacting(report: CompactReport) -> int:
    """Return ``FAILED`` if damaged documents were left as they are, else ``DONE``."""
    return FAILED if report.damaged else DONE


def of_legacy_export(report: LegacyExportReport) -> int:
    """Return ``INCOMPLETE`` if the engine cannot read or save some runs, or does not get them."""
    return INCOMPLETE if report.limited or report.forgotten or report.detached else DONE


def of_retention(blocked: Sequence[RetentionStep]) -> int:
    """Return ``INCOMPLETE`` if months stay that should have left, else ``DONE``."""
    return INCOMPLETE if blocked else DONE


def of_finding(found: int, *, fail_if_any: bool) -> int:
    """Return ``INCOMPLETE`` if something was found that should not be there, else ``DONE``."""
    return INCOMPLETE if fail_if_any and found else DONE


def of_examination(report: Report) -> int:
    """Return ``FAILED`` if something must be done, else ``DONE``."""
    return DONE if report.ok else FAILED
