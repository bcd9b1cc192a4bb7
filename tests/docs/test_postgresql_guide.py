"""docs/operations/postgresql.md is followed: its roles, deploy, backup and replica."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import URL, create_engine, text
from sqlalchemy.exc import DBAPIError

from tandem_store import StoreError, open_store
from tandem_store.dump import dump_lines
from tandem_store.month import Month
from tests.docs.pages import DOCS
from tests.support.databases import OUTSIDE_URL, running_server, server_url
from tests.support.run_records import new_run

TEXT = (DOCS / "operations" / "postgresql.md").read_text()
ADMINISTRATOR, OWNER = re.findall(r"```sql\n(.*?)```", TEXT, re.DOTALL)
BACKUP = re.findall(r"^    (pg_.+)$", TEXT, re.MULTILINE)
DEPLOY = re.findall(
    r"^    tandem-store --db \S+@host/tandem ((?:db|months) .+)$", TEXT, re.MULTILINE
)


def execute(url: URL, statements: str) -> None:
    """Run the statements, each by itself."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements.split(";"):
            if statement.strip():
                connection.execute(text(statement))
    engine.dispose()


class Installation:
    """A database with the guide's roles, under names of its own."""

    def __init__(self, server: URL) -> None:
        self._server = server
        self._suffix = uuid.uuid4().hex[:8]

    def named(self, words: str) -> str:
        """The guide's words with our names in them; roles belong to the whole server."""
        for name in ("tandem_owner", "tandem_service"):
            words = words.replace(name, f"{name}_{self._suffix}")
        return re.sub(r"\btandem\b(?!_)", f"tandem_{self._suffix}", words)

    def url(self, role: str) -> URL:
        """The database as that role sees it."""
        return self._server.set(username=self.named(role), database=self.named("tandem"))

    def administer(self, statements: str) -> None:
        """Run statements as the administrator."""
        execute(self._server, self.named(statements))


@pytest.fixture
def installed(postgresql_server: URL) -> Iterator[Installation]:
    """The guide followed from *Roles* to *Deploy*."""
    installation = Installation(postgresql_server)
    installation.administer(ADMINISTRATOR)
    owner = installation.url("tandem_owner")
    command(owner, DEPLOY[0])
    execute(owner, installation.named(OWNER))
    for words in DEPLOY:
        command(owner, words)
    yield installation
    installation.administer(
        "DROP DATABASE tandem WITH (FORCE); DROP ROLE tandem_owner; DROP ROLE tandem_service"
    )


def command(url: URL, words: str) -> None:
    """Run ``tandem-store`` on a database."""
    program = [sys.executable, "-m", "tandem_store", "--db", plain(url), *shlex.split(words)]
    done = subprocess.run(program, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def plain(url: URL) -> str:
    """The URL as one types it."""
    return url.render_as_string(hide_password=False)


def test_a_service_works_with_the_roles_of_the_guide(installed: Installation) -> None:
    """It adds, updates, claims and deletes, and cannot alter or drop a table."""
    service = installed.url("tandem_service")
    with open_store(service) as store:
        with store.begin() as tx:
            now_ms = time_ms()
            tx.runs.add(new_run("r", status="queued", created_at_ms=now_ms, updated_at_ms=now_ms))
            claim = tx.runs.claim_next("w", timedelta(minutes=1))
            assert claim is not None
            tx.runs.finish(claim, lambda run: run.model_copy(update={"status": "completed"}))
        with store.begin() as tx:
            tx.runs.delete("r")
        for forbidden in ("DROP TABLE runs", "CREATE TABLE mine (id integer)"):
            with pytest.raises((StoreError, DBAPIError)), store.begin() as tx:
                tx.connection.execute(text(forbidden))


def time_ms() -> int:
    """The present, in milliseconds."""
    return time.time_ns() // 1_000_000


def test_a_service_is_told_of_a_month_that_is_missing(installed: Installation) -> None:
    """With the command that the owner has to run; after that it works."""
    month = Month.of_ms(new_run("old").updated_at_ms)
    with open_store(installed.url("tandem_service")) as store:
        with pytest.raises(StoreError, match=f"months ensure {month}"), store.begin() as tx:
            tx.runs.add(new_run("old"))

        command(installed.url("tandem_owner"), f"months ensure {month}")

        with store.begin() as tx:
            assert tx.runs.add(new_run("old")) == 1


def test_a_backup_comes_back_the_same(
    installed: Installation,
    tmp_path: Path,
    server_program: Callable[[str], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By the guide's two commands, into a database of another name."""
    owner = installed.url("tandem_owner")
    with open_store(owner) as store, store.begin() as tx:
        tx.runs.add_many(new_run(f"r{n}") for n in range(9))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PGHOST", str(owner.query["host"]))
    monkeypatch.setenv("PGUSER", owner.username or "")
    installed.administer("CREATE DATABASE tandem_restored OWNER tandem_owner")

    for line in BACKUP:
        name, *words = shlex.split(installed.named(line))
        subprocess.run([server_program(name), *words], check=True)

    restored = owner.set(database="tandem_restored")
    assert list(dump_lines(plain(restored))) == list(dump_lines(plain(owner)))
    command(restored, "db check")
    with open_store(restored) as store, store.begin() as tx:
        tx.runs.add(new_run("after"))
    installed.administer("DROP DATABASE tandem_restored WITH (FORCE)")


@contextmanager
def replica_of(primary: URL, server_program: Callable[[str], str]) -> Iterator[URL]:
    """A streaming replica on this machine, caught up."""
    if OUTSIDE_URL in os.environ:
        pytest.skip("it takes a server of the tests' own to make a replica of it")
    # The name must be short: it becomes part of a socket's path.
    folder = Path(tempfile.mkdtemp(prefix="tandem-re-"))
    source = str(primary.query["host"])
    words = ["--pgdata", str(folder), "--host", source, "--username", "postgres"]
    subprocess.run(
        [server_program("pg_basebackup"), *words, "--checkpoint=fast", "--write-recovery-conf"],
        check=True,
    )
    # The primary's socket lies among its data, and so its lock came along.
    for lock in folder.glob(".s.PGSQL.*.lock"):
        lock.unlink()
    # A server never runs as root; the replica's runs as whoever runs the primary.
    runs_as = Path(source).stat()
    for path in (folder, *folder.rglob("*")):
        os.chown(path, runs_as.st_uid, runs_as.st_gid)
    with running_server(str(folder)) as server:
        yield primary.set(query={"host": server_url(server).query["host"]})


def test_a_replica_serves_reads_and_refuses_writes(
    installed: Installation, server_program: Callable[[str], str]
) -> None:
    """A cursor from the one is good on the other."""
    owner = installed.url("tandem_owner")
    with open_store(owner) as store:
        with store.begin() as tx:
            tx.runs.add_many(new_run(f"r{n}") for n in range(9))
        with store.read() as tx:
            page = tx.runs.list(limit=4)
    with replica_of(owner, server_program) as replica, open_store(replica) as copy:
        with copy.read() as tx:
            following = tx.runs.list(limit=4, cursor=page.next_cursor)
            assert [run.run_id for run in following.items] == ["r4", "r3", "r2", "r1"]
            assert tx.runs.get("r0") == new_run("r0")
        with pytest.raises(StoreError, match="read-only"), copy.begin() as tx:
            tx.runs.delete("r0")
