"""The way back: the engine reads what was exported, and an import of it makes the same store."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tandem_store import (
    AutomationSpec,
    RunFilter,
    RunRecord,
    StoreError,
    StoreLockedError,
    clock,
    export_legacy,
    open_store,
)
from tandem_store.database.locks.files import file_lock
from tandem_store.exporter import LegacyExportReport, Limit
from tandem_store.legacy import (
    compact_for_hot_storage,
    hot_cutoff_ms,
    parse_definition,
    parse_runs_file,
    parse_shard_file,
    serialize_runs_file,
)
from tandem_store.testing.strategies import runs
from tests.importer.traps import lay_all
from tests.support import REPOSITORY
from tests.support.databases import NewStore, copied_file
from tests.support.importing import imported
from tests.support.legacy_runs import Json, definition
from tests.support.run_records import add_all, new_run
from tests.support.state_directories import StateDir
from tests.support.stored import dump, stored_runs

DAY_MS = 86_400_000


def content(url: str) -> list[Json]:
    """What an engine could know of a store: its runs, months and definitions."""
    kinds = {"run", "month", "automation"}
    return [line for line in map(json.loads, dump(url).splitlines()) if line["kind"] in kinds]


def shards(state: Path) -> dict[str, RunRecord]:
    """Every run of the shards, as the engine reads it; each must be readable."""
    history = state / "data" / "automation-runs" / "automation_v2_runs"
    read = [parse_shard_file(path.read_bytes()) for path in history.glob("*/*/*.json")]
    by_id = {run.run_id: run for run in read}
    assert len(by_id) == len(read)
    return by_id


def hot(state: Path) -> dict[str, RunRecord]:
    """The runs of the hot file as the engine reads them; nothing must have to be recovered."""
    data = (state / "data" / "automation_v2_runs.json").read_bytes()
    found, upgraded = parse_runs_file(data)
    assert not upgraded
    # Its own layout, to the byte; a recovered run would differ.
    order = json.loads(data)["runs"]
    assert data == serialize_runs_file({run_id: found[run_id] for run_id in order})
    return found


def recent(run_id: str, *, days_ago: float, **fields: Any) -> RunRecord:
    """A run that was last updated some days ago."""
    at_ms = clock.now_ms() - int(days_ago * DAY_MS)
    return new_run(run_id, created_at_ms=at_ms, updated_at_ms=at_ms, **fields)


@pytest.mark.parametrize("source", ["sample", "damaged", "traps"])
def test_an_import_of_the_export_is_the_same_store(
    source: str, store_url: str, new_store: NewStore, state: StateDir, folder: Path
) -> None:
    """Runs, months and definitions; what is in quarantine stays behind."""
    root = {
        "sample": REPOSITORY / "examples" / "state",
        "damaged": REPOSITORY / "examples" / "damaged",
        "traps": state.root,
    }[source]
    if source == "traps":
        lay_all(state)
    imported(store_url, root)

    report = export_legacy(store_url, folder / "state")

    again = new_store()
    told = imported(again, folder / "state")
    assert content(again) == content(store_url)
    assert told["quarantined"] == []
    found = shards(folder / "state")
    too_deep = {one.run_id for one in report.limited if one.limit is Limit.TOO_DEEP}
    assert too_deep == ({"fault-deep"} if source == "traps" else set())
    assert found.keys() | too_deep == stored_runs(store_url).keys()
    assert hot(folder / "state").keys() <= found.keys()
    assert report.runs == len(found) + len(too_deep)


def test_the_engine_finds_what_it_had(full_url: str, folder: Path) -> None:
    """Complete shards where it looks for them, and definitions."""
    report = export_legacy(full_url, folder / "state")

    assert {run_id: run.to_legacy() for run_id, run in shards(folder / "state").items()} == (
        stored_runs(full_url)
    )
    (path,) = (folder / "state" / "data" / "automations-v2").iterdir()
    assert path.name == "auto-1.json"
    assert parse_definition(path.read_bytes()).automation_id == "auto-1"
    assert (report.runs, report.definitions, report.hot) == (4, 1, 1)
    assert report.bytes == sum(
        one.stat().st_size for one in (folder / "state").rglob("*") if one.is_file()
    )
    assert [path.name for path in folder.iterdir()] == ["state"]


@pytest.mark.sqlite
def test_the_hot_file_has_what_the_engine_keeps_there(
    store_url: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Runs that go on whatever their age, and those that ended lately, compacted."""
    snapshot = definition("auto-1", updated_at_ms=5)
    made = [
        recent("old", days_ago=9),
        recent("young", days_ago=1, automation_snapshot=snapshot),
        recent("of another", days_ago=1, automation_snapshot=definition("other")),
        recent("waiting", days_ago=90, status="awaiting_approval"),
    ]
    with open_store(store_url) as store:
        add_all(store, made)
        with store.begin() as tx:
            tx.automations.put(AutomationSpec.model_validate(snapshot))

    export_legacy(store_url, folder / "a")
    monkeypatch.setenv("TANDEM_AUTOMATION_V2_RUNS_RETENTION_DAYS", "30")
    export_legacy(store_url, folder / "b")
    monkeypatch.setenv("TANDEM_AUTOMATION_V2_RUNS_RETENTION_DAYS", "0")
    export_legacy(store_url, folder / "c")

    found = hot(folder / "a")
    assert found.keys() == {"young", "of another", "waiting"}
    assert found["young"].automation_snapshot is None
    assert found["young"].checkpoint.node_outputs
    assert found["waiting"].automation_snapshot is not None
    assert hot(folder / "b").keys() == found.keys() | {"old"}
    assert hot(folder / "c").keys() == found.keys() | {"old"}
    automations = {"auto-1": AutomationSpec.model_validate(snapshot)}
    cutoff = hot_cutoff_ms(clock.now_ms())
    assert hot(folder / "c") == compact_for_hot_storage(
        {run.run_id: run for run in made}, automations, cutoff
    )


