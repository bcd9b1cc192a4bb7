"""The summary of an import: what is not plain is named, and the end says what to do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tandem_store.cli.views import import_summary
from tandem_store.importer import ImportReport
from tandem_store.importer.report import Future, SourceReport
from tandem_store.importer.source.kinds import SkippedFile, Source
from tandem_store.importer.truncated_files import Truncated
from tandem_store.ledger import CopyOutcome, DatedRun
from tandem_store.month import Month
from tandem_store.quarantine import QuarantineItem


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Iterator[Any]:
    """What the summary of a report says, the report being a clean one but for some fields."""

    def tell(*, months: bool = False, **changes: Any) -> str:
        import_summary.show(report(**changes), Path("/a state"), months=months)
        return capsys.readouterr().out

    return tell


def report(**changes: Any) -> ImportReport:
    """Three copies imported and one superseded, in two months."""
    clean: dict[str, Any] = {
        "root": "/a state",
        "dry_run": False,
        "runs": 3,
        "months": {"2026-05": 2, "2026-06": 1},
        "sources": [source(imported=3, superseded=1)],
        "by_month": {
            "2026-05": outcomes(imported=2, superseded=1),
            "2026-06": outcomes(imported=1),
        },
        "definitions": 0,
        "quarantined": [],
        "truncated": [],
        "stubs": [],
        "partial": [],
        "skipped": [],
        "newer_in_engine_db": [],
        "seconds": 0.1,
    }
    return ImportReport(**clean | changes)


def source(in_quarantine: int = 0, **counts: int) -> SourceReport:
    """A hot file with as many copies of each outcome."""
    return SourceReport(Source.HOT, 1, 2_000, outcomes(**counts), in_quarantine)


def outcomes(**counts: int) -> dict[str, int]:
    """All seven, zeros too."""
    return dict.fromkeys((outcome.value for outcome in CopyOutcome), 0) | counts


def item(n: int) -> QuarantineItem:
    """A quarantined item."""
    return QuarantineItem(
        id=n,
        import_id=1,
        entry_id=n,
        path=f"data/{n}.json",
        layout="shard",
        key=None,
        start=None,
        stop=None,
        digest=bytes(32),
        reason="damaged",
        message="bad",
        size=3,
        kept_in_source=False,
        discarded=False,
    )


def test_columns_that_are_all_zero_are_left_out(told: Any) -> None:
    """One file is not called files, and a single source is its own total."""
    lines = told().splitlines()

    assert lines[1:3] == [
        "SOURCE  FILES    SIZE  COPIES  IMPORTED  SUPERSEDED",
        "hot         1  2.0 kB       4         3           1",
    ]
    assert "Read 4 copies = 3 imported + 1 superseded." in lines


def test_months_are_shown_that_are_notable(told: Any) -> None:
    """More than one outcome; the others are counted, and shown on demand."""
    some, everything, plain = (
        told(),
        told(months=True),
        told(by_month={"2026-06": outcomes(imported=1)}),
    )

    assert "2026-05" in some
    assert "2026-06" not in some
    assert "and 1 month with one outcome each; --months shows all." in some
    assert "2026-06" in everything
    assert "--months" not in everything
    assert "MONTH" not in plain


def test_of_many_items_twenty_are_shown(told: Any) -> None:
    """And how many are left; JSON lists all."""
    shown = told(quarantined=[item(n) for n in range(1, 31)])

    assert "In quarantine: 30" in shown
    assert "\n  20  damaged\n    data/20.json\n    bad\n" in shown
    assert "data/21.json" not in shown
    assert "... and 10 more; --json lists all." in shown


@pytest.mark.parametrize(
    ("saved", "partial", "sentence"),
    [
        (
            42,
            1,
            "data/hot.json ends too early: 42 runs were saved, 1 is cut off, and an unknown number "
            "after that is lost. Look for another copy of the file.",
        ),
        (1, 0, "data/hot.json ends too early: 1 run was saved, an unknown number after that"),
    ],
)
def test_a_cut_off_file_says_what_was_saved_and_what_is_lost(
    told: Any, saved: int, partial: int, sentence: str
) -> None:
    """In one sentence, not as one of many items."""
    cut = Truncated(path="data/hot.json", bytes=9, saved=saved, partial=partial, at=7)

    assert sentence in told(truncated=[cut])


def test_times_in_the_future_are_warned_about_by_run(told: Any) -> None:
    """A wrong clock made a month of its own."""
    run = DatedRun("r1", 100_000_000_000_000, Month(5138, 11))

    shown = told(future=Future([run], 3))

    assert "Warning: 3 runs with a time in the future; a clock was wrong:" in shown
    assert "  r1\n    5138-11-16T09:46:40Z, in the month 5138-11\n" in shown
    assert "... and 2 more; --json" in shown


def test_a_second_import_says_what_is_still_in_quarantine(told: Any) -> None:
    """It is unchanged, and not well."""
    shown = told(sources=[source(in_quarantine=6, unchanged=9)])

    assert "Read 9 copies = 9 unchanged (6 of them in quarantine)." in shown


@pytest.mark.parametrize(
    ("kinds", "sentence"),
    [
        (["folder"], "A folder with an unknown number of runs was NOT read."),
        (["folder", "folder"], "2 folders with an unknown number of runs were NOT read."),
        (["file"], "A file that may hold runs was NOT read."),
    ],
)
def test_what_was_not_read_is_loud(told: Any, kinds: list[Any], sentence: str) -> None:
    """The end does not go on as if all were fine: first it must be read."""
    skipped = [
        SkippedFile(f"p{n}", "permission denied", True, kind) for n, kind in enumerate(kinds)
    ]

    end = told(skipped=skipped).partition("Read 4 copies")[2]

    assert sentence in end
    assert "  1. Make readable what is listed above as NOT READ" in end
    assert "tandem-store import '/a state'" in end
    assert "Keep the source: the store does not have all of it." in end
    assert "tandem-store verify" not in end


@pytest.mark.parametrize(
    ("changes", "commands"),
    [
        ({}, ["verify '/a state'", "backup backup.db.zst"]),
        (
            {"quarantined": [item(1)]},
            ["quarantine list", "verify '/a state'", "backup backup.db.zst"],
        ),
        ({"dry_run": True}, ["import '/a state'"]),
    ],
)
def test_the_end_says_what_to_do_next(
    told: Any, changes: dict[str, Any], commands: list[str]
) -> None:
    """Numbered, each command in a line of its own."""
    lines = told(**changes).partition("What to do next:")[2].splitlines()

    assert [line.strip() for line in lines if line.startswith("     ")] == [
        f"tandem-store {command}" for command in commands
    ]
    assert lines[1].startswith("  1. ")
    assert "both" not in lines[-1]  # there may be one thing, or three
