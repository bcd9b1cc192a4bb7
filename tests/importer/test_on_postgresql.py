"""The import into PostgreSQL: the same as into SQLite, and what only a server can do to it."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import orjson
import psutil  # type: ignore[import-untyped]  # its stubs are a package of their own
import pytest
from sqlalchemy import URL, make_url

from benchmarks.generate import write_shards
from tandem_store import RunRecord, open_store
from tandem_store.database import revisions
from tandem_store.database.locks.jobs import import_lock
from tandem_store.errors import StoreError, StoreLockedError
from tandem_store.importer import storing
from tests.importer.traps import lay_all
from tests.support import REPOSITORY
from tests.support.databases import NewStore, running_server, server_url
from tests.support.importing import imported
from tests.support.program import answer, command, process
from tests.support.state_directories import Json, StateDir, damaged, full_run, run
from tests.support.stored import bare_connection, dump

SAMPLE = REPOSITORY / "examples" / "state"
#: More than three of the command's own transactions.
SHARDS = 1_300
TABLES = """
    SELECT c.oid::regclass::text FROM pg_class c
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') ORDER BY 1
"""


def by_command(url: str, state: Path) -> Json:
    """Import by a process of its own; its report without what always differs."""
    done = process("--db", url, "import", str(state), "--json")
    assert done.returncode in {0, 3}, done.stderr.decode()
    report: Json = orjson.loads(done.stdout)
    return {key: value for key, value in report.items() if key != "seconds"}


def written(url: str) -> dict[str, Any]:
    """How many rows each table has, and the transactions that wrote the first and last of them."""
    with bare_connection(url) as connection:
        tables = [name for (name,) in connection.execute(TABLES)]
        query = "SELECT count(*), min(xmin::text::bigint), max(xmin::text::bigint) FROM "
        return {name: connection.execute(query + name).fetchone() for name in tables}


@pytest.mark.postgresql
def test_the_sample_is_the_same_store_on_either(store_url: str, tmp_path: Path) -> None:
    """Same report, same dump, and both verify."""
    sqlite_url = f"sqlite:///{tmp_path / 'runs.db'}"

    assert by_command(store_url, SAMPLE) == by_command(sqlite_url, SAMPLE)

    assert dump(store_url) == dump(sqlite_url)
    checked = answer("--db", store_url, "verify", str(SAMPLE))
    assert checked["same"] == checked["checked"] == 134


@pytest.mark.postgresql
def test_all_traps_are_the_same_store_on_either(
    store_url: str, state: StateDir, tmp_path: Path
) -> None:
    """Same outcomes, same quarantine, same dump; the second import too."""
    lay_all(state)
    sqlite_url = f"sqlite:///{tmp_path / 'runs.db'}"

    for _ in range(2):
        assert by_command(store_url, state.root) == by_command(sqlite_url, state.root)

    assert dump(store_url) == dump(sqlite_url)


@pytest.mark.postgresql
def test_the_second_import_writes_no_row(store_url: str) -> None:
    """Not even one that is as before."""
    by_command(store_url, SAMPLE)
    before = written(store_url)

    again = by_command(store_url, SAMPLE)

    assert again["outcomes"]["unchanged"] == again["copies"] == 134
    assert written(store_url) == before


@pytest.mark.postgresql
def test_a_dry_run_creates_nothing_on_the_server(store_url: str, state: StateDir) -> None:
    """Neither into an empty store nor into one that has runs, and its numbers come true."""
    state.shard(run("one"))
    state.hot({"two": damaged("two")})
    for _ in range(2):
        before = written(store_url)

        planned = imported(store_url, state.root, dry_run=True)

        assert written(store_url) == before
        done = imported(store_url, state.root)
        for same in ("outcomes", "months", "by_month", "quarantined", "runs"):
            assert planned[same] == done[same]
        assert (planned["dry_run"], done["dry_run"]) == (True, False)
        state.shard(run("one", hours=5))
        state.shard(full_run("three", hours=2_000))


@pytest.mark.postgresql
def test_a_dry_run_sees_a_detached_month(store_url: str, state: StateDir) -> None:
    """Its documents are not there to be copied, which is no reason to fail."""
    state.shard(run("one"))
    imported(store_url, state.root)
    with open_store(store_url) as store, store.begin() as tx:
        tx.runs.delete("one")
        tx.connection.exec_driver_sql("UPDATE months SET state = 'detached'")

    assert imported(store_url, state.root, dry_run=True)["outcomes"]["unchanged"] == 1


@pytest.mark.postgresql
def test_one_import_at_a_time(store_url: str, state: StateDir) -> None:
    """The second is refused with an exit code of its own; once the first has ended, it may run."""
    state.shard(run("one"))

    with import_lock(store_url):
        refused = command("--db", store_url, "import", str(state.root))
        with pytest.raises(StoreLockedError, match="Another import"), import_lock(store_url):
            pass

    assert refused.exit_code == 6
    assert "Another import is running on this store" in refused.stderr
    assert imported(store_url, state.root)["runs"] == 1


@pytest.mark.postgresql
def test_two_stores_in_one_database_do_not_wait_for_each_other(
    store_url: str, state: StateDir
) -> None:
    """A store is a schema, whatever its name."""
    state.shard(run("one"))
    schema = {"schema": "Runs of ours"}
    other = make_url(store_url).update_query_dict(schema).render_as_string(False)
    revisions.upgrade(other)

    with import_lock(store_url):
        planned = imported(other, state.root, dry_run=True)
        done = imported(other, state.root)

    assert (planned["runs"], done["runs"]) == (1, 1)
    imported(store_url, state.root)
    assert dump(store_url) == dump(other)


@pytest.mark.postgresql
def test_the_lock_ends_with_the_process(store_url: str) -> None:
    """Killed, it leaves nothing behind that somebody would have to remove."""
    hold = (
        "import sys, time\nfrom tandem_store.database.locks.jobs import import_lock\n"
        "with import_lock(sys.argv[1]):\n    print('held', flush=True)\n    time.sleep(60)"
    )
    line = [sys.executable, "-c", hold, store_url]
    with subprocess.Popen(line, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        holder.send_signal(signal.SIGKILL)

    with import_lock(store_url):
        pass


@pytest.mark.postgresql
def test_what_a_service_is_writing_is_not_overwritten(store_url: str, state: StateDir) -> None:
    """The import waits for the service's transaction, and judges what that left."""
    state.shard(run("busy"))
    imported(store_url, state.root)
    state.shard(run("busy", hours=2, detail="by the engine"))
    newest = RunRecord.model_validate(run("busy", hours=5, detail="by the service"))
    with ThreadPoolExecutor(1) as pool, open_store(store_url) as store:
        with store.begin() as tx:
            tx.runs.save(newest, force=True)
            importing = pool.submit(imported, store_url, state.root)
            time.sleep(1)

        assert importing.result(timeout=30)["outcomes"]["superseded"] == 1
        with store.read() as tx:
            assert tx.runs.get("busy") == newest


