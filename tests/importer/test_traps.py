"""Every trap that a state directory can hold, alone and all together."""

from __future__ import annotations

from collections import Counter

import pytest

from tandem_store.ledger import CopyOutcome
from tests.importer.traps import TRAPS, Expected, Trap, lay_all
from tests.support.databases import NewStore
from tests.support.importing import imported
from tests.support.json_values import exact
from tests.support.state_directories import Json, StateDir
from tests.support.stored import dump, ledger, stored_runs

WITHOUT_FATE = {outcome.value: 0 for outcome in CopyOutcome}


@pytest.mark.sqlite
@pytest.mark.parametrize("trap", TRAPS, ids=lambda trap: trap.__name__)
def test_every_copy_ends_as_the_rules_say(trap: Trap, state: StateDir, new_store: NewStore) -> None:
    """Alone in a directory, a trap has the outcomes that its rule names."""
    expected = trap(state)

    report = imported(new_store(), state.root)

    assert_outcomes(report, expected)
    assert_quarantined(report, expected)
    assert sorted(partial_ids(report)) == sorted(expected.partial)


@pytest.mark.sqlite
@pytest.mark.parametrize("trap", TRAPS, ids=lambda trap: trap.__name__)
def test_the_store_holds_what_the_rules_say(
    trap: Trap, state: StateDir, new_store: NewStore
) -> None:
    """Alone in a directory, a trap leaves exactly the runs that its rule names, whole."""
    expected = trap(state)
    url = new_store()

    imported(url, state.root)

    assert_stored(url, expected)


def test_traps_do_not_disturb_each_other(state: StateDir, new_store: NewStore) -> None:
    """All traps in one directory end as each of them alone."""
    expected = lay_all(state)
    url = new_store()

    report = imported(url, state.root)

    assert_stored(url, expected)
    assert_quarantined(report, expected)
    assert set(partial_ids(report)) == set(expected.partial)
    assert report["runs"] == len(expected.run_ids)


def test_copies_are_the_sum_of_their_outcomes(state: StateDir, new_store: NewStore) -> None:
    """Nothing is lost between reading and reporting: in total, per source and in the ledger."""
    lay_all(state)
    url = new_store()

    report = imported(url, state.root)

    assert sum(report["outcomes"].values()) == report["copies"]
    assert report["outcomes"].keys() == WITHOUT_FATE.keys()
    for source in report["sources"]:
        assert sum(source["outcomes"].values()) == source["copies"], source["source"]
    assert sum(source["copies"] for source in report["sources"]) == report["copies"]
    assert Counter(copy.outcome for copy in ledger(url)) == Counter(report["outcomes"])


def test_months_add_up_to_the_runs(state: StateDir, new_store: NewStore) -> None:
    """The report's months hold every run once."""
    expected = lay_all(state)

    report = imported(new_store(), state.root)

    assert sum(report["months"].values()) == len(expected.run_ids) == report["runs"]


def test_a_second_import_of_all_traps_changes_nothing(state: StateDir, new_store: NewStore) -> None:
    """What was judged once is unchanged, the bad copies as well as the good ones."""
    lay_all(state)
    url = new_store()
    first = imported(url, state.root)
    before = dump(url)

    second = imported(url, state.root)

    assert second["outcomes"]["unchanged"] == second["copies"] == first["copies"]
    assert dump(url) == before


def test_the_source_is_only_read(state: StateDir, new_store: NewStore) -> None:
    """No file of the state directory is made, changed or removed."""
    lay_all(state)
    before = {path: path.lstat().st_mtime_ns for path in state.root.rglob("*")}

    imported(new_store(), state.root)

    assert {path: path.lstat().st_mtime_ns for path in state.root.rglob("*")} == before


def assert_outcomes(report: Json, expected: Expected) -> None:
    """Strays may count as skipped copies or not at all; everything else must be as expected."""
    told = Counter(
        {
            (source["source"], outcome): count
            for source in report["sources"]
            for outcome, count in source["outcomes"].items()
            if count
        }
    )
    for (source, choices), count in expected.copies.items():
        alike = [(source, outcome) for outcome in choices.split("|")]
        assert sum(told.pop(pair, 0) for pair in alike) == count, (alike, report["sources"])
    assert all(outcome == "skipped" for _, outcome in told), told


def assert_quarantined(report: Json, expected: Expected) -> None:
    """Each expected item is told of with its place and reason, and no other."""
    told = [(one["path"], one["key"], one["reason"]) for one in report["quarantined"]]
    for path, key, reason in expected.quarantined:
        match = next(
            one
            for one in told
            if one[0].endswith(path) and key in {None, one[1]} and reason in {None, one[2]}
        )
        told.remove(match)
    assert told == []


def assert_stored(url: str, expected: Expected) -> None:
    """The store holds the expected runs, equal in every value and kind of number, and no other."""
    stored = stored_runs(url)
    assert stored.keys() == expected.run_ids
    for run_id, run in expected.runs.items():
        assert exact(stored[run_id]) == exact(run)
    for run_id, fields in expected.fields.items():
        assert {name: stored[run_id][name] for name in fields} == fields


def partial_ids(report: Json) -> list[str]:
    """The ids of the runs that the report lists as partial."""
    return [one if isinstance(one, str) else one["run_id"] for one in report["partial"]]
