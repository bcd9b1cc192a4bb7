"""How databases are named, made, opened and refused."""

from __future__ import annotations

import builtins
import os
import re
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import insert, inspect, make_url, select, text
from sqlalchemy.exc import DBAPIError

from tandem_store import tables
from tandem_store.database import revisions, urls, waiting
from tandem_store.database.engines import Engines, create_engines
from tandem_store.database.error_translation import translate
from tandem_store.database.sqlite_files import APPLICATION_ID, to_be_upgraded
from tandem_store.database.urls import database_url, sqlite_path
from tandem_store.errors import NotAStoreError, StoreError, StoreLockedError
from tests.support.databases import file_of

Opener = Callable[..., Engines]


def pragma(engines: Engines, name: str) -> object:
    """What SQLite says about one setting of a writing connection."""
    with engines.write.connect() as connection:
        return connection.exec_driver_sql(f"PRAGMA {name}").scalar()


class TestNaming:
    def test_a_bare_path_is_an_sqlite_file(self, tmp_path: Path) -> None:
        """People type file names, not URLs."""
        url = database_url(str(tmp_path / "my runs.db"))

        assert sqlite_path(url) == tmp_path / "my runs.db"

    def test_a_relative_path_stays_the_same_file_if_the_folder_changes(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A service that changes its folder keeps its database."""
        monkeypatch.chdir(tmp_path)

        url = database_url("sqlite:///runs.db")

        assert sqlite_path(url) == tmp_path / "runs.db"

    @pytest.mark.parametrize(
        "name", ["sqlite://", "sqlite:///:memory:", ":memory:", "sqlite:///file:x?mode=memory"]
    )
    def test_in_memory_sqlite_is_refused_with_the_reason(self, name: str) -> None:
        """Each pooled connection would see a database of its own."""
        with pytest.raises(StoreError, match="every connection would see a different"):
            database_url(name)

    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("mysql://host/db", "'mysql' is not supported"),
            ("postgresql+asyncpg://host/db", "postgresql\\+psycopg://"),
            ("://", "not a database URL"),
            ("sqlite:///x.db?mode=ro", "Options after the \\?"),
            ("sqlite:///is it?.db", "a \\? in the name of the file as %3F"),
            ("sqlite:runs.db", "lacks slashes: write sqlite:///FILE"),
            ("postgresql:/host/db", "lacks slashes"),
            ("sqlite://runs.db", "write sqlite:///FILE"),
            ("sqlite://folder/runs.db", "write sqlite:///FILE"),
            ("", "name of the database is empty"),
            (" ", "name of the database is empty"),
            ("postgresql://host/db?schema=$user", "cannot be called '\\$user'"),
            ("postgresql://host/db?schema=pg_x", "does not begin with pg_"),
            ("postgresql://host/db?schema=" + "é" * 40, "1 to 63 bytes"),
        ],
    )
    def test_what_we_cannot_open_is_refused_in_a_sentence(self, name: str, words: str) -> None:
        """The sentence names what would work."""
        with pytest.raises(StoreError, match=words):
            database_url(name)

    def test_a_folder_is_refused(self, tmp_path: Path) -> None:
        """Its name is often a slip for that of a file in it."""
        with pytest.raises(StoreError, match=r"is a folder. Name a file in it, as .*runs\.db"):
            database_url(str(tmp_path))

    def test_a_refused_url_does_not_tell_its_password(self) -> None:
        """Without a host, the parser takes it for a port and says it."""
        with pytest.raises(StoreError) as caught:
            database_url("postgresql://me:s3cret/db")

        assert "s3cret" not in str(caught.value)

    def test_what_follows_an_at_sign_in_a_password_is_no_host(self) -> None:
        """It would be told as the host that cannot be reached."""
        with pytest.raises(StoreError, match="in a password %40 for @") as caught:
            database_url("postgresql://me:s3@cret@host/db")

        assert "cret" not in str(caught.value)

    def test_a_question_mark_in_a_name_is_spelled_out(self, tmp_path: Path) -> None:
        """Behind a bare one the parser looks for options, and forgets what is none."""
        url = database_url(f"sqlite:///{tmp_path}/is it%3F.db")

        assert sqlite_path(url) == tmp_path / "is it?.db"

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with a name")
    def test_what_is_no_file_is_refused(self, tmp_path: Path) -> None:
        """A new database would take the place of a device, if root says so."""
        os.mkfifo(tmp_path / "pipe")

        with pytest.raises(StoreError, match="Name a file instead"):
            database_url(str(tmp_path / "pipe"))

    @pytest.mark.parametrize(
        "url",
        [
            "postgresql://me:s3cret@host/db",
            "postgresql://me@host/db?password=s3cret",
            "postgresql://host/db?sslpassword=s3cret&sslkey=k",
            "postgresql://host/db?passfile=/home/me/s3cret",
            "postgresql://host/db?PGPassword=s3cret",
            "postgresql://me:s3c%40ret@host/db",
            "postgresql://host/db?service=http://me:s3cret@other/",
            "postgresql://host/db?service=http%3A%2F%2Fme%3As3cret%40other",
        ],
    )
    def test_no_password_is_shown(self, url: str) -> None:
        """Wherever the driver takes one from."""
        shown = urls.shown(url)

        assert shown.startswith("postgresql+psycopg://")
        assert not re.search("s3c.*ret", shown)

    @pytest.mark.parametrize("path", ["runs.db", "../my runs.db", "/var/lib/user:name@x.db"])
    def test_a_path_is_shown_as_it_is(self, path: str) -> None:
        """As the operator typed it."""
        assert urls.shown(path) == path

    def test_postgresql_without_a_driver_uses_psycopg(self) -> None:
        """Hosters hand out URLs without a driver."""
        assert database_url("postgresql://host/db").drivername == "postgresql+psycopg"

    def test_a_missing_driver_names_the_command_that_installs_it(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The driver is an extra, so its absence is ordinary."""
        found = builtins.__import__

        def without_psycopg(name: str, *args: object, **kwargs: object) -> object:
            if name == "psycopg":
                raise ModuleNotFoundError(name)
            return found(name, *args, **kwargs)  # type: ignore[arg-type]

        monkeypatch.setattr(builtins, "__import__", without_psycopg)

        with pytest.raises(StoreError, match=r"pip install 'tandem-store\[postgres\]'"):
            create_engines("postgresql://host/db")


@pytest.mark.sqlite
class TestMaking:
    def test_a_new_file_is_its_owners_alone(self, engines: Engines, store_url: str) -> None:
        """Run records hold what people told their automations; so do the files beside it."""
        with engines.write.begin() as connection:
            connection.execute(text("DELETE FROM months"))
            folder = file_of(store_url).parent
            modes = {file.name: file.stat().st_mode & 0o777 for file in folder.glob("store.db*")}

        assert modes == {"store.db": 0o600, "store.db-wal": 0o600, "store.db-shm": 0o600}

    def test_a_new_file_has_our_page_size_and_gives_space_back(self, engines: Engines) -> None:
        """Both can only be chosen before the first table."""
        assert pragma(engines, "page_size") == 16_384
        assert pragma(engines, "auto_vacuum") == 2
        assert pragma(engines, "application_id") == APPLICATION_ID

    def test_an_empty_file_becomes_a_store(self, empty_url: str, open_engines: Opener) -> None:
        """``mktemp`` makes the file first; a process killed while making one leaves the same."""
        file_of(empty_url).touch()

        revisions.upgrade(empty_url)

        assert pragma(open_engines(empty_url), "page_size") == 16_384

    def test_a_database_without_tables_becomes_a_store(
        self, empty_url: str, open_engines: Opener
    ) -> None:
        """It belongs to nobody yet, and it is not refused after the upgrade either."""
        connection = sqlite3.connect(empty_url.removeprefix("sqlite:///"))
        connection.execute("VACUUM")
        connection.close()

        revisions.upgrade(empty_url)

        assert pragma(open_engines(empty_url), "page_size") == 16_384
        assert revisions.current(empty_url) == revisions.HEAD

    def test_a_missing_folder_is_said(self, tmp_path: Path) -> None:
        """A typing error in the path must not make folders."""
        with pytest.raises(StoreError, match=r"Cannot make .*absent/x.db: No such file"):
            with to_be_upgraded(database_url(str(tmp_path / "absent" / "x.db"))):
                pass

    @pytest.mark.parametrize("side", ["read", "write"])
    def test_opening_never_makes_a_file(
        self, side: str, empty_url: str, open_engines: Opener, tmp_path: Path
    ) -> None:
        """A mistyped name must not leave an empty database behind."""
        with pytest.raises(StoreError, match="tandem-store db upgrade"):
            getattr(open_engines(empty_url), side).connect()

        assert list(tmp_path.iterdir()) == []


@pytest.mark.sqlite
class TestRefusing:
    def test_a_file_that_is_no_database_is_left_alone(
        self, empty_url: str, open_engines: Opener
    ) -> None:
        """A mistyped name must not destroy a document."""
        path = file_of(empty_url)
        path.write_text("Dear diary, " * 100)

        with pytest.raises(NotAStoreError, match="not an SQLite database"):
            open_engines(empty_url).write.connect()
        with pytest.raises(NotAStoreError, match="not an SQLite database"):
            revisions.upgrade(empty_url)

        assert path.read_text() == "Dear diary, " * 100

    def test_a_damaged_header_is_refused(self, store_url: str, open_engines: Opener) -> None:
        """Half a disk block lost is enough."""
        with file_of(store_url).open("r+b") as file:
            file.write(b"\0" * 16)

        with pytest.raises(NotAStoreError, match="backup"):
            open_engines(store_url).read.connect()

    def test_a_database_of_another_program_is_refused(
        self, empty_url: str, open_engines: Opener
    ) -> None:
        """Our tables must not end up in a browser's history."""
        connection = sqlite3.connect(empty_url.removeprefix("sqlite:///"))
        connection.execute("CREATE TABLE bookmarks (url TEXT)")
        connection.close()

        for side in open_engines(empty_url):
            with pytest.raises(NotAStoreError, match="another program"):
                side.connect()
        with pytest.raises(NotAStoreError, match="another program"):
            revisions.upgrade(empty_url)


@pytest.mark.sqlite
class TestTransactions:
    def test_every_connection_has_our_settings(self, engines: Engines) -> None:
        """SQLite forgets most of them when a connection closes."""
        assert pragma(engines, "foreign_keys") == 1
        assert pragma(engines, "journal_mode") == "wal"
        assert pragma(engines, "synchronous") == 1
        assert pragma(engines, "busy_timeout") == 30_000

    def test_the_importer_may_trade_safety_for_speed(
        self, store_url: str, open_engines: Opener
    ) -> None:
        """A new file that a power cut loses is simply imported again."""
        assert pragma(open_engines(store_url, synchronous="OFF"), "synchronous") == 0

    def test_writers_take_turns_and_lose_nothing(self, engines: Engines) -> None:
        """Reading, adding one and writing back is safe, because the lock comes before the read."""
        months = tables.months
        with engines.write.begin() as connection:
            connection.execute(
                insert(months).values(month=202608, state="attached", attached_at_ms=0)
            )

        def add(times: int) -> None:
            for _ in range(times):
                with engines.write.begin() as connection:
                    value = connection.scalar(select(months.c.attached_at_ms))
                    assert value is not None
                    connection.execute(months.update().values(attached_at_ms=value + 1))

        threads = [threading.Thread(target=add, args=(25,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        with engines.read.connect() as connection:
            assert connection.scalar(select(months.c.attached_at_ms)) == 100

    def test_a_lock_held_too_long_is_said(
        self,
        engines: Engines,
        store_url: str,
        monkeypatch: pytest.MonkeyPatch,
        open_engines: Opener,
    ) -> None:
        """Waiting ends after the busy timeout, shortened here."""
        monkeypatch.setattr(waiting, "BUSY_TIMEOUT_S", 0.05)
        impatient = open_engines(store_url)

        with engines.write.begin():
            with pytest.raises(StoreLockedError, match="Another process"):
                with impatient.write.begin():
                    pass


class TestBothDatabases:
    def test_reading_cannot_write(self, engines: Engines) -> None:
        """The read engine refuses by connection, not by good manners."""
        with pytest.raises(StoreError, match="is for reading"):
            with engines.read.begin() as connection:
                connection.execute(text("DELETE FROM months"))

    @pytest.mark.postgresql
    def test_the_servers_defaults_do_not_matter(self, store_url: str, open_engines: Opener) -> None:
        """A default of SERIALIZABLE made writers fail that were not in each other's way."""
        name = make_url(store_url).database
        with open_engines(store_url).write.begin() as connection:
            for default in ("isolation = 'serializable'", "read_only = on"):
                connection.execute(text(f"ALTER DATABASE {name} SET default_transaction_{default}"))
        engines = open_engines(store_url)

        found = []
        for side in engines:
            for _ in range(2):  # also when the pool has had the connection back
                with side.connect() as connection:
                    shown = ("transaction_isolation", "transaction_read_only")
                    found.append([connection.scalar(text(f"SHOW {one}")) for one in shown])

        assert found == [["read committed", "off"]] * 2 + [["repeatable read", "on"]] * 2

    def test_reading_sees_one_moment(self, engines: Engines) -> None:
        """Two statements of one read agree, whatever is written in between."""
        count = select(tables.months.c.month)

        with engines.read.begin() as reader:
            before = reader.execute(count).all()
            with engines.write.begin() as writer:
                writer.execute(
                    insert(tables.months).values(month=202608, state="attached", attached_at_ms=0)
                )
            after = reader.execute(count).all()

        assert (before, after) == ([], [])

    def test_a_failed_block_undoes_tables_as_well(self, engines: Engines) -> None:
        """A month made by a transaction that fails was never made."""
        with pytest.raises(ZeroDivisionError):
            with engines.write.begin() as connection:
                connection.execute(text("CREATE TABLE tried (x INTEGER)"))
                raise ZeroDivisionError

        with engines.read.connect() as connection:
            assert not inspect(connection).has_table("tried")


@pytest.mark.sqlite
class TestTranslation:
    def test_what_is_not_a_drivers_failure_passes_unchanged(self) -> None:
        """A mistake in the program must not look like a broken disk."""
        assert translate(ValueError("no")) is None

    def test_a_broken_rule_is_left_to_who_knows_the_rule(self, engines: Engines) -> None:
        """What a taken id means is for the repository to say."""
        row = insert(tables.months).values(month=1, state="attached", attached_at_ms=0)

        with pytest.raises(DBAPIError, match="UNIQUE"):
            with engines.write.begin() as connection:
                connection.execute(row)
                connection.execute(row)

    def test_a_full_disk_is_said(self, engines: Engines) -> None:
        """The reader learns that nothing half-written was kept."""
        with pytest.raises(StoreError, match="disk is full"):
            with engines.write.begin() as connection:
                pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
                connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
                connection.execute(text("CREATE TABLE big AS SELECT zeroblob(1000000) AS zeros"))

    def test_a_server_that_is_not_there_is_said(self, open_engines: Opener) -> None:
        """With the driver's words at the end."""
        with pytest.raises(StoreError, match="connection to the PostgreSQL server failed"):
            open_engines("postgresql://localhost:1/none").read.connect()
