"""Databases that older versions of the package really wrote are upgraded, and used like new ones.

The folder ``frozen`` has them, with the source that they were imported from. What they must hold is
what the present version makes of the same source and the same work of a service.
"""

from __future__ import annotations

import gzip
import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import timedelta
from itertools import chain
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest
from sqlalchemy import make_url, select

import tandem_store
from tandem_store import (
    Month,
    SchemaBehindError,
    backup_store,
    compact_months,
    open_store,
    restore_store,
    verify_state,
)
from tandem_store.database import revisions
from tandem_store.doctor import Report, Severity, examine
from tandem_store.tables import runs
from tests.migrations.frozen.make import FOLDER, unpack, work
from tests.recompression.months import encodings
from tests.support.changes import one_more_token
from tests.support.databases import EMPTY, copied_file, file_of, server_database
from tests.support.importing import imported
from tests.support.legacy_runs import Json
from tests.support.program import answer, command
from tests.support.run_records import new_run
from tests.support.stored import dump, stored_runs

#: What differs between two stores with the same runs.
DIFFERENT: Final = {"snapshot_id", "claim_expires_at_ms", "claim_token"}

#: Upgrades a database in a child that kills itself before a statement or a commit, counted from 0.
#: Tells for each database whether its child was killed.
SUICIDES: Final = """
import os, signal, sys
from itertools import count
from sqlalchemy import event
from sqlalchemy.engine import Engine
import tandem_store
def upgrade(url, at):
    steps = count()
    def step(*_):
        if next(steps) == at:
            os.kill(os.getpid(), signal.SIGKILL)
    event.listen(Engine, "before_cursor_execute", step)
    event.listen(Engine, "commit", step)
    tandem_store.upgrade(url)
arguments = iter(sys.argv[1:])
for url, at in zip(arguments, arguments):
    pid = os.fork()
    if not pid:
        upgrade(url, int(at))
        os._exit(0)
    print(os.WIFSIGNALED(os.waitpid(pid, 0)[1]))
"""

#: Upgrades a database and tells the steps, counted as above, at which 0007 begins and ends.
STEPS: Final = """
import logging, sys
from sqlalchemy import event
from sqlalchemy.engine import Engine
import tandem_store
steps = []
event.listen(Engine, "before_cursor_execute", lambda *_: steps.append(1))
event.listen(Engine, "commit", lambda *_: steps.append(1))
class Noting(logging.Handler):
    def emit(self, record):
        if "-> 0007" in record.getMessage():
            print(len(steps))
log = logging.getLogger("alembic.runtime.migration")
log.setLevel(logging.INFO)
log.addHandler(Noting())
tandem_store.upgrade(sys.argv[1])
print(len(steps))
"""


@pytest.fixture(scope="module", params=["0001", "0002"])
def revision(request: pytest.FixtureRequest) -> str:
    """The revision of the frozen database."""
    number: str = request.param
    return number


class Databases:
    """Makes databases of a kind, out of frozen files and out of each other, until ``close``."""

    def __init__(self, kind: str, request: pytest.FixtureRequest, folder: Path) -> None:
        self._kind, self._folder, self._made = kind, folder, ExitStack()
        self._request = request
        self.close = self._made.close

    def thawed(self, revision: str) -> str:
        """The URL of a frozen database."""
        if self._kind == "sqlite":
            path = self._folder / f"{revision}.db"
            path.touch(0o600)
            path.write_bytes(frozen(path.name))
            return f"sqlite:///{path}"
        url = self._on_server(EMPTY)
        plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(plain, autocommit=True) as connection:
            connection.execute(frozen(f"{revision}.sql"))
        return url

    def copy(self, url: str, name: str = "copy") -> str:
        """The URL of a copy of a database that is not open."""
        if self._kind == "sqlite":
            return copied_file(file_of(url), self._folder / f"{name}.db")
        return self._on_server(str(make_url(url).database))

    def _on_server(self, template: str) -> str:
        server = self._request.getfixturevalue("postgresql_server")
        return self._made.enter_context(server_database(server, template))


