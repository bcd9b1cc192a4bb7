"""Opening a store, closing it, and what is refused."""

from __future__ import annotations

import logging
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import URL, make_url

from tandem_store import (
    NotAStoreError,
    SchemaAheadError,
    SchemaBehindError,
    Store,
    StoreError,
    TenantScope,
    open_store,
)
from tests.support.databases import file_of
from tests.support.run_records import new_run

ACME = TenantScope(org_id="acme", workspace_id="north")


def test_a_closed_store_says_so(store: Store) -> None:
    """It does not open the database again behind its owner's back; closing twice is harmless."""
    acme = store.for_tenant(ACME)
    store.close()
    store.close()

    for way in (store.begin, store.read, acme.begin, acme.read):
        with pytest.raises(StoreError, match="closed"), way():
            pass


def test_nothing_is_done_when_the_package_is_imported(tmp_path: Path) -> None:
    """No thread, no file, no handler of logs, no Alembic; and nothing is said when it works."""
    program = (
        "import logging, sys, threading\n"
        "made = []\n"
        "def note(event, args):\n"
        # Files that are opened for writing, and folders; not the cache of compiled modules.
        "    if event == 'os.mkdir' or (event == 'open' and args[2] & 3):\n"
        "        made.append(args[0])\n"
        "sys.dont_write_bytecode = True\n"
        "sys.addaudithook(note)\n"
        "import tandem_store\n"
        "assert threading.active_count() == 1\n"
        "assert not logging.root.handlers\n"
        "assert not logging.getLogger('tandem_store').handlers\n"
        "assert 'alembic' not in sys.modules\n"
        "assert 'psycopg' not in sys.modules\n"
        "assert made == [], made\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []


def test_the_orm_is_imported_for_models_alone(store_url: str) -> None:
    """It costs a process a tenth of a second, which those who only call methods do not pay."""
    program = (
        "import sys\n"
        "from datetime import timedelta\n"
        "from tandem_store import open_store\n"
        "with open_store(sys.argv[1]) as store:\n"
        "    with store.begin() as tx:\n"
        "        tx.runs.claim_next('worker', timedelta(minutes=1))\n"
        "    with store.read() as tx:\n"
        "        tx.runs.list(limit=1)\n"
        "        print('sqlalchemy.orm' in sys.modules)\n"
        "        from sqlalchemy import select\n"
        "        from tandem_store.models import Run\n"
        "        print(tx.scalars(select(Run)).all(), 'sqlalchemy.orm' in sys.modules)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", program, store_url], capture_output=True, text=True
    )

    assert (done.stdout, done.stderr) == ("False\n[] True\n", "")


def test_what_it_logs_comes_under_its_own_name(
    store_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A service turns it on and off as ``tandem_store``."""
    with caplog.at_level(logging.DEBUG, logger="tandem_store"), open_store(store_url):
        pass

    told = [record for record in caplog.records if record.name.startswith("tandem_store")]
    assert any("opened" in record.getMessage() for record in told)


@pytest.mark.postgresql
@pytest.mark.parametrize("place", ["before the host", "after the question mark"])
def test_a_password_is_never_logged(
    store_url: str, caplog: pytest.LogCaptureFixture, place: str
) -> None:
    """The driver takes it at either place."""
    url = make_url(store_url)
    if place == "before the host":
        url = url.set(password="s3cret")
    else:
        url = url.set(password=None).update_query_dict({"password": "s3cret"})

    with caplog.at_level(logging.DEBUG), open_store(url) as store, store.begin() as tx:
        tx.runs.add(new_run("r"))

    assert "opened postgresql+psycopg://" in caplog.text
    assert "s3cret" not in caplog.text


def test_opening_never_creates(tmp_path: Path) -> None:
    """A mistyped path does not leave an empty database behind."""
    path = tmp_path / "typo.db"

    with pytest.raises(StoreError, match="tandem-store db upgrade"):
        open_store(f"sqlite:///{path}")

    assert list(tmp_path.iterdir()) == []


def test_a_server_without_the_database_says_how_to_make_it(postgresql_server: URL) -> None:
    """The driver gives no code for it; SQLite has no server."""
    with pytest.raises(StoreError, match="createdb"):
        open_store(postgresql_server.set(database="nowhere"))


@pytest.mark.sqlite
def test_a_bare_path_is_sqlite(store_url: str) -> None:
    """People type paths."""
    with open_store(store_url.removeprefix("sqlite:///")) as store, store.read() as tx:
        assert tx.runs.count() == 0


@pytest.mark.sqlite
@pytest.mark.parametrize(
    ("revision", "error", "hint"),
    [
        ("0000", SchemaBehindError, "db upgrade"),
        ("9999", SchemaAheadError, "pip install --upgrade"),
        ("abcdef", NotAStoreError, "not one of ours"),
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


@pytest.mark.sqlite
def test_a_damaged_page_is_a_sentence(store: Store, store_url: str) -> None:
    """Damage that shows only while reading is told as damage."""
    with store.begin() as tx:
        for n in range(50):
            tx.runs.add(new_run(f"r{n}"))
    store.close()
    path = file_of(store_url)
    data = bytearray(path.read_bytes())
    data[16_384:] = b"\xff" * (len(data) - 16_384)
    path.write_bytes(data)

    with pytest.raises(NotAStoreError, match="backup"), open_store(store_url) as opened:
        with opened.read() as tx:
            list(tx.runs.iterate())
