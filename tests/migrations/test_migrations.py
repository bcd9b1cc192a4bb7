"""The migrations build what the code expects, once, however many processes run them."""

from __future__ import annotations

import logging
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import (
    CheckConstraint,
    Connection,
    MetaData,
    Table,
    insert,
    inspect,
    select,
    text,
    update,
)

import tandem_store
from tandem_store import archives, detach_month, forget_content, open_store, tables
from tandem_store.database import partitions, revisions, version_table
from tandem_store.database.engines import Engines
from tandem_store.errors import NotAStoreError, SchemaAheadError, SchemaBehindError, StoreError
from tandem_store.month import Month
from tandem_store.recompression import compact_months
from tests.recompression.months import EACH, encodings
from tests.recompression.months import fill as fill_months
from tests.support import REPOSITORY
from tests.support.databases import file_of
from tests.support.migrating import alembic, downgrade
from tests.support.rows import add_run
from tests.support.run_records import new_run
from tests.support.stored import dump

MONTH = Month(2026, 8)

Opener = Callable[..., Engines]


def fill(engines: Engines) -> None:
    """One run with its document in one month, and one quarantined item."""
    with engines.write.begin() as connection:
        partitions.ensure(connection, [MONTH])
        add_run(connection, "r1", MONTH)
        connection.execute(
            insert(partitions.document_table(connection, MONTH)).values(
                run_id="r1", month=MONTH, schema_version=2, encoding="json", document=b"{}"
            )
        )
        connection.execute(
            insert(tables.quarantine).values(
                path="x.json",
                layout="shard",
                digest=b"0" * 32,
                reason="unreadable",
                message="cut off",
                size=1,
                kept_in_source=True,
                created_at_ms=0,
            )
        )


def shape(connection: Connection, name: str) -> list[tuple[str, str, bool]]:
    """Name, type and nullability of the columns that a table really has."""
    table = Table(name, MetaData(), autoload_with=connection)
    return [
        (column.name, column.type.compile(connection.dialect), bool(column.nullable))
        for column in table.columns
    ]


def set_revision(engines: Engines, revision: str) -> None:
    """Pretend that another version of the package migrated the database."""
    with engines.write.begin() as connection:
        connection.execute(update(version_table.TABLE).values(version_num=revision))


