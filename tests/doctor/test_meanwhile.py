"""An examination while others write, and where the database goes away under it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tandem_store import StoreError, open_store
from tandem_store.doctor import Severity, contents, examine
from tests.doctor import damage
from tests.doctor.conftest import EACH
from tests.support.legacy_runs import CREATED_MS, MONTH_MS


def test_writers_are_not_taken_for_damage(sound_url: str) -> None:
    """Runs change, end and move between months while they are read."""
    done = threading.Event()

    def write() -> None:
        with open_store(sound_url) as store:
            number = 0
            while not done.is_set():
                run_id = f"2026-05-{number % EACH:02}"
                with store.begin() as tx:
                    found = tx.runs.get_versioned(run_id)
                    assert found is not None
                    moved = CREATED_MS + number % 3 * MONTH_MS
                    changed = found.run.model_copy(update={"updated_at_ms": moved})
                    tx.runs.save(changed, expected_revision=found.revision)
                number += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        reports = [examine(sound_url, deep=True) for _ in range(3)]
    finally:
        done.set()
        writer.join()

    assert [found for report in reports for found in report.of(Severity.ERROR)] == []


def test_a_database_that_cannot_be_reached_is_no_damage(
    sound_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The examination ends with the sentence, and no run is called unreadable."""

    def fail(*_: Any) -> Iterator[Any]:
        raise StoreError("The connection was lost.")

    monkeypatch.setattr(contents, "documents_of_month", fail)

    with pytest.raises(StoreError, match="The connection was lost"):
        examine(sound_url, deep=True)


@pytest.mark.sqlite
def test_progress_is_told_up_to_the_end(sound_url: str) -> None:
    """For each phase, what is done of how much."""
    told: dict[str, tuple[int, int]] = {}

    def note(phase: str, done: int, total: int) -> None:
        told[phase] = done, total

    examine(sound_url, deep=True, progress=note)

    assert told == {
        "reading runs": (2 * EACH, 2 * EACH),
        "reading snapshots": (3, 3),
        "reading definitions": (2, 2),
    }


@pytest.mark.sqlite
@pytest.mark.parametrize("tree", ["sqlite_autoindex_runs_1", "sqlite_autoindex_runs_2"])
def test_runs_are_found_by_another_way_if_their_list_is_damaged(sound_url: str, tree: str) -> None:
    """By the other index, or by the months' own."""
    damage.overwrite(tree)(sound_url)

    report = examine(sound_url, deep=True)

    assert report.checked["documents"] == 2 * EACH
