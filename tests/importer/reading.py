"""What the tests look at after an import, by the ways that everybody has."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import psycopg
from click.testing import CliRunner, Result
from sqlalchemy import URL, make_url

from tandem_store import open_store
from tandem_store.cli.program import program
from tandem_store.database.urls import DEFAULT_SCHEMA
from tandem_store.dump import dump_lines
from tandem_store.importer import ImportOptions, import_state
from tandem_store.records import RunFilter
from tests.support.state_directories import Json

_LEDGER = """
    SELECT d.path, f.name, f.source, e.key, e.run_id, e.outcome, e.reason
    FROM import_entries e
    JOIN import_files f ON f.id = e.file_id
    JOIN import_directories d ON d.id = f.directory_id
    ORDER BY d.path, f.name, e.ordinal
"""


class Copy(NamedTuple):
    """One copy of a run, as the ledger tells of it."""

    directory: str
    name: str
    source: str
    key: str | None
    run_id: str | None
    outcome: str | None
    reason: str | None


def imported(url: str, state: Path, **options: Any) -> Json:
    """Import ``state`` and return the report as the command line prints it."""
    return import_state(url, state, ImportOptions(**options)).to_json()


def dump(url: str) -> bytes:
    """The bytes that two equal stores have in common."""
    return b"\n".join(dump_lines(url))


def stored_runs(url: str) -> dict[str, Json]:
    """Every stored run by its id, in the old spelling."""
    with open_store(url) as store, store.read() as tx:
        return {run.run_id: run.to_legacy() for run in tx.runs.iterate(RunFilter())}


def ledger(url: str) -> list[Copy]:
    """Every copy that the ledger knows, by place."""
    with rows(url) as connection:
        return [Copy(*row) for row in connection.execute(_LEDGER)]


def scalar(url: str, query: str) -> Any:
    """The single value that a query gives."""
    with rows(url) as connection:
        return connection.execute(query).fetchone()[0]


class rows:  # noqa: N801  reads as a verb: with rows(url) as connection
    """The database through the bare driver, without transactions, closed at the end."""

    def __init__(self, url: str) -> None:
        self._connection = _bare(make_url(url))

    def __enter__(self) -> Any:
        return self._connection

    def __exit__(self, *_: object) -> None:
        self._connection.close()


def _bare(url: URL) -> Any:
    if url.get_backend_name() == "sqlite":
        return sqlite3.connect(f"file:{url.database}?mode=ro", uri=True)
    server = url.set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(server, autocommit=True, options=f"-c search_path={DEFAULT_SCHEMA}")


def command(url: str, *arguments: str) -> Result:
    """Run a command of ``tandem-store`` in this process."""
    return CliRunner().invoke(program, ["--db", url, *arguments])


def process(url: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run a command of ``tandem-store`` in a process of its own, as people do, and wait for it."""
    line = [sys.executable, "-m", "tandem_store", "--db", url, *arguments]
    return subprocess.run(line, capture_output=True, check=False, timeout=300)


def told(url: str, *arguments: str) -> Json:
    """What a ``--json`` command prints, which must have ended with 0."""
    done = command(url, *arguments, "--json")
    assert done.exit_code == 0, done.stderr
    answer: Json = orjson.loads(done.stdout_bytes)
    return answer


def exact(value: Any) -> Any:
    """A twin of a JSON value in which 1, 1.0, -0.0 and true are four different things."""
    if isinstance(value, dict):
        return {key: exact(item) for key, item in value.items()}
    if isinstance(value, list):
        return [exact(item) for item in value]
    return value if isinstance(value, str) or value is None else (type(value).__name__, repr(value))


def shards_of(state: Path) -> Iterator[Json]:
    """Every run that a history shard below ``state`` holds."""
    for path in sorted((state / "data" / "automation-runs").rglob("*.json")):
        yield orjson.loads(path.read_bytes())["run"]
