"""SQLite files: made whole or not at all, put in order after a kill, and kept small."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from shutil import rmtree
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from tandem_store import Store, StoreError, open_store
from tandem_store.database import new_file, revisions, sqlite_files
from tests.support import REPOSITORY
from tests.support.databases import file_of
from tests.support.run_records import new_run

needs_forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
pytestmark = [
    pytest.mark.sqlite,
    pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork.*:DeprecationWarning"),
]


def killed_after(statements: int, url: str) -> bool:
    """Upgrade in a process that kills itself after so many statements; False if it had fewer."""
    child = os.fork()
    if child == 0:
        left = iter(range(statements))

        def count(*_: object) -> None:
            if next(left, None) is None:
                os.kill(os.getpid(), signal.SIGKILL)

        connect = sqlite3.connect

        def counting(*arguments: Any, **options: Any) -> sqlite3.Connection:
            connection = connect(*arguments, **options)
            connection.set_trace_callback(count)
            return connection

        try:
            sys.addaudithook(lambda what, _: count() if what == "os.rename" else None)
            sqlite3.connect = counting  # type: ignore[assignment]
            revisions.upgrade(url)
        finally:
            os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, -signal.SIGKILL)
    return status != 0


@needs_forks
class TestKilled:
    def test_a_file_is_there_whole_or_not_at_all(self, tmp_path: Path) -> None:
        """Killed at any moment, nobody finds half of it, and the same again makes it."""
        statements, kills = 0, 0
        while killed_after(statements, url := f"sqlite:///{tmp_path}/{statements}.db"):
            assert revisions.current(url) is None, statements
            assert not file_of(url).exists(), statements
            kills, statements = kills + 1, statements + (1 if kills < 8 else 4)
            if kills % 3 == 0:
                assert revisions.upgrade(url) is None
                open_store(url).close()
                assert not list(tmp_path.glob(f".{file_of(url).name}.unfinished*"))

        assert kills > 15
        assert revisions.current(url) == revisions.HEAD

    @pytest.mark.parametrize("moment", ["before a page", "before a table", "between revisions"])
    def test_what_an_earlier_version_left_is_finished(self, empty_url: str, moment: str) -> None:
        """It made files where they belong, and may have been killed."""
        path = file_of(empty_url)
        if moment == "before a page":
            path.touch()
        elif moment == "before a table":
            with sqlite3.connect(path) as connection:
                connection.execute("PRAGMA application_id=0x5453746F")
                connection.execute("VACUUM")
            connection.close()
        else:
            revisions.upgrade(empty_url)
            subprocess.run(
                [sys.executable, "-m", "alembic", "-c", "alembic.ini", "downgrade", "0001"],
                env={**os.environ, "TANDEM_STORE_URL": empty_url},
                cwd=REPOSITORY,
                check=True,
                capture_output=True,
            )

        assert revisions.upgrade(empty_url) in (None, "0001")

        open_store(empty_url).close()


def leave_a_hot_journal(path: Path, *statements: str) -> None:
    """Kill a process in the middle of a transaction that has reached the file."""
    program = (
        "import os, signal, sqlite3, sys\n"
        "connection = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "for one in sys.argv[2:]: connection.execute(one)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(path), *statements])
    assert done.returncode == -signal.SIGKILL
    assert path.with_name(f"{path.name}-journal").stat().st_size


#: More than fits into the cache, so that it is written before the end.
SPILLED = (
    "PRAGMA journal_mode=DELETE",
    "PRAGMA cache_size=1",
    "BEGIN IMMEDIATE",
    "CREATE TABLE tried AS WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c "
    "WHERE x < 100) SELECT x, zeroblob(10000) AS zeros FROM c",
)


class TestHotJournals:
    def test_a_store_is_read_again(self, store: Store, store_url: str) -> None:
        """Reading is read-only, and what was left half-done cannot be undone that way."""
        with store.begin() as tx:
            tx.runs.add(new_run("r"))
        store.close()
        leave_a_hot_journal(file_of(store_url), *SPILLED)

        with open_store(store_url) as again, again.read() as tx:
            assert tx.runs.exists("r")
        with open_store(store_url) as again, again.begin() as tx:
            tx.runs.add(new_run("s"))

    def test_a_file_that_was_never_finished_is_upgraded(self, empty_url: str) -> None:
        """Both the question for the revision and the upgrade get over it."""
        leave_a_hot_journal(file_of(empty_url), "PRAGMA application_id=0x5453746F", *SPILLED)

        assert revisions.current(empty_url) is None
        assert revisions.upgrade(empty_url) is None

        open_store(empty_url).close()


class TestModes:
    @pytest.mark.parametrize("content", ["empty", "no tables"])
    def test_what_was_there_becomes_its_owners_alone(self, empty_url: str, content: str) -> None:
        """As a file that we make, before there is a run in it."""
        path = file_of(empty_url)
        with sqlite3.connect(path) as connection:
            if content == "no tables":
                connection.execute("VACUUM")
        connection.close()
        path.touch()
        path.chmod(0o644)

        revisions.upgrade(empty_url)

        assert path.stat().st_mode & 0o777 == 0o600

    def test_a_link_stays_a_link(self, tmp_path: Path) -> None:
        """The file is made where it leads to."""
        link = tmp_path / "link.db"
        link.symlink_to(tmp_path / "place.db")

        revisions.upgrade(str(link))

        assert link.is_symlink()
        assert (tmp_path / "place.db").stat().st_mode & 0o777 == 0o600

    def test_a_failed_upgrade_leaves_nothing(
        self, empty_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Neither a file nor a part of one."""

        def fail(*_: object) -> None:
            raise StoreError("Not today.")

        monkeypatch.setattr("tandem_store.database.version_table.read", fail)
        script = tmp_path / "script" / new_file.SCRIPT
        script.parent.mkdir()
        script.write_text("CREATE TABLE half (a); CREATE no sense")
        monkeypatch.setattr(revisions, "migrations_folder", lambda: script.parent)
        with pytest.raises((StoreError, sqlite3.OperationalError), match=r"Not today|syntax error"):
            revisions.upgrade(f"{empty_url}x")
        rmtree(script.parent)

        assert [path.name for path in tmp_path.iterdir()] in ([], ["store.dbx.lock"])


