"""A hot file that was cut off while it was written, and nothing else to fall back on."""

from __future__ import annotations

import pytest

from tests.importer.conftest import NewStore
from tests.importer.reading import exact, imported, scalar, stored_runs
from tests.states import Json, StateDir, full_run, pretty

ENTRIES = 10
TAIL = len(b"\n  }\n}")


def runs(count: int) -> dict[str, Json]:
    """The first entries of the hot file."""
    return {f"cut-{number}": full_run(f"cut-{number}") for number in range(count)}


def content(count: int) -> bytes:
    """The whole hot file of so many entries."""
    return pretty({"schema_version": 1, "runs": runs(count)})


@pytest.mark.parametrize("before", range(ENTRIES))
def test_complete_entries_are_imported_and_the_tail_is_kept(
    before: int, state: StateDir, new_store: NewStore
) -> None:
    """The cut falls into a different entry each time, at a different place within it."""
    whole = content(ENTRIES)
    torn_from = len(content(before)) - TAIL if before else whole.index(b'"cut-0"')
    torn_to = len(content(before + 1)) - TAIL
    cut = torn_from + (torn_to - torn_from) * (before + 1) // (ENTRIES + 1)
    state.write("data/automation_v2_runs.json", whole[:cut])
    url = new_store()

    report = imported(url, state.root)

    told = {name: count for name, count in report["outcomes"].items() if count}
    assert told == ({"imported": before} if before else {}) | {"quarantined": 1}
    assert exact(stored_runs(url)) == exact(runs(before))
    assert [one["path"] for one in report["quarantined"]] == ["data/automation_v2_runs.json"]
    # The comma and the white space between two entries belong to neither.
    assert 0 <= cut - torn_from - scalar(url, "SELECT size FROM quarantine") <= len(b",\n    ")


def test_a_file_cut_between_two_entries_loses_nothing(state: StateDir, new_store: NewStore) -> None:
    """Every entry is complete; only the closing brackets are missing."""
    state.write("data/automation_v2_runs.json", content(ENTRIES)[:-TAIL])
    url = new_store()

    report = imported(url, state.root)

    assert report["outcomes"]["imported"] == ENTRIES
    assert exact(stored_runs(url)) == exact(runs(ENTRIES))
