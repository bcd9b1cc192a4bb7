"""The example state directory, imported as a new user would."""

from __future__ import annotations

import hashlib
import sqlite3

import orjson
import pytest

from tests.support import REPOSITORY
from tests.support.databases import file_of
from tests.support.importing import shards_of
from tests.support.json_values import exact
from tests.support.program import answer, process
from tests.support.state_directories import Json
from tests.support.stored import bare_connection, dump, scalar, stored_runs

SAMPLE = REPOSITORY / "examples" / "state"
COPIES, RUNS, IN_HOT_FILE = 134, 120, 14


@pytest.fixture(scope="module")
def sample_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database for the sample that does not exist yet."""
    return f"sqlite:///{tmp_path_factory.mktemp('sample') / 'runs.db'}"


@pytest.fixture(scope="module")
def report(sample_url: str) -> Json:
    """The report of the first import, by a process of its own."""
    done = process("--db", sample_url, "import", str(SAMPLE), "--json")
    assert done.returncode == 0, done.stderr.decode()
    answer: Json = orjson.loads(done.stdout)
    return answer


def test_the_first_import_places_every_run_once(report: Json) -> None:
    """134 copies are 120 runs: the hot file's 14 are held by shards as well."""
    outcomes = {name: count for name, count in report["outcomes"].items() if count}

    assert outcomes == {"imported": RUNS, "superseded": IN_HOT_FILE}
    assert len(report["outcomes"]) == 7
    assert (report["copies"], report["runs"]) == (COPIES, RUNS)
    assert report["quarantined"] == []


def test_the_second_import_writes_nothing(sample_url: str, report: Json) -> None:
    """Every copy is unchanged, the dump is the same, and so is every byte of the file."""
    assert report["runs"] == RUNS
    before = dump(sample_url)
    digest = file_digest(sample_url)

    again = answer("--db", sample_url, "import", str(SAMPLE))

    assert {name: count for name, count in again["outcomes"].items() if count} == {
        "unchanged": COPIES
    }
    assert dump(sample_url) == before
    assert file_digest(sample_url) == digest


def test_snapshots_are_stored_once_each(sample_url: str, report: Json) -> None:
    """111 runs have a snapshot; without their volatile keys those are 12."""
    assert report["runs"] == RUNS

    assert scalar(sample_url, "SELECT count(*) FROM runs WHERE snapshot_id IS NOT NULL") == 111
    assert scalar(sample_url, "SELECT count(*) FROM automation_snapshots") == 12


def test_documents_lie_in_one_table_a_month(sample_url: str, report: Json) -> None:
    """The five month tables hold as many documents as ``months list`` tells runs."""
    listed = {
        item["month"]: item["runs"]
        for item in answer("--db", sample_url, "months", "list")["items"]
    }

    with bare_connection(sample_url) as connection:
        tables = month_tables(connection)
    assert len(tables) == 5
    assert {name.replace("_", "-"): count for name, count in tables.items()} == listed
    assert listed == report["months"]
    assert sum(listed.values()) == RUNS


def test_stripped_hot_runs_are_whole_in_the_store(sample_url: str, report: Json) -> None:
    """Nine runs lost their outputs and ten their snapshot in the hot file; the shards have them."""
    assert report["runs"] == RUNS
    shards = {run["run_id"]: run for run in shards_of(SAMPLE)}
    hot = hot_runs()
    hollow = [
        name
        for name, run in hot.items()
        if not run["checkpoint"]["node_outputs"] and run["checkpoint"]["completed_nodes"]
    ]
    bare = [
        name
        for name, run in hot.items()
        if "automation_snapshot" not in run and "automation_snapshot" in shards[name]
    ]

    shown = {name: answer("--db", sample_url, "runs", "show", name) for name in {*hollow, *bare}}

    assert (len(hollow), len(bare)) == (9, 10)
    assert exact(shown) == exact({name: shards[name] for name in shown})


def test_every_run_equals_its_shard(sample_url: str, report: Json) -> None:
    """Value by value, and kind of number by kind of number."""
    assert report["runs"] == RUNS

    assert exact(stored_runs(sample_url)) == exact(
        {run["run_id"]: run for run in shards_of(SAMPLE)}
    )


def test_the_store_verifies_against_its_source(sample_url: str, report: Json) -> None:
    """``verify`` reads the sample again and finds no difference."""
    checked = answer("--db", sample_url, "verify", str(SAMPLE))

    assert report["runs"] == RUNS
    assert checked["differences"] == []
    assert checked["same"] == checked["checked"] > 0


def file_digest(url: str) -> str:
    """SHA-256 of the database file and of its log, if there is one."""
    path = file_of(url)
    log = path.with_name(f"{path.name}-wal")
    content = path.read_bytes() + (log.read_bytes() if log.exists() else b"")
    return hashlib.sha256(content).hexdigest()


def month_tables(connection: sqlite3.Connection) -> dict[str, int]:
    """Rows by ``YYYY_MM`` of every table of documents, the empty parent left out."""
    names = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'run_documents_%'"
    ).fetchall()
    return {
        name.removeprefix("run_documents_"): connection.execute(
            f'SELECT count(*) FROM "{name}"'
        ).fetchone()[0]
        for (name,) in names
    }


def hot_runs() -> dict[str, Json]:
    """The entries of the sample's hot file."""
    content = (SAMPLE / "data" / "automation_v2_runs.json").read_bytes()
    runs: dict[str, Json] = orjson.loads(content)["runs"]
    return runs
