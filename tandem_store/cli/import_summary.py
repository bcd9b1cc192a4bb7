"""What an import did, as the person checks it who is about to trust it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tandem_store import engine
from tandem_store.cli import output
from tandem_store.cli.text import number, one_line, size

#: In the order of a table's columns.
OUTCOMES: Final = (
    "imported",
    "recovered",
    "restored_from",
    "superseded",
    "unchanged",
    "skipped",
    "quarantined",
)
_HEADINGS: Final = tuple(outcome.upper().replace("_", " ") for outcome in OUTCOMES)

Json = Mapping[str, Any]


def put(report: Json, url: str, state: Path) -> None:
    """Sources and months with read = sum of the outcomes, all that is not plain, and what next."""
    if report["dry_run"]:
        output.put("Dry run: nothing was written.")
    _put_sources(report)
    _put_months(report["by_month"])
    _put_places("In quarantine", report["quarantined"], ("path", "key", "reason", "message"))
    _put_places("Not read", report["not_read"], ("path", "reason"))
    _put_places("Skipped files", report["skipped_files"], ("path", "reason"))
    _put_names("Runs of which only a stub was left", report["stubs"])
    _put_names("Runs with a part that could not be restored", report["partial"])
    _put_names("Newer in the engine's own database", report["newer_in_engine_db"])
    _put_end(report, url, state)


def _shown(url: str) -> str:
    # As it was typed, but for a server's password.
    target = engine.database_url(url)
    return url if engine.sqlite_path(target) else str(target)


def _put_sources(report: Json) -> None:
    rows = [
        (
            source["source"],
            number(source["files"]),
            size(source["bytes"]),
            *_counted(source["copies"], source["outcomes"]),
        )
        for source in report["sources"]
    ]
    files = sum(source["files"] for source in report["sources"])
    read = sum(source["bytes"] for source in report["sources"])
    rows.append(
        ("total", number(files), size(read), *_counted(report["copies"], report["outcomes"]))
    )
    headings = ("SOURCE", "FILES", "SIZE", "COPIES", *_HEADINGS)
    output.put_table(headings, rows, right="l" + "r" * (len(headings) - 1))


def _put_months(by_month: Mapping[str, Mapping[str, int]]) -> None:
    if not by_month:
        return
    rows = [
        (month, *_counted(sum(outcomes.values()), outcomes))
        for month, outcomes in sorted(by_month.items())
    ]
    output.put()
    output.put_table(("MONTH", "COPIES", *_HEADINGS), rows, right="l" + "r" * 8)


def _counted(copies: int, outcomes: Mapping[str, int]) -> tuple[str, ...]:
    return (number(copies), *(number(outcomes.get(outcome, 0)) for outcome in OUTCOMES))


def _put_places(title: str, items: Sequence[Json], fields: Sequence[str]) -> None:
    if not items:
        return
    output.put()
    output.put(f"{title}: {number(len(items))}")
    rows = [[one_line(str(item.get(field) or "-"), 160) for field in fields] for item in items]
    output.put_table([field.upper() for field in fields], rows)


def _put_names(title: str, names: Sequence[str]) -> None:
    if not names:
        return
    output.put()
    output.put(f"{title}: {number(len(names))}")
    for name in names:
        output.put(f"  {one_line(name, 160)}")


def _put_end(report: Json, url: str, state: Path) -> None:
    output.put()
    total, outcomes = report["copies"], report["outcomes"]
    parts = " + ".join(f"{number(outcomes[name])} {name}" for name in OUTCOMES if outcomes[name])
    output.put(f"Read {number(total)} copies = {parts or '0'}.")
    holds = "would hold" if report["dry_run"] else "now holds"
    output.put(
        f"The store {holds} {number(report['runs'])} runs in {number(len(report['months']))} "
        f"months; definitions: {number(report['definitions'])}. Took {report['seconds']:.1f} s."
    )
    if report["dry_run"]:
        return
    if report["quarantined"]:
        output.put("Look into the quarantine with: tandem-store quarantine list")
    check = shlex.join(["tandem-store", "--db", _shown(url), "verify", str(state)])
    output.put(f"Now check it: {check}")
    output.put("Keep the source until that has passed and a backup is made.")