def nested(levels: int) -> Json:
    """A run with an output of so many levels, which is at level 4 of the run."""
    value: Any = "x"
    for _ in range(levels):
        value = [value]
    made: Json = new_run(f"deep-{levels}", status="paused").to_legacy()
    made["checkpoint"]["node_outputs"] = {"draft": value}
    return made


@pytest.mark.sqlite
def test_no_run_makes_the_files_unreadable(
    store_url: str, new_store: NewStore, folder: Path
) -> None:
    """Whatever the engine cannot read or save is kept out of its way, and named."""
    gate = {
        "node_id": "n",
        "title": "t",
        "requested_at_ms": 1,
        "expiry_policy": {"on_expiry": "resume"},
    }
    checkpoint = new_run("x").to_legacy()["checkpoint"]
    made = [
        *(RunRecord.model_validate(nested(levels)) for levels in (122, 123, 124, 200)),
        new_run("i" * 210, status="paused"),
        new_run("i" * 211, status="paused"),
        new_run("j" * 400, status="paused"),
        new_run("new", status="paused", checkpoint=checkpoint | {"awaiting_gate": gate}),
        new_run("retry", status="queued", scheduler={"queue_reason": "retry_backoff"}),
        new_run("word", status="paused", detail='"resume"'),
    ]
    with open_store(store_url) as store:
        add_all(store, made)

    report = export_legacy(store_url, folder / "state")

    assert {one.run_id: one.limit for one in report.limited} == {
        "deep-123": Limit.TOO_DEEP_FOR_HOT,
        "deep-124": Limit.TOO_DEEP,
        "deep-200": Limit.TOO_DEEP,
        "i" * 211: Limit.ID_TOO_LONG,
        "j" * 400: Limit.ID_TOO_LONG,
        "new": Limit.NEEDS_0_6_9,
        "retry": Limit.NEEDS_0_6_5,
    }
    assert hot(folder / "state").keys() == {"deep-122", "i" * 210, "retry", "word"}
    hidden = {"deep-124", "deep-200", "new"}
    assert shards(folder / "state").keys() == {run.run_id for run in made} - hidden
    again = new_store()
    imported(again, folder / "state")
    assert content(again) == content(store_url)
    for one in report.limited:
        file = folder / "state" / one.path
        assert json.loads(file.read_bytes())["run"]["run_id"] == one.run_id
        is_second_layout = one.path.startswith("data/automation-runs/2026/05/")
        assert is_second_layout is (one.run_id in hidden)
        assert len(file.name) < 216


