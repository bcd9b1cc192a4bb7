"""The fixtures that the tests of every package share, and the databases that each test runs on.

A test that uses a database runs on SQLite and on PostgreSQL. The marks ``sqlite`` and
``postgresql``, on a test, a class or a module, name those that it runs on instead; marks add up.
"""

from __future__ import annotations

import gc
import logging
import os
import re
import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import URL, Pool, event, make_url

from tandem_store import Store, compact_months, import_state, open_store
from tandem_store.database import revisions
from tandem_store.database.engines import Engines, create_engines
from tandem_store.database.urls import DEFAULT_SCHEMA, database_url
from tests.recompression.months import JANUARY, fill
from tests.support import REPOSITORY
from tests.support.databases import (
    EMPTY,
    KINDS,
    OUTSIDE_URL,
    NewDatabase,
    NewStore,
    administer,
    close_administration,
    copied_file,
    file_url,
    major_version,
    running_server,
    server_database,
    server_url,
)
from tests.support.state_directories import StateDir

# How fast the machine is says nothing about the code: a busy one draws slowly, too.
# Each run draws other examples, so many runs of few find what one run of many does.
settings.register_profile(
    "any machine",
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("any machine")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test that uses a database on those that its marks name, else on both."""
    if "database" in metafunc.fixturenames:
        marked = {mark.name for mark in metafunc.definition.iter_markers()}
        kinds = [kind for kind in KINDS if kind in marked] or KINDS
        metafunc.parametrize(
            "database",
            [pytest.param(kind, marks=getattr(pytest.mark, kind)) for kind in kinds],
            indirect=True,
        )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Note which databases each test is about, for the count at the end."""
    for item in items:
        for kind in KINDS:
            if kind in item.name or item.get_closest_marker(kind):
                item.user_properties.append(("database", kind))


def pytest_collection_finish() -> None:
    """Let the garbage collector look at what tests make, and seldom.

    Else it walks through every imported module and every collected test again and again, which was
    a tenth to a third of the processor time of tests. What a test leaks is still found.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say how many tests ran on each database."""
    passed = terminalreporter.stats.get("passed", [])
    for kind in KINDS:
        count = sum(("database", kind) in report.user_properties for report in passed)
        terminalreporter.write_line(f"{count} tests passed on {kind}")


@pytest.fixture(autouse=True)
def same_log_level() -> Iterator[None]:
    """Undo what a command that runs within a test does to loggers, as ``--verbose`` does."""
    loggers = logging.getLogger(), logging.getLogger("tandem_store")
    levels = [logger.level for logger in loggers]
    yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


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


@pytest.fixture(scope="module")
def database(request: pytest.FixtureRequest) -> str:
    """The kind of database that the test runs on: ``sqlite`` or ``postgresql``."""
    kind: str = request.param
    return kind


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One migrated SQLite file a session, to be copied."""
    path = tmp_path_factory.mktemp("template") / "store.db"
    revisions.upgrade(file_url(path))
    return path


@pytest.fixture(scope="session")
def history_file(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with the runs of the example and two months that are over, one compacted.

    To be read where it is, or copied.
    """
    path = tmp_path_factory.mktemp("history") / "store.db"
    url = copied_file(sqlite_template, path)
    import_state(url, REPOSITORY / "examples" / "state")
    with open_store(url) as store:
        fill(store)
    compact_months(url, [JANUARY])
    return path


@pytest.fixture(scope="session")
def postgresql_template(postgresql_server: URL) -> Iterator[str]:
    """The name of one migrated PostgreSQL database a session, to be copied."""
    name = f"migrated_{uuid.uuid4().hex}"  # Several sessions may share an outside server.
    administer(postgresql_server, f"CREATE DATABASE {name}")
    revisions.upgrade(postgresql_server.set(database=name))
    yield name
    administer(postgresql_server, f"DROP DATABASE {name}")


@pytest.fixture
def new_store_on(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[NewDatabase]:
    """Makes one more database at head of a kind at each call, without data; returns its URL."""
    with ExitStack() as made:

        def make(kind: str) -> str:
            if kind == "sqlite":
                template: Path = request.getfixturevalue("sqlite_template")
                return copied_file(template, tmp_path_factory.mktemp("store") / "store.db")
            server: URL = request.getfixturevalue("postgresql_server")
            migrated: str = request.getfixturevalue("postgresql_template")
            return made.enter_context(server_database(server, migrated))

        yield make


@pytest.fixture
def new_database_on(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[NewDatabase]:
    """Names one more database of a kind at each call: a file yet to be made, or one without tables.

    The file is in a folder of its own.
    """
    with ExitStack() as made:

        def make(kind: str) -> str:
            if kind == "sqlite":
                return file_url(tmp_path_factory.mktemp("database") / "store.db")
            server: URL = request.getfixturevalue("postgresql_server")
            return made.enter_context(server_database(server, EMPTY))

        yield make


@pytest.fixture
def new_store(database: str, new_store_on: NewDatabase) -> NewStore:
    """Makes one more database at head at each call, without data; returns its URL."""
    return lambda: new_store_on(database)


@pytest.fixture
def store_url(database: str, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """A database at head, without data; on SQLite it is ``store.db`` in ``tmp_path``."""
    if database == "sqlite":
        return copied_file(request.getfixturevalue("sqlite_template"), tmp_path / "store.db")
    new_store_on: NewDatabase = request.getfixturevalue("new_store_on")
    return new_store_on(database)


@pytest.fixture
def empty_url(database: str, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """A database before its first upgrade; on SQLite the file ``store.db`` does not exist yet."""
    if database == "sqlite":
        return file_url(tmp_path / "store.db")
    new_database_on: NewDatabase = request.getfixturevalue("new_database_on")
    return new_database_on(database)


@pytest.fixture
def url(database: str, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """Where an import may go: a file that does not exist yet, or an empty store on PostgreSQL."""
    if database == "sqlite":
        return file_url(tmp_path / "runs.db")
    new_store_on: NewDatabase = request.getfixturevalue("new_store_on")
    return new_store_on(database)


@pytest.fixture(scope="module")
def lasting_url(
    database: str, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[str]:
    """A database at head for all tests of a module: for properties of many examples."""
    if database == "sqlite":
        template: Path = request.getfixturevalue("sqlite_template")
        yield copied_file(template, tmp_path_factory.mktemp("lasting") / "store.db")
        return
    server: URL = request.getfixturevalue("postgresql_server")
    with server_database(server, request.getfixturevalue("postgresql_template")) as url:
        yield url


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """An empty store."""
    with open_store(store_url) as opened:
        yield opened


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


@pytest.fixture
def engines(store_url: str, open_engines: Callable[..., Engines]) -> Engines:
    """Both engines of a database at head."""
    return open_engines(store_url)


@pytest.fixture
def state(tmp_path: Path) -> StateDir:
    """An empty state directory."""
    return StateDir(tmp_path / "state")


@pytest.fixture(scope="session")
def own_server() -> Iterator[Any]:
    """The tests' own PostgreSQL server."""
    with running_server() as server:
        statements = ("ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")
        administer(server_url(server), *statements)
        yield server


@pytest.fixture(scope="session")
def postgresql_server(request: pytest.FixtureRequest) -> Iterator[URL]:
    """A PostgreSQL server: the one that ``TANDEM_TEST_POSTGRES_URL`` names, or the tests' own."""
    outside = os.environ.get(OUTSIDE_URL)
    url = database_url(outside) if outside else server_url(request.getfixturevalue("own_server"))
    yield url
    close_administration(url)


@pytest.fixture(scope="session")
def server_program(request: pytest.FixtureRequest) -> Callable[[str], str]:
    """Where the server's programs are, such as ``pg_dump``."""
    if OUTSIDE_URL not in os.environ:
        folder = str(request.getfixturevalue("own_server").bin_path)
        return lambda name: str(Path(folder) / name)
    version = major_version(request.getfixturevalue("postgresql_server"))

    def find(name: str) -> str:
        program = shutil.which(name) or pytest.skip(f"{name} is not installed")
        told = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
        if int(re.findall(r" (\d+)", told.stdout)[0]) < version:
            pytest.skip(f"{name} is older than the server")
        return program

    return find


@pytest.fixture
def postgresql_user_url(store_url: str) -> Iterator[URL]:
    """The store as a user that may read and write its tables, and owns none of them."""
    role = f"user_{uuid.uuid4().hex}"
    owned = make_url(store_url)
    grants = ("USAGE ON SCHEMA", "ALL ON ALL TABLES IN SCHEMA", "ALL ON ALL SEQUENCES IN SCHEMA")
    administer(
        owned,
        f"CREATE ROLE {role} LOGIN",
        *(f"GRANT {grant} {DEFAULT_SCHEMA} TO {role}" for grant in grants),
    )
    yield owned.set(username=role)
    administer(owned, f"DROP OWNED BY {role}", f"DROP ROLE {role}")
