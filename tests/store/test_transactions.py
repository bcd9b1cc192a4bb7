"""Transactions: all or nothing, one writer at a time, and failures that say what happened."""

from __future__ import annotations

import secrets
import shutil
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import psycopg
import pytest
from sqlalchemy import Connection, event, insert, text
from sqlalchemy.exc import IntegrityError, ProgrammingError

from tandem_store import (
    ConflictError,
    Store,
    StoreError,
    StoreLockedError,
    TenantScope,
    open_store,
    tables,
)
from tandem_store.database import waiting
from tests.support.changes import one_more_token
from tests.support.databases import file_of
from tests.support.run_records import new_run

ACME = TenantScope(org_id="acme", workspace_id="north")


def test_rolls_back_on_any_exception(store: Store) -> None:
    """What a failed transaction did is undone, also when it was interrupted."""
    for failure in (ValueError, KeyboardInterrupt):
        with pytest.raises(failure), store.begin() as tx:
            tx.runs.add(new_run("r"))
            raise failure

    with store.read() as tx:
        assert not tx.runs.exists("r")


def test_commits_on_clean_exit(store: Store, store_url: str) -> None:
    """Another process sees what was written, as soon as the block is left."""
    with store.begin() as tx:
        tx.runs.add(new_run("r"))
        with open_store(store_url) as other, other.read() as reading:
            assert not reading.runs.exists("r")

    with open_store(store_url) as other, other.read() as reading:
        assert reading.runs.exists("r")


def test_reading_cannot_write(store: Store) -> None:
    """Not by a method, and not by a statement either, which is told how to do it."""
    with store.read() as tx:
        assert not hasattr(tx.runs, "add")
    with store.read() as tx:
        with pytest.raises(StoreError, match=r"is for reading; .* begin one with store\.begin"):
            tx.connection.execute(text("DELETE FROM months"))


def test_a_reader_sees_one_moment(store: Store) -> None:
    """What is committed while a reading transaction lasts stays invisible to it."""
    with store.read() as reading:
        assert reading.runs.count() == 0
        with store.begin() as tx:
            tx.runs.add(new_run("r"))
        assert reading.runs.count() == 0
        assert reading.runs.get("r") is None


def test_a_thread_has_one_writing_transaction_at_a_time(store: Store) -> None:
    """A second one would wait for the first, which is waiting for it; reading is allowed."""
    with store.begin() as tx:
        for nested in (store, store.for_tenant(ACME)):
            with pytest.raises(StoreError, match="Pass its tx on"), nested.begin():
                pass
        with store.read() as reading:
            assert reading.runs.count() == 0
        tx.runs.add(new_run("r"))
    with store.begin() as tx:
        assert tx.runs.exists("r")


def test_threads_share_a_store(store: Store) -> None:
    """Many more of them than a pool keeps, all writing and reading at once."""
    with store.begin() as tx:
        tx.runs.add(new_run("shared", total_tokens=0))

    def work(number: int) -> None:
        with store.begin() as tx:
            tx.runs.add(new_run(f"r{number:02}"))
            tx.runs.update("shared", one_more_token)
        with store.read() as tx:
            assert tx.runs.get(f"r{number:02}") == new_run(f"r{number:02}")

    with ThreadPoolExecutor(40) as pool:
        list(pool.map(work, range(40)))

    with store.read() as tx:
        assert tx.runs.count() == 41
        shared = tx.runs.get_versioned("shared")
    assert shared is not None
    assert (shared.run.total_tokens, shared.revision) == (40, 41)


def fill(connection: Connection) -> None:
    """Let the disk be full, as far as SQLite can tell."""
    pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
    connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")


def overfill(connection: Connection) -> None:
    """A statement after which SQLite undoes the transaction by itself."""
    connection.execute(text("CREATE TABLE big (zeros BLOB)"))
    fill(connection)
    connection.execute(text("INSERT INTO big VALUES (zeroblob(1000000))"))


