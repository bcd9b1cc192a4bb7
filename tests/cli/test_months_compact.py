"""``months compact``: what it prints, and what it exits with."""

from __future__ import annotations

from pathlib import Path

import pytest

from tandem_store import open_store
from tandem_store.database.locks.jobs import months_lock
from tandem_store.doctor import examine
from tests.recompression.conftest import over_database as over_database
from tests.recompression.conftest import over_file as over_file
from tests.recompression.conftest import over_url as over_url
from tests.recompression.months import EACH, encodings
from tests.recompression.test_compacting import spoil
from tests.support.databases import file_of
from tests.support.program import answer, command
from tests.support.stored import dump


def test_prints_the_plan_and_what_came_of_it(over_url: str) -> None:
    """And says so when there is nothing to do."""
    first = command("--db", over_url, "months", "compact")
    second = command("--db", over_url, "months", "compact")

    assert first.exit_code == second.exit_code == 0, first.stderr
    assert f"To be compacted: {2 * EACH} runs in 2 months" in first.stdout
    assert "2020-01" in first.stdout
    assert "The database takes" in first.stdout
    assert second.stdout == "Nothing is left to compact.\n"


def test_json_has_each_month(over_url: str) -> None:
    """As ``months list`` counts them."""
    before = {one["month"]: one for one in answer("--db", over_url, "months", "list")["items"]}

    told = answer("--db", over_url, "months", "compact")

    after = {one["month"]: one for one in answer("--db", over_url, "months", "list")["items"]}
    assert [one["month"] for one in told["items"]] == ["2020-01", "2020-02"]
    for item in told["items"]:
        assert item["runs"] == EACH == after[item["month"]]["compacted"]
        assert item["bytes_before"] == before[item["month"]]["bytes"]
        assert item["bytes_after"] == after[item["month"]]["bytes"] < item["bytes_before"]
        assert before[item["month"]]["compacted"] == 0
    assert told["dry_run"] is False
    assert answer("--db", over_url, "months", "compact")["items"] == []


def test_a_dry_run_writes_nothing(over_url: str) -> None:
    """It shows what is left to do."""
    done = command("--db", over_url, "months", "compact", "2020-02", "--dry-run")
    told = answer("--db", over_url, "months", "compact", "--dry-run")

    assert f"To be compacted: {EACH} runs in 1 month," in done.stdout
    assert [(one["month"], one["runs"], one["bytes_after"]) for one in told["items"]] == [
        ("2020-01", EACH, None),
        ("2020-02", EACH, None),
    ]
    assert told["dry_run"] is True
    assert encodings(over_url) == {"zstd-1": EACH}


@pytest.mark.parametrize(
    ("month", "code", "words"),
    [("2020", 2, "is not a month"), ("1999-01", 1, "The store has no month 1999-01")],
)
def test_what_cannot_be_compacted_is_refused(
    over_url: str, month: str, code: int, words: str
) -> None:
    """Nothing else is compacted either."""
    done = command("--db", over_url, "months", "compact", "2020-01", month)

    assert done.exit_code == code
    assert words in done.stderr
    assert encodings(over_url) == {"zstd-1": EACH}


def test_a_second_job_is_refused(over_url: str) -> None:
    """With the code for a lock."""
    with months_lock(over_url):
        assert command("--db", over_url, "months", "compact").exit_code == 6


def test_damaged_documents_are_counted(over_url: str) -> None:
    """The exit code says that something has to be done, and the sentence what."""
    spoil(over_url, "2020-01-05", b"\xff" * 60)

    done = command("--db", over_url, "months", "compact")

    assert done.exit_code == 1
    assert "1 document could not be read" in done.stdout
    assert "doctor --deep" in done.stdout
    assert encodings(over_url) == {"zstd-dict": EACH - 1, "zstd-1": 1}


@pytest.mark.sqlite
def test_the_file_becomes_smaller(over_url: str) -> None:
    """Room is given back to the file system, not only marked as free."""
    path: Path = file_of(over_url)
    with open_store(over_url) as store, store.begin() as tx:
        run = tx.runs.get("2020-01-01")
        assert run is not None
        for number in range(400):
            more = run.model_copy(update={"run_id": f"more-{number}"})
            tx.runs.add(more)
    with open_store(over_url):  # the last one to close it writes the log back
        pass
    before, content = path.stat().st_size, dump(over_url)

    told = answer("--db", over_url, "months", "compact")

    assert path.stat().st_size == told["database_bytes_after"]
    assert path.stat().st_size < before
    assert examine(over_url).sizes["free_pages"] == 0
    assert dump(over_url) == content
