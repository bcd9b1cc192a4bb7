"""Verification: what differs is named, what does not is counted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, event, update

from tandem_store import open_store, tables
from tandem_store.verify import Verdict, verify_state
from tandem_store.verify.difference import first_difference
from tests.support.importing import imported
from tests.support.state_directories import StateDir, run
from tests.support.stored import dump


def test_a_fresh_import_verifies(state: StateDir, url: str) -> None:
    """Restored, recovered and stub copies too; those in quarantine are counted apart."""
    copies = imported(url, state.root)["copies"]
    before = dump(url)

    report = verify_state(url, state.root)

    assert (report.differences, report.checked) == ([], copies)
    assert (report.same, report.quarantined) == (copies - 2, 2)
    assert dump(url) == before


@pytest.mark.parametrize("jobs", [1, 2])
def test_one_changed_byte_is_named_by_run_and_field(state: StateDir, url: str, jobs: int) -> None:
    """The source changed since the import, or the store is wrong: the operator must know where."""
    imported(url, state.root)
    shard = state.shard(run("whole"))
    shard.write_bytes(shard.read_bytes().replace(b'"trigger_type": "m', b'"trigger_type": "n'))

    report = verify_state(url, state.root, jobs=jobs)

    (difference,) = report.differences
    assert difference.run_id == "whole"
    assert "changed in the source" in difference.what
    assert "trigger_type" in difference.what


def test_a_byte_that_breaks_the_file_still_names_the_run(state: StateDir, url: str) -> None:
    """The ledger knows what stood there."""
    imported(url, state.root)
    shard = state.shard(run("whole"))
    shard.write_bytes(shard.read_bytes()[:-1])

    (difference,) = verify_state(url, state.root).differences

    assert difference.run_id == "whole"


def test_a_run_that_is_gone_is_missing(state: StateDir, url: str) -> None:
    """Also if a service deleted it on purpose: that is for the operator to know."""
    imported(url, state.root)
    with open_store(url) as store, store.begin() as tx:
        tx.runs.delete("whole")

    (difference,) = verify_state(url, state.root).differences

    assert (difference.run_id, difference.what) == ("whole", "missing in the store")


def test_a_run_that_a_service_wrote_is_newer(state: StateDir, url: str) -> None:
    """It is no difference, but it is not the same either."""
    imported(url, state.root)
    with open_store(url) as store, store.begin() as tx:
        found = tx.runs.get_versioned("whole")
        assert found is not None
        tx.runs.save(found.run, expected_revision=found.revision)

    report = verify_state(url, state.root)

    assert (report.newer_in_store, report.differences) == (1, [])


@pytest.mark.parametrize("victim", ["whole", "stripped", "broken", "lonely"])
def test_a_store_that_was_altered_is_found_out(state: StateDir, url: str, victim: str) -> None:
    """Whatever the run was made of, each of its parts is held against the copy it came from."""
    imported(url, state.root)
    with open_store(url) as store, store.begin() as tx:
        before = tx.runs.document(victim)
        assert before is not None
        found = tx.runs.get(victim)
        assert found is not None
        tx.runs.save(found.model_copy(update={"resume_reason": "x"}), force=True)
        altered = update(tables.runs).where(tables.runs.c.run_id == victim)
        tx.connection.execute(altered.values(revision=before.revision, imported=True))

    (difference,) = verify_state(url, state.root).differences

    assert (difference.run_id, difference.what) == (victim, "differs: resume_reason")


def test_what_no_import_has_seen_is_a_difference(state: StateDir, url: str) -> None:
    """Files that came later."""
    imported(url, state.root)
    state.shard(run("late"))

    (difference,) = verify_state(url, state.root).differences

    assert difference.run_id == "late"


def test_a_copy_that_lost_is_counted_apart(state: StateDir, url: str) -> None:
    """It is known by place and digest only; a twin of the winner is not lost."""
    state.hot({"whole": run("whole")})
    state.root_hot({"whole": run("whole", updated_at_ms=run("whole")["updated_at_ms"] - 1)})
    imported(url, state.root)

    report = verify_state(url, state.root).to_json()

    # The stripped run's full shard gave the parts back, and is beaten all the same.
    assert (report["superseded"], report["differences"]) == (2, [])
    assert report["same"] + report["quarantined"] == report["checked"]


def test_what_a_later_import_replaced_is_superseded(state: StateDir, url: str) -> None:
    """Nobody but an import wrote to the store, so nothing there is newer than the source."""
    imported(url, state.root)
    state.hot({"whole": run("whole", updated_at_ms=run("whole")["updated_at_ms"] + 1)})
    imported(url, state.root)

    report = verify_state(url, state.root)

    assert (report.newer_in_store, report.differences) == (0, [])
    assert report.copies[Verdict.SUPERSEDED] == 2


def test_a_copy_that_was_never_judged_is_no_pass(state: StateDir, url: str) -> None:
    """An import saw it, and it was gone again before the import came to judge it."""
    state.shard(run("whole", hours=1), month="2026/01")
    imported(url, state.root)
    entry = tables.import_entries
    with open_store(url) as store, store.begin() as tx:
        lost = tx.ledger.origins("whole")
        (retired,) = [one for one in lost if "/01/" in one.path]
        tx.connection.execute(
            update(entry).where(entry.c.id == retired.id).values(reason="source_changed")
        )

    (difference,) = verify_state(url, state.root).differences

    assert (difference.run_id, difference.path) == ("whole", retired.path)


def test_many_copies_without_a_run_cost_one_look_at_their_file(state: StateDir, url: str) -> None:
    """The ledger is asked for many of them together, and for none of their rows twice."""
    state.hot({f"nameless {number}": {"status": "completed"} for number in range(1_200)})
    copies = imported(url, state.root)["copies"]

    with asked_of_the_ledger() as statements:
        report = verify_state(url, state.root)

    assert report.checked == copies > 1_200
    assert report.differences == []
    assert len(statements) < 20


def test_a_damaged_entry_is_known_wherever_it_stands(state: StateDir, url: str) -> None:
    """The engine wrote the file anew, and what is before the damage became longer."""
    wreck = b'"w": {"run_id": 1}'
    before = b'{"schema_version": 1, "runs": {%s"b": {}, ' + wreck + b"}}"
    state.write("data/automation_v2_runs.json", before % b"")
    imported(url, state.root)
    state.write("data/automation_v2_runs.json", before % (b" " * 999))

    assert verify_state(url, state.root).differences == []


@contextmanager
def asked_of_the_ledger() -> Iterator[list[str]]:
    """The statements that read rows of copies."""
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "import_entries" in statement:
            sent.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    yield sent
    event.remove(Engine, "before_cursor_execute", note)


@pytest.mark.parametrize(
    ("one", "other", "path"),
    [
        ({"a": [1, {"b": 1}]}, {"a": [1, {"b": 1.0}]}, "a[1].b"),
        ({"a": 0.0}, {"a": -0.0}, "a"),
        ({"a": 1}, {"a": True}, "a"),
        ({"a": None}, {}, "a"),
        ({}, {"b": 1}, "b"),
        ([1], [1, 2], "[1]"),
    ],
)
def test_kinds_of_numbers_count(one: object, other: object, path: str) -> None:
    """Python calls 1, 1.0 and True equal; JSON does not."""
    assert first_difference(one, other) == path
    assert first_difference(one, one) is None