class TestUndoneByTheDatabase:
    def test_the_block_does_not_end_as_if_all_were_stored(self, store: Store) -> None:
        """A database that undoes a transaction takes a COMMIT for it without a word."""
        sqlite = store._transactions._engines.write.dialect.name == "sqlite"

        with pytest.raises(StoreError, match="An earlier failure undid this transaction"):
            with store.begin() as tx:
                tx.runs.add(new_run("r"))
                with suppress(StoreError, ProgrammingError):
                    if sqlite:
                        overfill(tx.connection)
                    tx.connection.execute(text("SELECT * FROM absent"))

        with store.read() as tx:
            assert not tx.runs.exists("r")

    def test_nothing_is_stored_afterwards(self, store: Store) -> None:
        """What comes after the failure is refused, not stored by itself."""
        sqlite = store._transactions._engines.write.dialect.name == "sqlite"

        with pytest.raises(StoreError, match="An earlier failure undid this transaction"):
            with store.begin() as tx:
                with suppress(StoreError, ProgrammingError):
                    if sqlite:
                        overfill(tx.connection)
                    tx.connection.execute(text("SELECT * FROM absent"))
                with pytest.raises(StoreError, match="undid this transaction"):
                    tx.runs.add(new_run("r"))
                with pytest.raises(StoreError, match="undid this transaction"):
                    tx.runs.delete("r")

        with store.read() as tx:
            assert not tx.runs.exists("r")

    @pytest.mark.sqlite
    def test_the_first_failure_is_told_to_the_last(self, store: Store) -> None:
        """Who only sees how the block ends should still learn that the disk is full."""
        with pytest.raises(StoreError, match=r"nothing of it is stored.*disk is full"):
            with store.begin() as tx:
                with suppress(StoreError):
                    overfill(tx.connection)

    @pytest.mark.sqlite
    def test_a_full_disk_is_told_where_a_run_is_added(self, store: Store) -> None:
        """Not that the savepoint which it was added in is gone."""
        with pytest.raises(StoreError, match="disk is full"):
            with store.begin() as tx:
                fill(tx.connection)
                tx.runs.add(new_run("r", detail=secrets.token_hex(500_000)))

        with store.read() as tx:
            assert tx.runs.count() == 0

    def test_a_failure_that_undid_nothing_is_survived(self, store: Store) -> None:
        """Refused ids are undone alone; the rest of the transaction is stored."""
        with store.begin() as tx:
            tx.runs.add(new_run("r"))
            with pytest.raises(ConflictError):
                tx.runs.add(new_run("r"))
            tx.runs.add(new_run("s"))

        with store.read() as tx:
            assert tx.runs.count() == 2

    @pytest.mark.postgresql
    def test_a_server_that_ended_the_session_is_told(self, store_url: str) -> None:
        """The transaction is lost with it, also if the first failure was caught."""
        with open_store(store_url) as store:
            with pytest.raises(StoreError, match="undid this transaction"), store.begin() as tx:
                tx.runs.add(new_run("r"))
                with pytest.raises(StoreError, match="PostgreSQL server"):
                    tx.connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
                with pytest.raises(StoreError, match="undid this transaction"):
                    tx.runs.add(new_run("r"))

            with store.read() as tx:
                assert not tx.runs.exists("r")