def test_the_limits_of_depth_are_the_readers() -> None:
    """One more level, and the parser of the engine refuses; 127 levels are what it reads."""
    shard = {"schema_version": 1, "run": nested(123)}
    assert depth(shard) == 127
    assert depth({"schema_version": 1, "runs": {"r": nested(122)}}) == 127


def depth(value: Any) -> int:
    """How many levels of arrays and objects a value has."""
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    is_container = isinstance(value, dict | list)
    return is_container + max(map(depth, items), default=0)


@pytest.mark.sqlite
def test_runs_that_would_share_a_file_have_one_each(store_url: str, folder: Path) -> None:
    """The engine wrote them over each other; also those whose names differ in case alone."""
    ids = ["a/b", "a.b", "a b", "A_b", "", "é", "ü", "k" * 300 + "1", "k" * 300 + "2"]
    long = ["d" * 300 + "1", "d" * 300 + "2", "d/1", "d.1"]
    with open_store(store_url) as store:
        add_all(store, [new_run(run_id, status="paused") for run_id in ids])
        with store.begin() as tx:
            for automation_id in long:
                tx.automations.put(AutomationSpec.model_validate(definition(automation_id)))

    export_legacy(store_url, folder / "state")

    assert shards(folder / "state").keys() == set(ids)
    paths = [str(path).lower() for path in (folder / "state").rglob("*.json")]
    assert len(set(paths)) == len(paths)
    definitions = (folder / "state" / "data" / "automations-v2").iterdir()
    found = [parse_definition(path.read_bytes()).automation_id for path in definitions]
    assert sorted(found) == sorted(long)


@pytest.mark.sqlite
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(made=st.lists(runs(), min_size=1, max_size=6, unique_by=lambda run: run.run_id))
def test_every_run_comes_back(
    made: list[RunRecord], sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever the store takes, an import of its export has again."""
    folder = tmp_path_factory.mktemp("every")
    url = copied_file(sqlite_template, folder / "store.db")
    again = copied_file(sqlite_template, folder / "again.db")
    with open_store(url) as store:
        add_all(store, made)

    export_legacy(url, folder / "state")

    imported(again, folder / "state")
    assert content(again) == content(url)


@pytest.mark.sqlite
def test_only_what_passes_the_filter(full_url: str, folder: Path) -> None:
    """As ``runs list`` has it; the definitions are all there."""
    report = export_legacy(full_url, folder / "state", run_filter=RunFilter(status="failed"))

    assert shards(folder / "state").keys() == {"may-2"}
    assert (report.runs, report.hot, report.definitions) == (1, 0, 1)


@pytest.mark.sqlite
def test_an_empty_store_is_an_empty_state_directory(store_url: str, folder: Path) -> None:
    """The engine starts on it without runs."""
    export_legacy(store_url, folder / "state")

    assert hot(folder / "state") == {}


@pytest.mark.sqlite
def test_an_existing_folder_is_left_alone(full_url: str, folder: Path) -> None:
    """Also an empty one, and one that two calls write at once."""
    (folder / "state").mkdir()
    with pytest.raises(StoreError, match="is there already"):
        export_legacy(full_url, folder / "state")
    (folder / "other.unfinished").mkdir()
    with (
        file_lock(folder / "other.unfinished" / "lock", patience_s=0, busy=""),
        pytest.raises(StoreLockedError, match="wait for its end"),
    ):
        export_legacy(full_url, folder / "other")

    assert list((folder / "state").iterdir()) == []
    assert not (folder / "other").exists()


class StoppedError(Exception):
    """The end of a call that did not come to its own."""


def stopped(url: str, target: Path, at: int) -> None:
    """Export until so many pages are written, then fail."""
    calls = 0

    def stop(*_: object) -> None:
        nonlocal calls
        calls += 1
        if calls == at:
            raise StoppedError

    with pytest.raises(StoppedError):
        export_legacy(url, target, progress=stop)


@pytest.fixture
def long_url(store_url: str) -> str:
    """More runs than one page has."""
    with open_store(store_url) as store, store.begin() as tx:
        tx.runs.add_many(new_run(f"r{number:03}", status="paused") for number in range(120))
    return store_url


def test_an_interrupted_export_goes_on(long_url: str, folder: Path) -> None:
    """Nothing that looks complete is there before; what is there is not written again."""
    stopped(long_url, folder / "state", 2)

    assert [path.name for path in folder.iterdir()] == ["state.unfinished"]
    report = export_legacy(long_url, folder / "state")

    assert (report.runs, report.already_there, report.hot) == (120, 100, 120)
    assert [path.name for path in folder.iterdir()] == ["state"]
    assert shards(folder / "state").keys() == hot(folder / "state").keys()
    assert len(hot(folder / "state")) == 120


#: Exports in a process that kills itself: when it was told of progress so often, as it is about to
#: give the folder its name, or when it has just done so.
SUICIDE = """
import os, pathlib, signal, sys
from tandem_store import export_legacy
url, target, at = sys.argv[1:]
calls, rename = 0, pathlib.Path.rename
def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)
def count(*_):
    global calls
    calls += 1
    if str(calls) == at:
        die()
