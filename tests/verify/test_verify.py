"""Verification: what differs is named, what does not is counted."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import update

from tandem_store import open_store, schema
from tandem_store.verify import verify_state
from tandem_store.verify.difference import first_difference
from tests.importer.reading import dump, imported
from tests.states import MONTH_MS, StateDir, context_state, damaged, full_run, run, stripped


@pytest.fixture
def state(tmp_path: Path) -> StateDir:
    """A state directory with copies of every kind of outcome."""
    state = StateDir(tmp_path / "state")
    state.shard(run("whole"))
    full = full_run("stripped")
    state.shard(full, month="2026/01")
    state.hot({"stripped": stripped(full, updated_at_ms=full["updated_at_ms"] + MONTH_MS)})
    state.hot({"broken": damaged("broken")})
    state.shard(run("torn")).write_bytes(b'{"schema_version": 1, "run": {')
    state.context(context_state("lonely"))
    return state


@pytest.fixture(params=["sqlite", "postgresql"])
def url(tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """A database that does not exist yet, or one without data on PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'runs.db'}"
    made: str = request.getfixturevalue("postgresql_url")
    return made


def test_a_fresh_import_verifies(state: StateDir, url: str) -> None:
    """Restored, recovered, stub and quarantined copies too."""
    copies = imported(url, state.root)["copies"]
    before = dump(url)

    report = verify_state(url, state.root)

    assert (report.differences, report.same, report.checked) == ([], copies, copies)
    assert dump(url) == before


@pytest.mark.parametrize("jobs", [1, 2])
def test_one_changed_byte_is_named_by_run_and_field(state: StateDir, url: str, jobs: int) -> None:
    """The source changed since the import, or the store is wrong: the operator must know where."""
    imported(url, state.root)
    shard = state.shard(run("whole"))
    shard.write_bytes(shard.read_bytes().replace(b'"trigger_type": "m', b'"trigger_type": "n'))

    report = verify_state(url, state.root, jobs=jobs)

    (difference,) = report.differences
    assert (difference.run_id, report.exit_code) == ("whole", 4)
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
        altered = update(schema.runs).where(schema.runs.c.run_id == victim)
        tx.connection.execute(altered.values(revision=before.revision, imported=True))

    (difference,) = verify_state(url, state.root).differences

    assert (difference.run_id, difference.what) == (victim, "differs: resume_reason")


def test_what_no_import_has_seen_is_a_difference(state: StateDir, url: str) -> None:
    """Files that came later."""
    imported(url, state.root)
    state.shard(run("late"))

    (difference,) = verify_state(url, state.root).differences

    assert difference.run_id == "late"


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