class TestTheTree:
    def test_head_is_known_without_alembic(self) -> None:
        """Opening a store compares two strings; this holds the one in the code to the folder."""
        config = Config()
        config.set_main_option("script_location", str(revisions.migrations_folder()))

        assert ScriptDirectory.from_config(config).get_heads() == [revisions.HEAD]

    def test_revisions_are_numbered_and_import_nothing_of_ours(self) -> None:
        """A number can be compared; code of today must not change what a revision did."""
        files = sorted((REPOSITORY / "migrations" / "versions").glob("*.py"))

        assert [file.name[:5] for file in files] == [f"{n + 1:04}_" for n in range(len(files))]
        assert not [file.name for file in files if "tandem_store" in file.read_text()]

    @pytest.mark.sqlite
    def test_asking_for_the_revision_does_not_import_alembic(self, store_url: str) -> None:
        """Opening a store stays quick."""
        program = (
            "import sys; from tandem_store.database import revisions\n"
            f"assert revisions.current({store_url!r}) == revisions.HEAD\n"
            "assert 'alembic' not in sys.modules"
        )

        done = subprocess.run(
            [sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True
        )

        assert done.returncode == 0, done.stderr


class TestUpgrading:
    def test_ten_deploys_at_once_make_one_upgrade_and_ten_successes(self, empty_url: str) -> None:
        """Whoever comes later finds the work done."""
        with ThreadPoolExecutor(10) as pool:
            done = list(pool.map(lambda _: alembic(empty_url, "upgrade", "head"), range(10)))

        assert [process.returncode for process in done] == [0] * 10, done
        assert sum("Running upgrade" in process.stderr for process in done) == 1
        assert revisions.current(empty_url) == revisions.HEAD

    def test_runs_and_their_months_survive_every_revision(self, empty_url: str) -> None:
        """Down to the first one and up again: the same runs, and workers find the queued one."""
        runs = [new_run("r1", status="queued"), new_run("r2", hours=2_000)]
        revisions.upgrade(empty_url)
        with open_store(empty_url) as store, store.begin() as tx:
            tx.runs.add_many(runs)

        downgrade(empty_url, "0001")
        with pytest.raises(SchemaBehindError):
            open_store(empty_url)
        assert revisions.upgrade(empty_url) == "0001"

        with open_store(empty_url) as store, store.begin() as tx:
            assert list(tx.runs.iterate(newest_first=False)) == runs
            claim = tx.runs.claim_next("w", timedelta(minutes=1))
        assert claim is not None
        assert claim.run_id == "r1"

    @pytest.mark.sqlite
    def test_an_upgrade_at_head_writes_nothing(self, store_url: str) -> None:
        """Every deploy runs it, most for nothing."""
        path = file_of(store_url)
        before = (path.read_bytes(), path.stat().st_mtime_ns)

        assert alembic(store_url, "upgrade", "head").returncode == 0
        assert revisions.upgrade(store_url) == revisions.HEAD

        assert (path.read_bytes(), path.stat().st_mtime_ns) == before

    def test_an_upgrade_says_where_it_came_from(self, empty_url: str) -> None:
        """The command line tells the user whether something happened."""
        assert revisions.upgrade(empty_url) is None
        assert revisions.upgrade(empty_url) == revisions.HEAD

    @pytest.mark.sqlite
    @pytest.mark.parametrize("command", ["current", "check", "history"])
    def test_looking_makes_no_database(self, command: str, empty_url: str, tmp_path: Path) -> None:
        """Only an upgrade makes a file."""
        alembic(empty_url, command)
        assert revisions.current(empty_url) is None

        assert not (tmp_path / "store.db").exists()

    def test_a_refused_database_ends_alembic_with_a_sentence(self, tmp_path: Path) -> None:
        """No traceback for a typing error."""
        done = alembic("sqlite://", "upgrade", "head")

        assert done.returncode != 0
        assert "In-memory SQLite is not supported" in done.stderr
        assert "Traceback" not in done.stderr

    def test_a_failed_migration_leaves_nothing_behind(
        self, empty_url: str, open_engines: Opener
    ) -> None:
        """DDL is undone on SQLite as well; the next try starts from where this one did."""
        engines = open_engines(empty_url)
        revisions.upgrade(empty_url)
        downgrade(empty_url, "base")
        with engines.write.begin() as connection:
            connection.execute(text("CREATE TABLE quarantine (id INTEGER)"))

        assert alembic(empty_url, "upgrade", "head").returncode != 0

        with engines.read.connect() as connection:
            tables = set(inspect(connection).get_table_names())
        assert tables == {"quarantine", "tandem_store_version"}
        assert revisions.current(empty_url) is None


class TestTheResult:
    def test_the_models_match_the_database_with_months_present(
        self, store_url: str, open_engines: Opener
    ) -> None:
        """What a revision forgot would show here; months are no drift."""
        fill(open_engines(store_url))

        done = alembic(store_url, "check")

        assert done.returncode == 0, done.stdout + done.stderr
        revisions.check(store_url)

    def test_a_table_altered_by_hand_is_found(self, store_url: str, open_engines: Opener) -> None:
        """The check looks at the tables, not at the revision alone."""
        with open_engines(store_url).write.begin() as connection:
            connection.execute(text("ALTER TABLE runs ADD COLUMN colour TEXT"))

        with pytest.raises(StoreError, match=r"altered by hand.*colour"):
            revisions.check(store_url)

    def test_names_checks_and_keys_are_those_of_the_models(
        self, store_url: str, open_engines: Opener
    ) -> None:
        """Alembic compares neither primary keys nor checks, so this does."""
        with open_engines(store_url).read.connect() as connection:
            inspector = inspect(connection)
            for table in tables.metadata.tables.values():
                name, columns = table.primary_key.name, list(table.primary_key.columns.keys())
                if table is tables.run_documents and connection.dialect.name == "sqlite":
                    columns = ["run_id"]
                found = inspector.get_pk_constraint(table.name)
                assert (found["name"], found["constrained_columns"]) == (name, columns)
                assert {check["name"] for check in inspector.get_check_constraints(table.name)} == {
                    str(constraint.name)
                    for constraint in table.constraints
                    if isinstance(constraint, CheckConstraint)
                }

    def test_a_migrated_month_has_the_columns_of_a_fresh_one(
        self, store_url: str, open_engines: Opener
    ) -> None:
        """Months are hidden from Alembic's comparison, so this compares them with their parent."""
        engines = open_engines(store_url)
        fill(engines)

        with engines.read.connect() as connection:
            month = shape(connection, partitions.table_name(MONTH))
            parent = shape(connection, tables.run_documents.name)

        assert month == parent

    @pytest.mark.postgresql
    def test_documents_are_not_compressed_a_second_time(
        self, store_url: str, open_engines: Opener
    ) -> None:
        """They arrive as zstd; a month inherits the setting."""
        engines = open_engines(store_url)
        fill(engines)

        with engines.read.connect() as connection:
            found = connection.execute(
                text(
                    "SELECT c.relname, a.attstorage::text FROM pg_attribute a "
                    "JOIN pg_class c ON c.oid = a.attrelid "
                    "WHERE a.attname = 'document' AND c.relname LIKE 'run_documents%'"
                    "AND c.relkind IN ('r', 'p') ORDER BY 1"
                )
            ).all()

        assert [tuple(row) for row in found] == [
            ("run_documents", "e"),
            ("run_documents_2026_08", "e"),
        ]


class TestDowngrading:
    def test_it_says_what_is_lost_and_the_way_up_is_open_again(
        self, store_url: str, open_engines: Opener
    ) -> None:
        """Also with data and months present."""
        engines = open_engines(store_url)
        fill(engines)

        down = alembic(store_url, "downgrade", "base")

        assert down.returncode == 0, down.stderr
        assert (
            "removes everything: 1 runs, 0 automations, 0 import_entries, 1 quarantine, 1 months"
            in (down.stdout)
        )
        with engines.read.connect() as connection:
            assert inspect(connection).get_table_names() == ["tandem_store_version"]
        assert alembic(store_url, "upgrade", "head").returncode == 0
        fill(engines)

    def test_compacted_documents_survive_it(self, empty_url: str) -> None:
        """An older version knows no dictionaries, so they are written without."""
        revisions.upgrade(empty_url)
        with open_store(empty_url) as store:
            fill_months(store)
        compact_months(empty_url)
        before = dump(empty_url)

        down = alembic(empty_url, "downgrade", "0003")

        assert down.returncode == 0, down.stderr
        assert f"forgets 1 dictionaries; {2 * EACH} documents" in down.stdout
        assert encodings(empty_url) == {"zstd": EACH}
        assert revisions.upgrade(empty_url) == "0003"
        assert dump(empty_url) == before

    def test_what_an_older_version_does_not_know_is_not_taken_down(
        self, empty_url: str, tmp_path: Path
    ) -> None:
        """Forgotten content and detached months; but an interrupted attempt is in nobody's way."""
        revisions.upgrade(empty_url)
        with open_store(empty_url) as store:
            fill_months(store)
            with store.read() as tx:
                first, second = (one.month for one in tx.months.in_use())
            with store.begin() as tx:
                archives.begin(
                    tx.connection, first, location="x", digest=b"\0" * 32, runs=1, size=1
                )
        assert alembic(empty_url, "downgrade", "0004").returncode == 0
        assert alembic(empty_url, "upgrade", "head").returncode == 0

        forget_content(empty_url, first)
        down = alembic(empty_url, "downgrade", "0004")
        assert down.returncode != 0
        assert f"run_documents_{first.suffix} was forgotten" in down.stderr
        # What could be taken down before that was; it goes up again.
        assert revisions.upgrade(empty_url) == "0005"
        detach_month(empty_url, first, tmp_path)
        detach_month(empty_url, second, tmp_path)
        assert "were detached" in alembic(empty_url, "downgrade", "0004").stderr
        assert revisions.upgrade(empty_url) == "0005"

        with open_store(empty_url) as store, store.read() as tx:
            assert [one.month for one in tx.runs.detached()] == [first, second]


class TestRefusing:
    @pytest.mark.sqlite
    def test_a_database_at_head_is_accepted(self, engines: Engines) -> None:
        """The ordinary case."""
        with engines.read.connect() as connection:
            revisions.refuse_unless_current(connection)

    @pytest.mark.sqlite
    @pytest.mark.parametrize(
        ("revision", "error", "words"),
        [
            ("0000", SchemaBehindError, "tandem-store db upgrade"),
            ("0099", SchemaAheadError, "pip install --upgrade tandem-store"),
            ("d1ce", NotAStoreError, "not one of ours"),
        ],
    )
    def test_another_revision_is_refused_with_the_side_to_upgrade(
        self, engines: Engines, revision: str, error: type[StoreError], words: str
    ) -> None:
        """Either the database or the package is too old, and the remedies differ."""
        set_revision(engines, revision)

        with engines.read.connect() as connection, pytest.raises(error, match=words):
            revisions.refuse_unless_current(connection)

    def test_a_database_before_its_first_upgrade_is_behind(self, empty_url: str) -> None:
        """So ``check`` of a missing file names the command that makes it."""
        with pytest.raises(SchemaBehindError, match="db upgrade") as caught:
            revisions.check(empty_url)

        assert caught.value.found is None

    @pytest.mark.sqlite
    def test_a_newer_database_is_not_upgraded(self, engines: Engines, store_url: str) -> None:
        """Alembic alone would only say that it cannot find a revision."""
        set_revision(engines, "0099")

        with pytest.raises(SchemaAheadError, match="pip install"):
            revisions.upgrade(store_url)


def test_a_new_file_is_made_as_the_revisions_make_it(tmp_path: Path) -> None:
    """By a script, because Alembic takes longer than a small import; nobody can tell them apart."""
    made, migrated = tmp_path / "made.db", tmp_path / "migrated.db"

    tandem_store.upgrade(str(made))
    revisions.run_revisions(str(migrated))

    assert _all_of(made) == _all_of(migrated)
    assert made.stat().st_mode == migrated.stat().st_mode
    assert made.read_bytes()[:24] == migrated.read_bytes()[:24]  # page size, WAL


_TABLES = "SELECT type, name, tbl_name, sql FROM sqlite_master"


def _all_of(path: Path) -> dict[str, object]:
    with closing(sqlite3.connect(path)) as connection:
        settings = ("application_id", "auto_vacuum", "page_size", "user_version", "encoding")
        return {
            "tables": connection.execute(
                "SELECT type, name, tbl_name, sql FROM sqlite_master"
            ).fetchall(),
            "revision": connection.execute("SELECT * FROM tandem_store_version").fetchall(),
            **{name: connection.execute(f"PRAGMA {name}").fetchone() for name in settings},
        }


def test_a_new_file_is_made_without_alembic(tmp_path: Path) -> None:
    """And what it needs is in the package."""
    program = (
        "import sys, tandem_store\n"
        f"tandem_store.upgrade({str(tmp_path / 'runs.db')!r})\n"
        "assert 'alembic' not in sys.modules\n"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr


@pytest.mark.postgresql
def test_the_schema_of_postgresql_can_be_chosen(empty_url: str, open_engines: Opener) -> None:
    """The store lives in other people's databases."""
    joint = "&" if "?" in empty_url else "?"
    url = f"{empty_url}{joint}schema=Runs of ours"

    revisions.upgrade(url)

    with open_engines(url).read.connect() as connection:
        assert "runs" in inspect(connection).get_table_names(schema="Runs of ours")
        assert connection.scalar(select(tables.runs.c.run_id)) is None


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a package installed from a wheel, without the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    tool = [sys.executable, "-m"]
    for command in (
        [*tool, "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(REPOSITORY)],
        [*tool, "pip", "install", "--quiet", "--no-deps", "--no-index", "--target",
         str(folder / "site"), "--find-links", str(folder), "tandem-store"],
    ):  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    return folder / "site"


def test_the_wheel_makes_a_database_in_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    """The revisions travel inside the package; no alembic.ini is needed."""
    program = (
        "from tandem_store.database import revisions\n"
        "revisions.upgrade('runs.db'); revisions.check('runs.db')\n"
        "print(revisions.migrations_folder())"
    )

    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(installed / "tandem_store" / "migrations")
    assert revisions.current(str(tmp_path / "runs.db")) == revisions.HEAD


def test_alembic_needs_three_lines_for_the_wheel(installed: Path, tmp_path: Path) -> None:
    """The revisions are named by the package that they are in; there is nothing about logs."""
    ini = tmp_path / "alembic.ini"
    ini.write_text(
        "[alembic]\n"
        "script_location = tandem_store:migrations\n"
        f"sqlalchemy.url = sqlite:///{tmp_path}/runs.db\n"
    )
    environment = {k: v for k, v in os.environ.items() if k != "TANDEM_STORE_URL"}

    for command in (("upgrade", "head"), ("check",), ("current",)):
        done = subprocess.run(
            [sys.executable, "-m", "alembic", "-c", str(ini), *command],
            cwd=tmp_path,
            env={**environment, "PYTHONPATH": str(installed)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr

    assert revisions.HEAD in done.stdout
    assert revisions.current(str(tmp_path / "runs.db")) == revisions.HEAD


class TestTelling:
    def test_an_upgrade_is_logged(self, empty_url: str, caplog: pytest.LogCaptureFixture) -> None:
        """From where to where; one for nothing is not."""
        with caplog.at_level(logging.INFO, logger="tandem_store"):
            tandem_store.upgrade(empty_url)
            tandem_store.upgrade(empty_url)

        told = [record.getMessage() for record in caplog.records if "upgraded" in record.msg]
        assert len(told) == 1
        assert told[0].endswith(f"from nothing to {revisions.HEAD}")

    def test_a_month_is_logged(
        self, store_url: str, open_engines: Opener, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Once, when it is made."""
        with caplog.at_level(logging.INFO, logger="tandem_store"):
            for _ in range(2):
                with open_engines(store_url).write.begin() as connection:
                    partitions.ensure(connection, [MONTH])

        assert [r.getMessage() for r in caplog.records if "month" in r.msg] == [
            f"made the month {MONTH}"
        ]