class TestFailures:
    def test_a_statement_raises_our_error_where_it_fails(
        self, store: Store, store_url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """So ``except StoreError`` around one call works; no data of a tenant is in its words."""
        monkeypatch.setattr(waiting, "BUSY_TIMEOUT_S", 1)
        with store.begin() as tx:
            tx.runs.add(new_run("secret"))

        with open_store(store_url) as impatient, store.begin() as tx:
            tx.runs.delete("secret")
            with pytest.raises(StoreLockedError) as caught:
                with impatient.begin() as other:
                    with pytest.raises(StoreLockedError) as at_the_call:
                        other.runs.delete("secret")
                    raise at_the_call.value

        assert "secret" not in str(caught.value)

    def test_what_is_not_ours_to_explain_keeps_its_type_without_its_data(
        self, store: Store
    ) -> None:
        """Who breaks a rule of the schema knows which; the values may be a tenant's."""
        row = {"month": 202608, "state": "secret", "attached_at_ms": 0}

        with pytest.raises(IntegrityError) as caught, store.begin() as tx:
            tx.connection.execute(insert(tables.months).values(row))

        assert "hide_parameters" in str(caught.value)

    @pytest.mark.sqlite
    @pytest.mark.parametrize(
        "error", [sqlite3.OperationalError("database is locked"), psycopg.OperationalError("lost")]
    )
    def test_the_callers_own_errors_pass_unchanged(self, store: Store, error: Exception) -> None:
        """A block may use another database, whose failures are not the store's."""
        for way in (store.begin, store.read):
            with pytest.raises(type(error)) as caught, way():
                raise error
            assert caught.value is error

    def test_nothing_is_done_after_the_end(self, store: Store) -> None:
        """What a transaction gave is of no use any more, and says so."""
        with store.begin() as tx:
            tx.runs.add(new_run("r"))
        with store.read() as reading:
            late = reading.runs.iterate()

        for ended in (
            lambda: list(late),
            lambda: reading.runs.get("r"),
            reading.runs.list,
            reading.runs.count,
            lambda: tx.runs.add(new_run("s")),
            lambda: tx.runs.delete("r"),
        ):
            with pytest.raises(StoreError, match="has ended"):
                ended()


class TestThreads:
    def test_a_transaction_may_end_in_another_thread(self, store: Store) -> None:
        """Frameworks begin and end a dependency in whichever thread of a pool is free."""
        with ThreadPoolExecutor(1) as first, ThreadPoolExecutor(1) as second:
            for number in range(3):
                block = store.begin()
                tx = first.submit(block.__enter__).result()
                tx.runs.add(new_run(f"r{number}"))
                second.submit(block.__exit__, None, None, None).result()

        with store.read() as reading:
            assert reading.runs.count() == 3

    @pytest.mark.sqlite
    def test_writers_come_in_the_order_in_which_they_asked(self, store: Store) -> None:
        """SQLite would pass some over until their patience ends."""
        came: list[int] = []

        def write(number: int) -> None:
            with store.begin():
                came.append(number)

        with ThreadPoolExecutor(20) as pool:
            with store.begin():
                asked = []
                for number in range(20):
                    asked.append(pool.submit(write, number))
                    time.sleep(0.02)
            for one in asked:
                one.result()

        assert came == list(range(20))

    @pytest.mark.sqlite
    def test_who_gives_up_waiting_is_not_waited_for(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Patience ends with a sentence, and the next in the queue has its turn."""
        monkeypatch.setattr(waiting, "BUSY_TIMEOUT_S", 0.1)

        def write() -> None:
            with store.begin():
                pass

        with ThreadPoolExecutor(2) as pool, store.begin():
            for one in [pool.submit(write), pool.submit(write)]:
                with pytest.raises(StoreLockedError, match="Other threads"):
                    one.result()
        write()

    def test_a_store_that_is_closed_meanwhile_leaves_nothing_open(self, store: Store) -> None:
        """The connection of a transaction that goes on is closed when that ends."""
        opened, closed = [], []
        for one in store._transactions._engines:
            event.listen(one, "connect", lambda *_: opened.append(1))
            event.listen(one, "close", lambda *_: closed.append(1))
        store._transactions.close_idle()
        closed.clear()

        with store.begin() as tx:
            with store.read() as reading:
                assert reading.runs.count() == 0
                ThreadPoolExecutor(1).submit(store.close).result()
            tx.runs.add(new_run("r"))

        assert len(opened) == len(closed) >= 2


@pytest.mark.sqlite
class TestMovedFiles:
    @pytest.fixture(params=["begin", "read"])
    def way(self, store: Store, request: pytest.FixtureRequest) -> Callable[[], object]:
        """Writing or reading, with a connection that is open already."""
        begin = getattr(store, request.param)

        def use() -> object:
            with begin() as tx:
                return tx.runs.count()

        use()
        return use

    def test_a_removed_file_is_told(self, way: Callable[[], object], store_url: str) -> None:
        """Otherwise all would be stored in a file that nobody will ever see."""
        file_of(store_url).unlink()

        for _ in range(2):
            with pytest.raises(StoreError, match="was removed while the store was open"):
                way()

    def test_a_replaced_file_is_told(self, way: Callable[[], object], store_url: str) -> None:
        """A backup that was put in its place may be at another revision: open it."""
        copy = file_of(store_url).with_name("backup.db")
        shutil.copy2(file_of(store_url), copy)
        copy.replace(file_of(store_url))

        for _ in range(2):
            with pytest.raises(StoreError, match=r"replaced by another.*open it again"):
                way()
        with open_store(store_url) as again, again.read() as tx:
            assert tx.runs.count() == 0


@pytest.mark.sqlite
def test_what_writes_is_missed_in_a_reading_transaction(store: Store) -> None:
    """The message names the transaction that has it; a typing error in one that writes does not."""
    with store.read() as tx, pytest.raises(AttributeError, match=r"begin one that writes: store"):
        tx.runs.add(new_run("r"))  # type: ignore[attr-defined]
    with store.begin() as tx, pytest.raises(AttributeError, match=r"no attribute 'ad'$"):
        tx.runs.ad(new_run("r"))  # type: ignore[attr-defined]
