"""A hot file that was cut off while it was written, and nothing else to fall back on."""

from __future__ import annotations

import pytest

from tandem_store.importer import retry_quarantined
from tests.importer.source.salvage.spoilt_files import LAYOUTS
from tests.support.databases import NewStore
from tests.support.importing import imported
from tests.support.json_values import exact
from tests.support.state_directories import Json, StateDir, full_run, pretty
from tests.support.stored import scalar, stored_runs

pytestmark = pytest.mark.sqlite

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


@pytest.mark.parametrize("layout", ["engine", "minified"])
def test_the_report_says_what_was_saved_and_where_the_file_ends(
    layout: str, state: StateDir, new_store: NewStore
) -> None:
    """Also when nothing is new any more; how many runs stood behind, nobody can say."""
    document = {"schema_version": 1, "runs": runs(ENTRIES)}
    whole = LAYOUTS[layout](document).encode()
    torn = whole.index(b'"cut-4"')
    data = whole[: torn + 500]
    state.write("data/automation_v2_runs.json", data)
    state.shard(full_run("elsewhere"))
    url = new_store()

    told = [imported(url, state.root)["truncated"] for _ in range(2)]

    file = {"path": "data/automation_v2_runs.json", "bytes": len(data), "at": torn}
    assert told == [[file | {"saved": 4, "partial": 1}]] * 2


@pytest.mark.parametrize("inside", [b'"cut-4"', b'"automation_id": "auto-1",\n'])
def test_a_file_cut_in_a_key_or_a_string_is_truncated(
    inside: bytes, state: StateDir, new_store: NewStore
) -> None:
    """And a retry says so, too."""
    whole = content(ENTRIES)
    cut = whole.index(inside, whole.index(b'"cut-3"') if b"auto" in inside else 0) + 4
    state.write("data/automation_v2_runs.json", whole[:cut])
    url = new_store()

    report = imported(url, state.root)
    retried = retry_quarantined(url, [1])

    assert [one["reason"] for one in report["quarantined"]] == ["truncated"]
    assert retried.items[0].message == "still truncated: the file ends too early"


def test_a_file_cut_between_two_entries_has_no_partial_one(
    state: StateDir, new_store: NewStore
) -> None:
    """What is missing begins where the file ends."""
    data = content(ENTRIES)[:-TAIL]
    state.write("data/automation_v2_runs.json", data)

    (told,) = imported(new_store(), state.root)["truncated"]

    assert (told["saved"], told["partial"], told["at"]) == (ENTRIES, 0, len(data))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_file_with_a_damaged_last_entry_is_not_truncated(
    layout: str, state: StateDir, new_store: NewStore
) -> None:
    """It is closed: nothing can have stood behind it."""
    document = {"schema_version": 1, "runs": runs(3)}
    head, last, tail = LAYOUTS[layout](document).rpartition('"cut-2"')
    spoilt = head + last.replace('-2"', "-2") + tail
    state.write("data/automation_v2_runs.json", spoilt.encode())

    report = imported(new_store(), state.root)

    assert report["truncated"] == []
    assert report["quarantined"]