@pytest.fixture(scope="module")
def lasting(
    database: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Databases]:
    """Makes databases that last as long as the tests of this module."""
    made = Databases(database, request, tmp_path_factory.mktemp("lasting"))
    yield made
    made.close()


@pytest.fixture
def databases(database: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Databases]:
    """Makes databases for one test."""
    made = Databases(database, request, tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="module")
def lasting_old_url(lasting: Databases, revision: str) -> str:
    """A frozen database as the older version left it; not to be changed."""
    return lasting.thawed(revision)


@pytest.fixture(scope="module")
def upgraded_url(lasting: Databases, lasting_old_url: str, revision: str) -> str:
    """A frozen database after the upgrade; not to be changed."""
    url = lasting.copy(lasting_old_url, f"upgraded-{revision}")
    tandem_store.upgrade(url)
    return url


@pytest.fixture
def old_url(databases: Databases, lasting_old_url: str) -> str:
    """A frozen database as the older version left it."""
    return databases.copy(lasting_old_url)


@pytest.fixture
def url(databases: Databases, upgraded_url: str) -> str:
    """A frozen database after the upgrade."""
    return databases.copy(upgraded_url)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state directory that the frozen databases were imported from."""
    return unpack(tmp_path_factory.mktemp("source"))


class NewStore:
    """The same source and the same work by the present version, and what it says of the store."""

    def __init__(self, path: Path, source: Path, *, claims: bool) -> None:
        self.url, self._source = str(path), source
        tandem_store.upgrade(self.url)
        imported(self.url, source)
        with open_store(self.url) as store:
            work(store, claims=claims)
        self.content = content(self.url)

    def verified(self) -> Json:
        """What a verification of the source tells."""
        return verify_state(self.url, self._source).to_json()

    def examined(self) -> Report:
        """What doctor tells."""
        return examine(self.url, deep=True)


@pytest.fixture(scope="module")
def new_stores(tmp_path_factory: pytest.TempPathFactory, source: Path) -> dict[str, NewStore]:
    """The store to compare with, for each frozen revision; not to be changed."""
    folder = tmp_path_factory.mktemp("new")
    return {
        "0001": NewStore(folder / "1.db", source, claims=False),
        "0002": NewStore(folder / "2.db", source, claims=True),
    }


@pytest.fixture
def new_store(new_stores: dict[str, NewStore], revision: str) -> NewStore:
    """The store to compare with; not to be changed."""
    return new_stores[revision]


def frozen(name: str) -> bytes:
    """A file of the folder, decompressed."""
    return gzip.decompress((FOLDER / f"{name}.gz").read_bytes())


def content(url: str) -> list[Json]:
    """The dump and the rows of the runs, without what the clock or chance decided."""
    lines = [json.loads(line) for line in dump(url).splitlines()]
    for line in lines:
        if line["kind"] == "claim" and line["expires_at_ms"] is not None:
            line["expires_at_ms"] = "a time"
    return [*lines, *rows_of_runs(url)]


def rows_of_runs(url: str) -> list[Json]:
    """The columns of every run that are the same in every store."""
    columns = [column for column in runs.c if column.name not in DIFFERENT]
    with open_store(url) as store, store.read() as tx:
        rows = tx.connection.execute(select(*columns).order_by(runs.c.run_id))
        return [{"kind": "row", **row._asdict()} for row in rows]


def told_by_doctor(report: Report) -> list[tuple[Any, ...]]:
    """What the findings are about."""
    return [(one.code, one.severity, one.runs, one.count) for one in report.findings]


def test_it_is_refused_before_the_upgrade(lasting_old_url: str, revision: str) -> None:
    """By the library and the commands, and left as it is."""
    with pytest.raises(SchemaBehindError, match=f"at revision {revision}") as caught:
        open_store(lasting_old_url)
    done = command("--db", lasting_old_url, "runs", "list")

    assert (caught.value.found, caught.value.expected) == (revision, revisions.HEAD)
    assert done.exit_code == 5
    assert "db upgrade" in done.stderr
    assert revisions.current(lasting_old_url) == revision


def test_it_has_what_a_new_store_has(upgraded_url: str, new_store: NewStore) -> None:
    """Each run, claim, month, definition and quarantined item; and every run can be read."""
    found = content(upgraded_url)

    assert found == new_store.content
    assert len(stored_runs(upgraded_url)) == sum(line["kind"] == "run" for line in found) == 76


def test_the_command_upgrades_it_behind_a_backup(
    old_url: str, revision: str, database: str, tmp_path: Path, new_store: NewStore
) -> None:
    """The backup of an SQLite file is of the older revision, and a store when it is restored."""
    told = answer("--db", old_url, "db", "upgrade")

    assert (told["before"], told["revision"]) == (revision, revisions.HEAD)
    assert content(old_url) == new_store.content
    if database == "sqlite":
        assert revisions.current(told["backup"]) == revision
        restore_store(str(tmp_path / "restored.db"), told["backup"])
        assert dump(str(tmp_path / "restored.db")) == dump(old_url)


def test_nothing_is_wrong_with_it(upgraded_url: str, new_store: NewStore, database: str) -> None:
    """Tables, rows and documents; what doctor remarks, it remarks of a new store as well."""
    revisions.check(upgraded_url)

    report = examine(upgraded_url, deep=True)

    assert Severity.ERROR not in {one.severity for one in report.findings}
    if database == "sqlite":
        assert told_by_doctor(report) == told_by_doctor(new_store.examined())


def test_the_source_is_verified_as_with_a_new_store(
    upgraded_url: str, new_store: NewStore, source: Path
) -> None:
    """The ledger of the older version accounts for every copy."""
    report = verify_state(upgraded_url, source)

    assert report.to_json() == new_store.verified()
    # The service deleted it.
    assert [one.run_id for one in report.differences] == ["source-root"]


def test_the_next_import_changes_nothing(url: str, source: Path) -> None:
    """No run is imported twice, and what was deleted stays deleted."""
    before = dump(url)

    report = imported(url, source)

    assert {name for name, count in report["outcomes"].items() if count} == {"unchanged"}
    assert report["outcomes"]["unchanged"] == report["copies"] == 129
    assert dump(url) == before


def test_runs_are_added_changed_and_deleted(url: str) -> None:
    """Those that the older version imported, and those that a service added there."""
    with open_store(url) as store, store.begin() as tx:
        for run_id in ("odd-\0-nul", "service-6"):
            before = tx.runs.get_versioned(run_id)
            after = tx.runs.update(run_id, one_more_token)
            assert before is not None
            assert after.revision == before.revision + 1
        tx.runs.delete("source-hot")
        assert tx.runs.add(new_run("added")) == 1
        assert tx.runs.add(new_run("source-hot")) == 2
        # Which runs were deleted is remembered from revision 0003 on.
        assert tx.runs.add(new_run("service-7")) == 1

    runs = stored_runs(url)
    assert runs["service-6"]["total_tokens"] == runs["odd-\0-nul"]["total_tokens"] == 1
    assert len(runs) == 78


def test_leases_go_on(url: str, revision: str) -> None:
    """One is held, one has run out, one was released; before 0002 nobody could claim anything."""
    claimed = []
    with open_store(url) as store, store.begin() as tx:
        held = [claim for claim in tx.runs.claims() if claim.worker == "held"]
        while claim := tx.runs.claim_next("worker", timedelta(minutes=1)):
            claimed.append((claim.run_id, claim.epoch))
        for claim in held:
            tx.runs.renew(claim, timedelta(minutes=1))

    if revision == "0001":
        assert claimed == [(f"service-{number}", 1) for number in range(5)]
    else:
        assert claimed == [
            ("service-2", 2),
            ("service-1", 2),
            ("service-3", 1),
            ("service-4", 1),
        ]
        assert [claim.run_id for claim in held] == ["service-0"]


def test_a_month_is_compacted(url: str) -> None:
    """And its runs are read as before."""
    before = dump(url)

    compact_months(url, [Month(2026, 5)])

    assert "zstd" not in encodings(url, Month(2026, 5))
    assert dump(url) == before


def test_it_is_backed_up_and_restored(upgraded_url: str, tmp_path: Path) -> None:
    """As any store."""
    backup_store(upgraded_url, tmp_path / "b.db.zst")

    restore_store(str(tmp_path / "restored.db"), tmp_path / "b.db.zst")

    assert dump(str(tmp_path / "restored.db")) == dump(upgraded_url)


def killed_at(moments: Sequence[int], old_url: str, databases: Databases) -> list[str]:
    """Copies of a database, in each of which an upgrade was killed at one of the moments."""
    urls = [databases.copy(old_url, f"killed-{at}") for at in moments]
    pairs = zip(urls, map(str, moments), strict=True)
    line = [sys.executable, "-c", SUICIDES, *chain.from_iterable(pairs)]
    told = subprocess.run(line, check=True, capture_output=True, text=True).stdout.split()
    return [url for url, was_killed in zip(urls, told, strict=True) if was_killed == "True"]


def assert_completed(url: str, wanted: list[Json]) -> None:
    """The next upgrade does what is left to do, and nothing is missing."""
    tandem_store.upgrade(url)
    revisions.check(url)
    assert content(url) == wanted


@pytest.mark.parametrize("revision", ["0001"], indirect=True)
def test_an_upgrade_that_was_killed_is_completed(
    lasting_old_url: str, databases: Databases, new_store: NewStore
) -> None:
    """In any of the revisions on its way, and at ten moments while runs are filled in."""
    line = [sys.executable, "-c", STEPS, databases.copy(lasting_old_url, "counted")]
    told = subprocess.run(line, check=True, capture_output=True, text=True).stdout.split()
    begins, ends = map(int, told)
    apart = (ends - begins) // 11

    killed = killed_at([4, 30, *range(begins + 2, ends, apart)][:12], lasting_old_url, databases)

    assert len(killed) == 12
    found = Counter(map(revisions.current, killed))
    assert len(found) > 2
    assert found["0006"] == 10
    for url in killed:
        assert_completed(url, new_store.content)


@pytest.mark.slow
def test_an_upgrade_that_was_killed_at_any_step_is_completed(
    lasting_old_url: str, databases: Databases, new_store: NewStore
) -> None:
    """Before each statement and each commit."""
    moments = range(0, 200, 4)

    killed = killed_at(moments, lasting_old_url, databases)

    assert 20 < len(killed) < len(moments)
    print(f"killed at {dict(Counter(map(revisions.current, killed)))}")
    for url in killed:
        assert_completed(url, new_store.content)


@pytest.mark.slow
def test_the_command_that_was_killed_at_any_moment_is_completed(
    lasting_old_url: str, databases: Databases, new_store: NewStore, revision: str
) -> None:
    """By the clock, 20 times, also while the backup is made or has just been made."""
    draw, found = random.Random(revision), Counter[str | None]()
    line = [sys.executable, "-m", "tandem_store", "--db"]
    began = time.monotonic()
    first = databases.copy(lasting_old_url)
    subprocess.run([*line, first, "db", "upgrade"], check=True, stdout=subprocess.DEVNULL)
    takes = time.monotonic() - began
    for number in range(20):
        url = databases.copy(lasting_old_url, f"killed-{number}")
        with subprocess.Popen([*line, url, "db", "upgrade"], stdout=subprocess.DEVNULL) as process:
            time.sleep(draw.uniform(0.5, 1.2) * takes)
            process.send_signal(signal.SIGKILL)
        found[revisions.current(url)] += 1

        answer("--db", url, "db", "upgrade")
        assert_completed(url, new_store.content)
    print(f"killed at {dict(found)}")