if at == "before":
    pathlib.Path.rename = die
if at == "after":
    pathlib.Path.rename = lambda *both: (rename(*both), die())
export_legacy(url, target, progress=count)
"""


@pytest.mark.sqlite
@pytest.mark.parametrize("moments", [["1", "2", "3", "before"], ["2", "after"]])
def test_a_killed_export_goes_on(moments: list[str], long_url: str, folder: Path) -> None:
    """A folder under its name is complete; until then there is none."""
    target = folder / "state"
    for at in moments:
        assert not target.exists()
        line = [sys.executable, "-c", SUICIDE, long_url, str(target), at]
        assert subprocess.run(line, check=False).returncode == -signal.SIGKILL

    if not target.exists():
        export_legacy(long_url, target)
        assert [path.name for path in folder.iterdir()] == ["state"]
    again = str(folder / "again.db")
    imported(again, target)
    assert content(again) == content(long_url)
    assert hot(target).keys() == shards(target).keys()


@pytest.mark.sqlite
def test_what_changed_meanwhile_is_written_as_it_is_now(long_url: str, folder: Path) -> None:
    """Runs that were updated, moved to another month, deleted or added; files that were lost."""
    stopped(long_url, folder / "state", 2)
    with open_store(long_url) as store, store.begin() as tx:
        tx.runs.update("r000", lambda run: run.changed(detail="new"))
        tx.runs.update("r001", lambda run: run.changed(status="completed"))
        tx.runs.delete("r002")
        tx.runs.add(new_run("added"))
    unfinished = folder / "state.unfinished" / "state"
    (lost,) = unfinished.rglob("r003.json")
    lost.unlink()
    (cut,) = unfinished.rglob("r004.json")
    cut.write_bytes(cut.read_bytes()[:-1])

    report = export_legacy(long_url, folder / "state")

    assert report.already_there == 100 - 5
    found = {run_id: run.to_legacy() for run_id, run in shards(folder / "state").items()}
    assert found == stored_runs(long_url)


@pytest.mark.sqlite
def test_another_filter_leaves_nothing_of_the_first(long_url: str, folder: Path) -> None:
    """The unfinished folder may be from a call with other options."""
    stopped(long_url, folder / "state", 2)

    export_legacy(long_url, folder / "state", run_filter=RunFilter(text="r05"))

    assert sorted(shards(folder / "state")) == [f"r05{digit}" for digit in range(10)]


@pytest.mark.sqlite
def test_an_unfinished_export_is_no_state_directory(long_url: str, folder: Path) -> None:
    """An import of it would take a part for the whole."""
    stopped(long_url, folder / "state", 2)

    with pytest.raises(StoreError, match="state directory"):
        imported(str(folder / "new.db"), folder / "state.unfinished")


@pytest.mark.sqlite
def test_the_report_counts_what_stays_behind(state: StateDir, url: str, folder: Path) -> None:
    """Bytes in quarantine are in no export."""
    shutil.copytree(REPOSITORY / "examples" / "damaged", state.root, dirs_exist_ok=True)
    imported(url, state.root)

    report: LegacyExportReport = export_legacy(url, folder / "state")

    assert report.quarantined == 3
    assert report.to_json()["quarantined"] == 3
