"""Opening a store, its transactions, and what refuses."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tandem_store import (
    NotAStoreError,
    SchemaAheadError,
    SchemaBehindError,
    Store,
    StoreError,
    open_store,
)
from tests.store.new_run import new_run


def test_rolls_back_on_any_exception(any_store: Store) -> None:
    """What a failed transaction did is undone, also when it was interrupted."""
    for failure in (ValueError, KeyboardInterrupt):
        with pytest.raises(failure), any_store.begin() as tx:
            tx.runs.add(new_run("r"))
            raise failure

    with any_store.read() as tx:
        assert not tx.runs.exists("r")


def test_commits_on_clean_exit(store: Store, store_url: str) -> None:
    """Another process sees what was written, as soon as the block is left."""
    with store.begin() as tx:
        tx.runs.add(new_run("r"))
        with open_store(store_url) as other, other.read() as reading:
            assert not reading.runs.exists("r")

    with open_store(store_url) as other, other.read() as reading:
        assert reading.runs.exists("r")


def test_reading_cannot_write(any_store: Store) -> None:
    """Not by a method, and not by a statement either."""
    with any_store.read() as tx:
        assert not hasattr(tx.runs, "add")
    with pytest.raises((DBAPIError, StoreError)), any_store.read() as tx:
        tx.connection.execute(text("DELETE FROM months"))


def test_a_reader_sees_one_moment(any_store: Store) -> None:
    """What is committed while a reading transaction lasts stays invisible to it."""
    with any_store.read() as reading:
        assert reading.runs.count() == 0
        with any_store.begin() as tx:
            tx.runs.add(new_run("r"))
        assert reading.runs.count() == 0
        assert reading.runs.get("r") is None


def test_opening_never_creates(tmp_path: Path) -> None:
    """A mistyped path does not leave an empty database behind."""
    path = tmp_path / "typo.db"

    with pytest.raises(StoreError, match="tandem-store db upgrade"):
        open_store(f"sqlite:///{path}")

    assert list(tmp_path.iterdir()) == []


def test_a_bare_path_is_sqlite(store_url: str) -> None:
    """People type paths."""
    with open_store(store_url.removeprefix("sqlite:///")) as store, store.read() as tx:
        assert tx.runs.count() == 0


@pytest.mark.parametrize(
    ("revision", "error", "hint"),
    [
        ("0000", SchemaBehindError, "db upgrade"),
        ("9999", SchemaAheadError, "pip install --upgrade"),
        ("abcdef", NotAStoreError, "none of ours"),
    ],
)
def test_another_revision_is_refused_with_what_to_do(
    store_url: str, revision: str, error: type[StoreError], hint: str
) -> None:
    """Opening never upgrades; it says which side to upgrade."""
    with sqlite3.connect(store_url.removeprefix("sqlite:///")) as connection:
        connection.execute("UPDATE tandem_store_version SET version_num = ?", (revision,))
    connection.close()

    with pytest.raises(error, match=hint):
        open_store(store_url)


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    """An SQLite file with tables of somebody else is not touched."""
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE theirs (id INTEGER)")
    connection.close()

    with pytest.raises(NotAStoreError):
        open_store(str(path))


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    """Text is not a database."""
    path = tmp_path / "text.db"
    path.write_bytes(b"not a database, " * 1_000)

    with pytest.raises(NotAStoreError):
        open_store(str(path))


def test_a_damaged_page_is_a_sentence(store: Store, store_url: str) -> None:
    """Damage that shows only while reading is told as damage."""
    with store.begin() as tx:
        for n in range(50):
            tx.runs.add(new_run(f"r{n}"))
    store.close()
    path = Path(store_url.removeprefix("sqlite:///"))
    data = bytearray(path.read_bytes())
    data[16_384:] = b"\xff" * (len(data) - 16_384)
    path.write_bytes(data)

    with pytest.raises(NotAStoreError, match="backup"), open_store(store_url) as opened:
        with opened.read() as tx:
            list(tx.runs.iterate())