class TestTheWriteAheadLog:
    @pytest.fixture
    def limit(self, monkeypatch: pytest.MonkeyPatch) -> int:
        """A small limit, in bytes."""
        monkeypatch.setattr(sqlite_files, "LOG_LIMIT", 400_000)
        monkeypatch.setattr("tandem_store.database.sqlite.LOG_LIMIT", 400_000)
        return 400_000

    def grow(self, store: Store, url: str) -> int:
        """Write while somebody reads; returns the size of the log."""
        with store.read() as reading:
            reading.runs.count()
            for number in range(30):
                with store.begin() as tx:
                    tx.runs.add(new_run(f"r{number}", detail=os.urandom(40_000).hex()))
        return sqlite_files.log_size(file_of(url))

    def test_writers_cut_it_off_after_a_long_reader(
        self, store_url: str, limit: int, checkpoints: None
    ) -> None:
        """The second write after it, in a service that never ends."""
        with open_store(store_url) as store:
            assert self.grow(store, store_url) > 3 * limit

            for name in ("a", "b", "c"):
                with store.begin() as tx:
                    tx.runs.add(new_run(name))

            assert sqlite_files.log_size(file_of(store_url)) <= limit

    @pytest.fixture
    def checkpoints(self) -> Iterator[None]:
        """Let SQLite fold the log in after every 4 pages."""

        def often(connection: sqlite3.Connection, _: object) -> None:
            connection.execute("PRAGMA wal_autocheckpoint=4")

        event.listen(Engine, "connect", often)
        yield
        event.remove(Engine, "connect", often)

    def test_a_store_that_is_closed_cuts_it_off(self, store_url: str, limit: int) -> None:
        """Also if others have the file open, and this one only read."""
        with open_store(store_url) as other:
            with other.begin() as tx:
                tx.runs.add(new_run("first"))
            assert self.grow(other, store_url) > 3 * limit

            open_store(store_url).close()

            assert sqlite_files.log_size(file_of(store_url)) == 0
            with other.read() as tx:
                assert tx.runs.count() == 31

    def test_a_reader_that_stays_is_not_waited_for(self, store_url: str, limit: int) -> None:
        """Closing is quick; the next one cuts it off."""
        with open_store(store_url) as other, other.read() as reading:
            reading.runs.count()
            with open_store(store_url) as store:
                self.grow(store, store_url)
            assert sqlite_files.log_size(file_of(store_url)) > limit
            assert reading.runs.count() == 0


def test_one_of_four_upgrades_says_that_it_did_it(empty_url: str) -> None:
    """The others waited, and found it done."""
    found: list[str | None] = []
    threads = [
        threading.Thread(target=lambda: found.append(revisions.upgrade(empty_url)))
        for _ in range(4)
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()

    assert sorted(found, key=str) == [revisions.HEAD] * 3 + [None]
