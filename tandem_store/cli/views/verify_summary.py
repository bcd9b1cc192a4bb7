"""The result of a verification, for someone who is about to delete the source."""

from __future__ import annotations

import shlex
from collections import Counter
from pathlib import Path
from typing import Final

from tandem_store.cli import output
from tandem_store.cli.terminal import printable
from tandem_store.cli.views.item_lists import show_item, show_list, show_name, show_skipped
from tandem_store.cli.views.values import number, one_line
from tandem_store.verify import Cause, Difference, ReasonToKeep, Verdict, VerifyReport

_VERDICTS: Final = {
    Verdict.SUPERSEDED: "superseded",
    Verdict.SKIPPED: "skipped",
    Verdict.NEWER_IN_STORE: "newer in the store",
    Verdict.QUARANTINED: "in quarantine",
    Verdict.ONLY_IN_SOURCE: "in quarantine but only the source has the bytes",
    Verdict.DISCARDED: "discarded from quarantine",
    Verdict.DETACHED: "left with their months",
    Verdict.FORGOTTEN: "with forgotten content",
}
#: For each cause: the sentence for one, the sentence for many, and what to do about it.
_REASONS: Final = {
    Cause.NOT_IMPORTED: ("it was never imported into this store", "", "{import_}"),
    Cause.DIFFERENT: (
        "1 difference",
        "{count} differences",
        "see above; {import_} takes what is new or has changed, but not what was deleted",
    ),
    Cause.NO_COPY: ("not a single copy of a run was found in it", "", "is its disk mounted?"),
    Cause.NOT_READ: (
        "1 file or folder was not read, and nobody knows what is in it",
        "{count} files or folders were not read, and nobody knows what is in them",
        "see above",
    ),
    Cause.GONE: (
        "1 file that was imported is not there any more",
        "{count} files that were imported are not there any more",
        "unless you removed them: is their disk mounted?",
    ),
    Cause.IMPORT_INTERRUPTED: ("its import was interrupted", "", "{import_}"),
    Cause.NEWER_IN_ENGINE_DB: (
        "1 run is newer in the engine's own database, or only there",
        "{count} runs are newer in the engine's own database, or only there",
        "let the engine write them to its files, then {import_}",
    ),
    Cause.NOT_COMPARED: (
        "1 copy was not compared, because its run was detached or dropped with its month, or its "
        "content was forgotten",
        "{count} copies were not compared, because their runs were detached or dropped with their "
        "month, or their content was forgotten",
        "tandem-store months list",
    ),
    Cause.ONLY_IN_SOURCE: (
        "1 quarantined copy is too large for the store, and its bytes are nowhere else",
        "{count} quarantined copies are too large for the store, and their bytes are nowhere else",
        "tandem-store quarantine list",
    ),
    Cause.QUARANTINED: (
        "1 copy waits in quarantine for your decision",
        "{count} copies wait in quarantine for your decision",
        "tandem-store quarantine list",
    ),
    Cause.NO_BACKUP: (
        "no backup made since the last import was found",
        "",
        "tandem-store backup FILE",
    ),
}


def show(report: VerifyReport, state: Path) -> None:
    """Print counts, the first 20 of each list, and whether the source may be deleted."""
    of_runs = sum(one.automation_id is None for one in report.differences)
    output.print_message(_counted("copies", report.copies, of_runs))
    if report.definitions or of_runs < len(report.differences):
        different = len(report.differences) - of_runs
        output.print_message(_counted("definitions", report.definitions, different))
    if not report.was_imported and report.differences:
        output.print_message(f"Nothing in {report.root} was ever imported into this store.")
    else:
        show_list("Different", report.differences, _show_difference)
    show_list("Not read", report.not_read, show_skipped)
    show_list("Gone from the source since the import", report.gone, show_name)
    show_list("Newer in the engine's own database", report.newer_in_engine_db, show_name)
    output.print_message()
    output.print_message(printable(_conclusion(report, state)))


def _counted(what: str, counts: Counter[Verdict], different: int) -> str:
    parts = [f"{number(counts[Verdict.SAME])} same"]
    parts += [f"{number(counts[one])} {text}" for one, text in _VERDICTS.items() if counts[one]]
    parts.append(f"{number(different)} different")
    return f"{number(counts.total() + different)} {what} checked: {', '.join(parts)}."


def _show_difference(one: Difference) -> None:
    name = one.run_id if one.automation_id is None else one.automation_id
    show_item(f"  {one_line(name) or '-'}", one.path, one.what, style="yellow")


def _conclusion(report: VerifyReport, state: Path) -> str:
    """Return whether the source may be deleted, or the reasons against it by importance."""
    reasons = report.reasons
    if not report.was_imported and report.differences:
        # All the differences have this one cause.
        reasons = [one for one in reasons if one.cause is not Cause.DIFFERENT]
    if not reasons:
        return (
            "The source may be deleted: all its runs and definitions are in the store, and in "
            f"its backup {report.backup}.{_lost(report)}"
        )
    because = "; ".join(_sentence(one, state) for one in reasons)
    if [one.cause for one in reasons] == [Cause.NO_BACKUP]:
        return f"The source may be deleted once a backup is made: {because}.{_lost(report)}"
    return f"Keep the source: {because}."


def _sentence(reason: ReasonToKeep, state: Path) -> str:
    one, many, advice = _REASONS[reason.cause]
    text = one if reason.count == 1 else many.format(count=number(reason.count))
    import_ = shlex.join(["tandem-store", "import", str(state)])
    return f"{text} ({advice.format(import_=import_)})"


def _lost(report: VerifyReport) -> str:
    """Return what would be deleted with the source, because the store has only its digest."""
    names = {
        Verdict.SUPERSEDED: "superseded",
        Verdict.SKIPPED: "skipped",
        Verdict.DISCARDED: "discarded",
    }
    counts = [(report.copies[verdict], name) for verdict, name in names.items()]
    parts = [f"{number(count)} {name}" for count, name in counts if count]
    total = sum(count for count, _ in counts)
    if not total:
        return ""
    what, digests = ("copy", "digest") if total == 1 else ("copies", "digests")
    lost = f"{' and '.join(parts)} {what}"
    return f" That also deletes {lost}, of which the store has only the {digests}."
