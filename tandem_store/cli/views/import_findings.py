"""What of an import is not plain: named, explained, and never more than a screen of a kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tandem_store.cli import output
from tandem_store.cli.views.locations import SHOWN, put_capped, put_name, put_place, put_record
from tandem_store.cli.views.text import counted, moment, number, one_line

Json = Mapping[str, Any]


def put(report: Json) -> None:
    """Each kind of finding that there is."""
    put_capped("In quarantine", report["quarantined"], _put_quarantined)
    put_capped("Files that end too early", report.get("truncated", ()), _put_truncated)
    _put_future(report)
    put_capped("Runs of which only a stub was left", report["stubs"], put_name)
    put_capped("Runs with a part that could not be restored", report["partial"], put_name)
    put_capped("Newer in the engine's own database", report["newer_in_engine_db"], put_name)
    put_capped("Skipped, because it cannot hold runs", report["skipped_files"], put_place)
    put_capped("NOT READ", report["not_read"], put_place)


def _put_quarantined(item: Json) -> None:
    heading = f"  {item['id']}  {item['reason']}"
    put_record(heading, item["path"], item["message"], key=item["key"], style="yellow")


def _put_truncated(item: Json) -> None:
    saved, partial = item["saved"], item["partial"]
    cut_off = f"{partial} {'is' if partial == 1 else 'are'} cut off, and " if partial else ""
    output.put_paragraph(
        one_line(
            f"{item['path']} ends too early: {counted(saved, 'run')} "
            f"{'was' if saved == 1 else 'were'} saved, {cut_off}an unknown number behind it is "
            "lost. Look for another copy of the file."
        )
    )


def _put_future(report: Json) -> None:
    runs = report.get("future", ())
    count = report.get("future_count", len(runs))
    if not count:
        return
    output.put()
    output.put(f"Warning: {counted(count, 'run')} with a time in the future; a clock was wrong:")
    for run in runs[:SHOWN]:
        put_name(run["run_id"])
        output.put_content(f"    {moment(run['at_ms'])}, in the month {run['month']}")
    if left := count - len(runs[:SHOWN]):
        output.put(f"  ... and {number(left)} more; --json names up to 1,000.")
