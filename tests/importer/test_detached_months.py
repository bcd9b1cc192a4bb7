"""An import after months have left: nothing comes back by itself, and nothing is lost."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tandem_store import attach_month, detach_month, drop_month, forget_content, open_store
from tandem_store.importer import import_state, retry_quarantined
from tandem_store.month import Month
from tandem_store.verify import Verdict, verify_state
from tests.support.importing import imported
from tests.support.legacy_runs import CREATED_MS, HOUR_MS, MONTH_MS, Json, full_run
from tests.support.program import command
from tests.support.state_directories import StateDir
from tests.support.stored import dump

MAY, JUNE = Month(2026, 5), Month(2026, 6)


@pytest.fixture
def state(tmp_path: Path) -> StateDir:
    """Two runs of May and one of June."""
    made = StateDir(tmp_path / "state")
    for run in (full_run("a"), full_run("b"), june("c")):
        made.shard(run)
    return made


def june(run_id: str) -> Json:
    """A run of June."""
    at = CREATED_MS + MONTH_MS
    return full_run(run_id, created_at_ms=at, updated_at_ms=at)


def later(run_id: str) -> Json:
    """A newer copy of a run of May."""
    return full_run(run_id, updated_at_ms=CREATED_MS + 5 * HOUR_MS, detail="newer")


def write_more(state: StateDir) -> None:
    """A newer copy, an older one, a run that nobody has seen, and one of another month."""
    state.hot(
        {
            "a": later("a"),
            "b": full_run("b", updated_at_ms=CREATED_MS + 1),
            "new": full_run("new"),
            "d": june("d"),
        }
    )


def run_ids(url: str) -> list[str]:
    """The runs that are in the store."""
    with open_store(url) as store, store.read() as tx:
        return [one.run_id for one in tx.runs.documents_by_id()]


def test_what_left_does_not_come_back(store_url: str, state: StateDir, tmp_path: Path) -> None:
    """An unchanged directory has nothing new, and neither has a copy of it elsewhere."""
    import_state(store_url, state.root)
    detach_month(store_url, MAY, tmp_path)
    before = dump(store_url)

    assert imported(store_url, state.root)["outcomes"]["imported"] == 0
    assert dump(store_url) == before
    state.root.rename(tmp_path / "moved")
    assert imported(store_url, tmp_path / "moved")["outcomes"]["imported"] == 0
    assert dump(store_url) == before


def test_newer_copies_of_a_detached_month_wait_in_quarantine(
    store_url: str, state: StateDir, tmp_path: Path
) -> None:
    """And so do its new runs; after the month was attached, they are imported."""
    import_state(store_url, state.root)
    archive = detach_month(store_url, MAY, tmp_path).archive
    write_more(state)

    report = imported(store_url, state.root)

    assert {name: count for name, count in report["outcomes"].items() if count} == {
        "imported": 1,
        "quarantined": 2,
        "superseded": 1,
        "unchanged": 3,
    }
    assert Counter(one["reason"] for one in report["quarantined"]) == {"month_detached": 2}
    assert run_ids(store_url) == ["c", "d"]
    with open_store(store_url) as store, store.read() as tx:
        items = [one.id for one in tx.quarantine.list()]
    assert not any(one.resolved for one in retry_quarantined(store_url, items).items)

    attach_month(store_url, archive)

    assert all(one.resolved for one in retry_quarantined(store_url, items).items)
    assert run_ids(store_url) == ["a", "b", "c", "d", "new"]
    with open_store(store_url) as store, store.read() as tx:
        run = tx.runs.get("a")
    assert run is not None
    assert run.detail == "newer"


def test_forgotten_content_does_not_come_back(store_url: str, state: StateDir) -> None:
    """What is newer than it waits for a decision."""
    import_state(store_url, state.root)
    forget_content(store_url, MAY)
    before = dump(store_url)
    assert imported(store_url, state.root)["outcomes"]["unchanged"] == 3
    assert dump(store_url) == before
    write_more(state)

    report = imported(store_url, state.root)

    assert Counter(one["reason"] for one in report["quarantined"]) == {"content_forgotten": 1}
    with open_store(store_url) as store, store.read() as tx:
        (item,) = tx.quarantine.list()
        assert tx.runs.exists("new")
        stored = tx.runs.document("a")
    assert stored is not None
    assert stored.is_forgotten
    (retried,) = retry_quarantined(store_url, [item.id]).items
    assert not retried.resolved


def test_verification_says_what_it_did_not_compare(
    store_url: str, state: StateDir, tmp_path: Path
) -> None:
    """Copies whose runs are in archives, were dropped, or have no content any more."""
    damaged = full_run("a")
    del damaged["status"]
    state.hot({"a": damaged})
    import_state(store_url, state.root)
    detach_month(store_url, MAY, tmp_path)

    report = verify_state(store_url, state.root)
    assert report.copies == {Verdict.SAME: 1, Verdict.DETACHED: 3}
    assert report.differences == []
    assert [one.cause.value for one in report.reasons] == ["not_compared", "no_backup"]

    drop_month(store_url, MAY)
    told = " ".join(command("--db", store_url, "verify", state.root).stdout.split())
    assert "3 copies were not compared, because their runs were detached or dropped" in told
    assert verify_state(store_url, state.root).copies == {Verdict.SAME: 1, Verdict.DETACHED: 3}
    forget_content(store_url, JUNE)
    assert verify_state(store_url, state.root).copies == {
        Verdict.FORGOTTEN: 1,
        Verdict.DETACHED: 3,
    }