@pytest.mark.postgresql
def test_runs_stored_by_others_at_the_same_moment_are_told(
    store_url: str, state: StateDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not as a defect; and the same import goes on."""
    state.shard(run("first"))
    imported(store_url, state.root)
    state.shard(run("mine"))
    look = storing.taken_ids

    def too_early(*arguments: Any) -> set[str]:
        taken = look(*arguments)
        with open_store(store_url) as store, store.begin() as tx:
            tx.runs.add(RunRecord.model_validate(run("mine", detail="by the service")))
        return taken

    with monkeypatch.context() as patched:
        patched.setattr(storing, "taken_ids", too_early)
        with pytest.raises(StoreLockedError, match="run the import again"):
            imported(store_url, state.root)

    assert imported(store_url, state.root)["outcomes"]["superseded"] == 1


@pytest.mark.postgresql
def test_a_user_that_owns_no_table_imports_into_months_that_were_made(
    store_url: str, postgresql_user_url: URL, state: StateDir
) -> None:
    """Until then the import names the command that the owner has to run, and then it goes on."""
    state.shard(run("one"))
    state.shard(run("two", hours=1))
    url = postgresql_user_url.render_as_string(hide_password=False)

    with pytest.raises(StoreError, match="tandem-store months ensure 2026-05"):
        imported(url, state.root)
    answer("--db", store_url, "months", "ensure", "2026-05")

    assert imported(url, state.root)["outcomes"]["imported"] == 2


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state directory that the command needs several transactions for."""
    root = tmp_path_factory.mktemp("shards")
    write_shards(root, runs=SHARDS)
    return root


@pytest.mark.sqlite
def test_a_server_that_dies_is_told_and_the_import_can_be_run_again(
    shards: Path, new_store: NewStore
) -> None:
    """Killed outright, then stopped at once: nothing is lost, nothing is doubled."""
    sqlite_url = new_store()
    by_command(sqlite_url, shards)
    with running_server() as server:
        url = server_url(server).render_as_string(hide_password=False)
        revisions.upgrade(url)

        for how in (signal.SIGKILL, signal.SIGQUIT):
            code, words = imported_until_the_server_dies(url, shards, server, how)
            assert code == 1
            assert "Error: The" in words
            assert "PostgreSQL server" in words
            assert "Traceback" not in words
            server.ensure_postgres_running()
        report = by_command(url, shards)

        assert report["runs"] == sum(report["outcomes"].values()) == SHARDS
        assert dump(url) == dump(sqlite_url)


def imported_until_the_server_dies(
    url: str, state: Path, server: Any, how: signal.Signals
) -> tuple[int, str]:
    """Stop the server when the import has committed something; its exit code and its words."""
    line = [sys.executable, "-m", "tandem_store", "--db", url, "import", str(state), "--jobs", "2"]
    postmaster = psutil.Process(server.get_pid())
    with bare_connection(url) as connection:
        count = "SELECT count(*) FROM import_entries"
        (before,) = connection.execute(count).fetchone()
        importer = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        while connection.execute(count).fetchone() == (before,):
            assert importer.poll() is None, "the import was done before"
            time.sleep(0.01)
        backends = postmaster.children(recursive=True)
        postmaster.send_signal(how)
        _, errors = importer.communicate(timeout=60)
    psutil.wait_procs([postmaster, *backends], timeout=20)
    return importer.returncode, errors.decode()
