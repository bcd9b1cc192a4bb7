"""A copy is the same store: every row, every byte, on either database."""

from __future__ import annotations

from pathlib import Path

import pytest

from tandem_store import Month, attach_month, detach_month, open_store
from tandem_store.cli import exits
from tandem_store.copying import copy_store
from tandem_store.copying.parts import Batch
from tandem_store.database import revisions
from tandem_store.importer import ImportOptions, import_state
from tests.support import REPOSITORY
from tests.support.databases import NewDatabase, file_of
from tests.support.legacy_runs import HOUR_MS, definition
from tests.support.run_records import new_run
from tests.support.stored import all_rows, dump

SAMPLE = REPOSITORY / "examples" / "state"
YEAR_MS = 365 * 24 * HOUR_MS


@pytest.mark.parametrize("way", ["sqlite postgresql sqlite", "postgresql postgresql sqlite"])
def test_is_the_same_at_every_stage(
    source_url: str, new_database_on: NewDatabase, way: str
) -> None:
    """Each copy, and each copy of a copy, has the same dump and the same rows."""
    expected, rows = dump(source_url), all_rows(source_url)

    here = source_url
    for kind in way.split():
        there = new_database_on(kind)
        report = copy_store(here, there, batch=Batch(rows=7, size=20_000))
        assert (report.differences, exits.of_copy(report)) == ([], 0)
        assert dump(there) == expected
        assert all_rows(there) == rows
        here = there


def test_counts_tables_and_months(source_url: str, target_url: str) -> None:
    """The report says what the target holds now."""
    report = copy_store(source_url, target_url)

    rows = all_rows(target_url)
    assert report.tables == {
        **{name: len(found) for name, found in rows.items()},
        "run_documents": len(rows["runs"]),
    }
    assert sum(report.months.values()) == len(rows["runs"])
    assert "2020-01" not in [month.label for month in report.months]
    assert report.copied == sum(len(found) for found in rows.values()) - len(rows["months"])
    assert report.to_json()["differences"] == []


def test_the_source_is_not_written_to(source_url: str, target_url: str) -> None:
    """Not a byte of the file changes."""
    path = file_of(source_url)
    before = path.read_bytes()

    copy_store(source_url, target_url)

    assert path.read_bytes() == before


def test_a_later_import_finds_everything_unchanged(source_url: str, target_url: str) -> None:
    """The ledger came along, so no file of the source is judged again."""
    copy_store(source_url, target_url)
    copied = dump(target_url)

    report = import_state(target_url, SAMPLE, ImportOptions()).to_json()

    assert report["outcomes"]["unchanged"] == report["copies"] > 0
    assert dump(target_url) == copied


def test_work_goes_on_in_the_target(source_url: str, target_url: str, tmp_path: Path) -> None:
    """Made-up keys go on behind the greatest: new snapshots, imports and quarantined items."""
    copy_store(source_url, target_url)
    before = all_rows(target_url)

    with open_store(target_url) as store, store.begin() as tx:
        tx.runs.add(new_run("new", automation_snapshot=definition("never-seen", name="x")))
        tx.ledger.begin("/state", strict=False, now_ms=1, tool_version="0")
        tx.quarantine.add([_item()])

    after = all_rows(target_url)
    for table in ("automation_snapshots", "imports", "quarantine"):
        (new,) = [row for row in after[table] if row not in before[table]]
        assert new[0] > max(row[0] for row in before[table])


def _item() -> dict[str, object]:
    return {
        "path": "p",
        "layout": "shard",
        "digest": bytes(32),
        "reason": "r",
        "message": "m",
        "size": 1,
        "kept_in_source": True,
        "created_at_ms": 1,
    }


@pytest.mark.sqlite
def test_an_empty_store_is_copied(store_url: str, new_database_on: NewDatabase) -> None:
    """Nothing is something, too."""
    for kind in ("postgresql", "sqlite"):
        target = new_database_on(kind)
        copy_store(store_url, target)
        assert dump(target) == b""


def test_an_empty_target_at_head_is_good(new_store_on: NewDatabase) -> None:
    """A deploy may have made its tables already."""
    target = new_store_on("postgresql")
    copy_store(new_store_on("sqlite"), target)

    with open_store(target) as store, store.read() as tx:
        assert tx.runs.count() == 0


def test_months_that_were_made_ahead_do_not_make_a_target_full(
    source_url: str, target_url: str
) -> None:
    """A deploy made them; the copy has the months of the source, and new ones can be made again."""
    revisions.upgrade(target_url)
    with open_store(target_url) as store:
        ahead = store.ensure_months(ahead=3)
        held = [Month.parse("2026-06")]
        store.ensure_months(held)

    copy_store(source_url, target_url)

    assert dump(target_url) == dump(source_url)
    with open_store(target_url) as store:
        assert set(store.ensure_months(ahead)) >= set(ahead[1:])


def test_says_which_archives_stay_behind(source_url: str, target_url: str, tmp_path: Path) -> None:
    """A detached month is named; the copy knows where it is, and takes it back."""
    with open_store(source_url) as store, store.begin() as tx:
        tx.runs.add(new_run("x", created_at_ms=66 * YEAR_MS, updated_at_ms=66 * YEAR_MS))
    before = dump(source_url)
    month = Month.of_ms(66 * YEAR_MS)
    archive = detach_month(source_url, month, tmp_path).archive

    report = copy_store(source_url, target_url)

    assert month in report.left_behind
    assert dump(target_url) == dump(source_url)
    attach_month(target_url, archive)
    assert dump(target_url) == before


@pytest.mark.postgresql
def test_negative_zero_survives_the_way_back(store_url: str, new_database_on: NewDatabase) -> None:
    """PostgreSQL keeps the sign in its column, SQLite does not: no difference of the stores."""
    with open_store(store_url) as store, store.begin() as tx:
        tx.runs.add(new_run("r", estimated_cost_usd=-0.0))
    target = new_database_on("sqlite")

    report = copy_store(store_url, target)

    assert exits.of_copy(report) == 0
    assert dump(target) == dump(store_url)
