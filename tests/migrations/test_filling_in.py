"""Revision 0007 fills in what people ask of a run, while services go on."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import (
    Connection,
    delete,
    func,
    insert,
    inspect,
    literal_column,
    select,
    text,
    update,
)
from sqlalchemy.exc import IntegrityError

import tandem_store
from tandem_store import RunRecord, StoreError, open_store, tables
from tandem_store.database import partitions, revisions
from tandem_store.database.engines import Engines
from tandem_store.doctor import examine
from tandem_store.doctor.findings import Severity
from tandem_store.month import Month
from tandem_store.recompression import compact_months
from tandem_store.tables import runs
from tandem_store.testing.strategies import runs as any_run
from tests.importer.test_limits import noise
from tests.recompression.months import FEBRUARY, JANUARY, fill, run_of
from tests.support.databases import file_of
from tests.support.legacy_runs import MONTH_MS
from tests.support.migrating import alembic, downgrade
from tests.support.program import answer, command
from tests.support.run_records import add_all, new_run
from tests.support.stored import dump
from tests.support.tampering import tampering

#: How many months have runs, and how many runs each of them has.
MONTHS, EACH = 12, 15
BEGAN_MS: Final = 1_750_000_000_000

#: Upgrades a database in a child that kills itself before one of its commits, counted from 0.
KILLED: Final = """
import os, signal, sys
from itertools import count
from sqlalchemy import event
from sqlalchemy.engine import Engine
import tandem_store
url, at = sys.argv[1], int(sys.argv[2])
commits = count()
def commit(_):
    if next(commits) == at:
        os.kill(os.getpid(), signal.SIGKILL)
event.listen(Engine, "commit", commit)
tandem_store.upgrade(url)
"""


def of_each_month() -> list[RunRecord]:
    """Runs of twelve months, of which some wait for something."""
    made = []
    for number in range(MONTHS * EACH):
        at = BEGAN_MS + number // EACH * MONTH_MS + number
        made.append(
            new_run(
                f"{number:04}\0",
                created_at_ms=at,
                updated_at_ms=at,
                status=("queued", "completed", "failed", "paused")[number % 4],
            )
        )
    return made


@pytest.fixture
def filled_url(empty_url: str) -> str:
    """A store with runs in twelve months."""
    revisions.upgrade(empty_url)
    with open_store(empty_url) as store:
        add_all(store, of_each_month())
    return empty_url


def content(url: str) -> tuple[bytes, list[Any]]:
    """The dump, and the rows of the runs."""
    with tampering(url) as connection:
        rows = connection.execute(select(runs).order_by(runs.c.run_id)).all()
    return dump(url), list(rows)


def versions(connection: Connection) -> dict[int, int]:
    """How many runs have each version."""
    column = runs.c.schema_version
    return dict(connection.execute(select(column, func.count()).group_by(column)).all())


def old_service_saves(url: str, run_id: str) -> None:
    """What a service of the older version does to a run: it knows nothing of the new columns."""
    with tampering(url) as connection:
        connection.execute(
            update(runs)
            .where(runs.c.run_id == run_id)
            .values(schema_version=1, revision=runs.c.revision + 1, waits_for="stale")
        )


@pytest.mark.postgresql
def test_a_run_that_no_index_can_hold_is_named_before_anything_is_changed(empty_url: str) -> None:
    """Three long ids had no limit together before; without that run, the upgrade goes on."""
    revisions.upgrade(empty_url)
    with open_store(empty_url) as store:
        add_all(store, [new_run("long"), new_run("short")])
    downgrade(empty_url, "0005")
    ids = {name: noise(1_000) + name for name in ("org_id", "workspace_id", "automation_id")}
    with tampering(empty_url) as connection:
        connection.execute(update(runs).where(runs.c.run_id == "long").values(**ids))

    with pytest.raises(StoreError, match=r"the run 'long' have more than 2,600 bytes together"):
        tandem_store.upgrade(empty_url)

    with tampering(empty_url) as connection:
        names = {one["name"] for one in inspect(connection).get_columns("runs")}
        connection.execute(text("DELETE FROM run_documents WHERE run_id = 'long'"))
        connection.execute(delete(runs).where(runs.c.run_id == "long"))
    assert "waits_for" not in names
    tandem_store.upgrade(empty_url)


def test_an_upgrade_that_is_killed_again_and_again_ends(filled_url: str) -> None:
    """Each attempt goes on with what is left; the end is a store that was never old."""
    wanted = content(filled_url)
    downgrade(filled_url, "0005")
    assert alembic(filled_url, "upgrade", "0006").returncode == 0
    left = [MONTHS * EACH]

    for at in range(3, 3 * MONTHS, 2):
        subprocess.run([sys.executable, "-c", KILLED, filled_url, str(at)])
        with tampering(filled_url) as connection:
            left.append(versions(connection).get(1, 0))
        if revisions.current(filled_url) == revisions.HEAD:
            break

    assert revisions.current(filled_url) == revisions.HEAD
    assert left == sorted(left, reverse=True)
    assert len(set(left)) > 10
    revisions.check(filled_url)
    assert content(filled_url) == wanted


class TestMeanwhile:
    def test_what_an_older_service_writes_behind_it_is_filled_in(self, filled_url: str) -> None:
        """By the second walk; and between two batches it need not wait."""
        wanted = content(filled_url)[1]
        first = wanted[0].run_id
        downgrade(filled_url, "0005")

        saved: list[str] = []

        def progress(_phase: str, done: int, _total: int) -> None:
            if done == 5 * EACH and not saved:
                saved.append(first)
                old_service_saves(filled_url, first)

        revisions.upgrade(filled_url, progress=progress)

        found = content(filled_url)[1]
        assert found[0]._asdict() == {**wanted[0]._asdict(), "revision": 2}
        assert found[1:] == wanted[1:]

    def test_readers_see_old_and_new_runs(self, filled_url: str) -> None:
        """Each with all of its columns, or none."""
        downgrade(filled_url, "0005")
        seen: list[tuple[int, int]] = []

        def progress(_phase: str, done: int, _total: int) -> None:
            with tampering(filled_url) as connection:
                counts = versions(connection)
                is_filled = runs.c.execution_profile.is_not(None)
                filled = select(func.count()).select_from(runs).where(is_filled)
                assert connection.scalar(filled) == counts[2] == done
                seen.append((counts.get(1, 0), counts[2]))

        revisions.upgrade(filled_url, progress=progress)

        assert (MONTHS * EACH - EACH, EACH) in seen
        assert seen[-1] == (0, MONTHS * EACH)

    @pytest.mark.postgresql
    def test_a_run_that_is_being_written_is_passed_over(
        self, filled_url: str, open_engines: Callable[..., Engines]
    ) -> None:
        """And filled in afterwards, so that no service and no upgrade wait in a circle."""
        wanted = content(filled_url)
        downgrade(filled_url, "0005")
        engines = open_engines(filled_url)
        is_last = runs.c.run_id == wanted[1][-1].run_id
        told: list[int] = []
        with engines.write.connect() as service:

            def progress(_phase: str, done: int, _total: int) -> None:
                if not told:
                    service.execute(select(runs.c.month).where(is_last).with_for_update())
                told.append(done)
                if done == MONTHS * EACH - 1:
                    service.rollback()

            revisions.upgrade(filled_url, progress=progress)

        assert MONTHS * EACH - 1 in told
        assert content(filled_url) == wanted

    def test_a_dictionary_that_is_added_meanwhile_is_found(self, empty_url: str) -> None:
        """A service of the older version may compact a month while the upgrade runs."""
        revisions.upgrade(empty_url)
        with open_store(empty_url) as store:
            fill(store)
        compact_months(empty_url, [FEBRUARY])
        wanted = content(empty_url)
        downgrade(empty_url, "0005")
        with tampering(empty_url, references=False) as connection:
            kept = {
                table: [row._asdict() for row in connection.execute(select(table))]
                for table in (tables.dictionaries, tables.month_dictionaries)
            }
            for table in reversed(kept):
                connection.execute(delete(table))

        def progress(_phase: str, _done: int, _total: int) -> None:
            with tampering(empty_url) as connection:
                for table in list(kept):
                    connection.execute(insert(table), kept.pop(table))

        revisions.upgrade(empty_url, progress=progress)

        assert content(empty_url) == wanted


class TestAfterwards:
    def test_an_older_service_is_refused_and_told_why(self, filled_url: str) -> None:
        """What it saved would keep columns that its document contradicts."""
        with pytest.raises(IntegrityError, match="ck_runs_upgraded_restart_older_services"):
            old_service_saves(filled_url, "0001\0")

        with tampering(filled_url) as connection:
            assert versions(connection) == {2: MONTHS * EACH}

    def test_it_may_write_again_after_a_downgrade(self, filled_url: str) -> None:
        """And the next upgrade fills in what it wrote."""
        wanted = content(filled_url)[1][1]
        downgrade(filled_url, "0006")
        old_service_saves(filled_url, wanted.run_id)

        revisions.upgrade(filled_url)

        found = content(filled_url)[1][1]
        assert found._asdict() == {**wanted._asdict(), "revision": 2}

    def test_nothing_is_wrong(self, filled_url: str) -> None:
        """Neither with tables nor with rows; the check is part of both."""
        downgrade(filled_url, "0005")
        revisions.upgrade(filled_url)

        assert Severity.ERROR not in {
            one.severity for one in examine(filled_url, deep=True).findings
        }
        assert alembic(filled_url, "check").returncode == 0


class TestDocuments:
    def test_compacted_and_forgotten_ones(self, empty_url: str) -> None:
        """The first are read by their dictionary; of the others nothing is known any more."""
        revisions.upgrade(empty_url)
        with open_store(empty_url) as store:
            fill(store)
        compact_months(empty_url, [JANUARY])
        with tampering(empty_url) as connection:
            table = partitions.document_table(connection, FEBRUARY)
            is_february = table.c.month == FEBRUARY
            forgotten = update(table).where(is_february).values(encoding="forgotten", document=b"")
            connection.execute(forgotten)
        wanted = content(empty_url)
        downgrade(empty_url, "0006")

        revisions.upgrade(empty_url)

        found = content(empty_url)
        assert found[0] == wanted[0]
        assert [row for row in found[1] if row.month == JANUARY] == [
            row for row in wanted[1] if row.month == JANUARY
        ]
        assert {row.attempts for row in found[1] if row.month == FEBRUARY} == {None}

    @pytest.mark.parametrize(
        "document",
        [
            b"",
            b"\xff",
            b"{}",
            b"[]",
            b"null",
            b'{"record": {"checkpoint": []}}',
            b'{"record": {"checkpoint": {"awaiting_gate": {"title": []}}}}',
            b'{"record": {"checkpoint": {"node_attempts": {"a": "many"}}}}',
            b'{"record": {"checkpoint": {}, "pause_reason": {}}}',
            b'{"record": {"checkpoint": {}, "effective_execution_profile": 7}}',
        ],
    )
    def test_one_that_cannot_be_read_leaves_its_columns_empty(
        self, filled_url: str, document: bytes
    ) -> None:
        """And does not end the upgrade."""
        wanted = content(filled_url)[1]
        downgrade(filled_url, "0006")
        run_id, month = wanted[3].run_id, wanted[3].month
        with tampering(filled_url) as connection:
            table = partitions.document_table(connection, month)
            is_it = (table.c.run_id == run_id) & (table.c.month == month)
            connection.execute(
                update(table).where(is_it).values(encoding="json", document=document)
            )

        revisions.upgrade(filled_url)

        with tampering(filled_url) as connection:
            found = connection.execute(select(runs).order_by(runs.c.run_id)).all()
        assert found[3].execution_profile is found[3].attempts is found[3].last_event is None
        assert found[3].schema_version == 2
        assert found[:3] + found[4:] == wanted[:3] + wanted[4:]

    @pytest.mark.parametrize(
        "header", [b"\x28\xb5\x2f\xfd\xe0" + b"\xff" * 7 + b"\x3f", b"\x28\xb5"]
    )
    def test_a_damaged_frame_claims_no_memory(self, filled_url: str, header: bytes) -> None:
        """Whatever size it names."""
        downgrade(filled_url, "0006")
        with tampering(filled_url) as connection:
            month = connection.scalars(select(runs.c.month).order_by(runs.c.run_id)).first()
            assert isinstance(month, Month)
            table = partitions.document_table(connection, month)
            its = table.c.month == month
            connection.execute(update(table).where(its).values(document=header, encoding="zstd"))

        revisions.upgrade(filled_url)

        with tampering(filled_url) as connection:
            empty = select(func.count()).select_from(runs).where(runs.c.attempts.is_(None))
            assert connection.scalar(empty) == EACH

    def test_one_that_is_missing_is_passed_over(self, filled_url: str) -> None:
        """Doctor finds it."""
        downgrade(filled_url, "0006")
        with tampering(filled_url) as connection:
            row = connection.execute(select(runs.c.run_id, runs.c.month).limit(1)).one()
            table = partitions.document_table(connection, row.month)
            connection.execute(
                delete(table).where(table.c.run_id == row.run_id, table.c.month == row.month)
            )

        revisions.upgrade(filled_url)

        with tampering(filled_url) as connection:
            assert versions(connection) == {2: MONTHS * EACH}
            empty = select(func.count()).select_from(runs).where(runs.c.attempts.is_(None))
            assert connection.scalar(empty) == 1

    @pytest.mark.sqlite
    def test_values_of_other_types_are_passed_over(self, filled_url: str) -> None:
        """SQLite keeps any value in any column, and bytes that are no text."""
        wanted = content(filled_url)[1]
        downgrade(filled_url, "0006")
        with tampering(filled_url, references=False) as connection:
            broken = literal_column("CAST(x'30303034ff' AS TEXT)")
            its_table = partitions.document_table(connection, wanted[4].month)
            for table in (runs, its_table):
                itself = table.c.run_id == wanted[4].run_id
                connection.execute(update(table).where(itself).values(run_id=broken))
            for table in (runs, partitions.document_table(connection, wanted[7].month)):
                itself = table.c.run_id == wanted[7].run_id
                connection.execute(update(table).where(itself).values(run_id=text("x'30ff'")))
            for number, column in ((5, "started_at_ms"), (6, "status")):
                itself = runs.c.run_id == wanted[number].run_id
                value = text("CAST(x'ff' AS TEXT)")
                connection.execute(update(runs).where(itself).values({column: value}))

        revisions.upgrade(filled_url)

        query = (
            "SELECT count(*) FROM runs WHERE schema_version = 2 AND run_id = CAST(x'30303034ff' AS"
            " TEXT) AND attempts IS NOT NULL"
        )
        with tampering(filled_url) as connection:
            assert versions(connection) == {2: MONTHS * EACH}
            assert connection.exec_driver_sql(query).scalar() == 1
            after = select(runs).where(runs.c.run_id > wanted[7].run_id).order_by(runs.c.run_id)
            rows = connection.execute(after).all()
            assert rows[:-1] == wanted[8:]
            assert (rows[-1].schema_version, rows[-1].attempts) == (2, None)

    def test_large_ones_are_committed_by_themselves(self, empty_url: str) -> None:
        """Neither memory nor the time that writers wait grows with them."""
        draw = random.Random(1)
        revisions.upgrade(empty_url)
        with open_store(empty_url) as store, store.begin() as tx:
            for number in range(3):
                text_of_it = draw.randbytes(3_000_000).hex()
                tx.runs.add(
                    run_of(JANUARY, number, runtime_context={"routines": [], "text": text_of_it})
                )
        downgrade(empty_url, "0006")
        told: list[int] = []

        revisions.upgrade(empty_url, progress=lambda _phase, done, _total: told.append(done))

        assert told[:3] == [1, 2, 3]

    @pytest.mark.sqlite
    @settings(
        max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(drawn=st.lists(any_run(), min_size=1, max_size=8, unique_by=lambda run: run.run_id))
    def test_any_run_gets_what_a_new_store_writes(
        self, drawn: list[RunRecord], tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        """The revision has rules of its own, which must be those of the day it was written."""
        url = str(tmp_path_factory.mktemp("any") / "store.db")
        tandem_store.upgrade(url)
        with open_store(url) as store:
            add_all(store, drawn)
        wanted = content(url)
        downgrade(url, "0005")

        revisions.upgrade(url)

        assert content(url) == wanted


class TestSaidBefore:
    def test_a_dry_run_tells_and_changes_nothing(self, filled_url: str, database: str) -> None:
        """What would run, over how many runs, how long, and how large the backup would be."""
        downgrade(filled_url, "0005")

        told = answer("--db", filled_url, "db", "upgrade", "--dry-run")
        shown = command("--db", filled_url, "db", "upgrade", "--dry-run")

        assert revisions.current(filled_url) == "0005"
        assert [one["revision"] for one in told["revisions"]] == ["0006", "0007"]
        assert (told["before"], told["runs"], told["dry_run"]) == ("0005", MONTHS * EACH, True)
        assert 0 < told["seconds"] < 60
        assert (told["backup_bytes"] is None) == (database == "postgresql")
        assert "0007      Fill in the new columns from documents" in shown.stdout
        assert f"{MONTHS * EACH} runs to fill in from their documents: about" in shown.stdout

    def test_it_counts_only_what_is_left(self, filled_url: str) -> None:
        """After a kill."""
        downgrade(filled_url, "0006")
        with tampering(filled_url) as connection:
            some = select(runs.c.run_id).order_by(runs.c.run_id).limit(100)
            is_some = runs.c.run_id.in_(some.scalar_subquery())
            connection.execute(update(runs).where(is_some).values(schema_version=2))

        told = answer("--db", filled_url, "db", "upgrade", "--dry-run")

        assert told["runs"] == MONTHS * EACH - 100

    def test_the_upgrade_begins_with_the_estimate(self, filled_url: str) -> None:
        """On stderr, where it disturbs no script."""
        downgrade(filled_url, "0005")

        done = command("--db", filled_url, "db", "upgrade")

        assert done.exit_code == 0
        assert f"{MONTHS * EACH} runs to fill in" in done.stderr

    def test_there_is_nothing_to_do_at_head(self, store_url: str) -> None:
        """Which most deploys find."""
        told = command("--db", store_url, "db", "upgrade", "--dry-run")

        assert "There is nothing to do" in told.stdout

    def test_a_new_store_is_not_made(self, empty_url: str) -> None:
        """Only the upgrade makes one."""
        told = command("--db", empty_url, "db", "upgrade", "--dry-run")

        assert "There are no tables yet" in told.stdout
        assert revisions.current(empty_url) is None

    @pytest.mark.sqlite
    def test_a_dry_run_writes_no_byte(self, filled_url: str) -> None:
        """Not even the estimate does."""
        downgrade(filled_url, "0005")
        before = file_of(filled_url).read_bytes()

        command("--db", filled_url, "db", "upgrade", "--dry-run")

        assert file_of(filled_url).read_bytes() == before

    def test_alembic_prints_lines(self, filled_url: str) -> None:
        """Without the command there is no bar."""
        downgrade(filled_url, "0005")

        done = alembic(filled_url, "upgrade", "head")

        assert f"Revision 0007: {MONTHS * EACH} runs to fill in." in done.stdout
        assert f"Revision 0007: {MONTHS * EACH} runs in " in done.stdout

    @pytest.mark.sqlite
    def test_a_script_of_it_is_refused_with_a_reason(self, filled_url: str) -> None:
        """What it does depends on what is stored."""
        downgrade(filled_url, "0005")

        done = alembic(filled_url, "upgrade", "head", "--sql")

        assert done.returncode != 0
        assert "--sql is not supported: the revisions read the database" in done.stderr
        assert "Traceback" not in done.stderr
