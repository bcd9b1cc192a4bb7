"""Each kind of damage is found, named, and told with the command that mends it."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]  # its stubs are a package of their own
import pytest
from sqlalchemy import text

from tandem_store import open_store
from tandem_store.cli import exits
from tandem_store.database import partitions, revisions
from tandem_store.doctor import Finding, Report, Severity, examine
from tandem_store.month import Month
from tests.doctor import damage
from tests.doctor.conftest import EACH, fill
from tests.support.databases import running_server, server_url
from tests.support.tampering import tampering

RESTORE = "tandem-store --db NEW restore FILE"
#: Of this machine and of a store without a backup, not of the damage.
BESIDES = {"sqlite_wal_reset_bug", "no_backup", "unsafe_setting"}
ONE = ("2026-05-07",)
SHARING = tuple(f"{month}-{number:02}" for month in ("2026-05", "2026-06")
                for number in range(0, EACH, 3))  # fmt: skip


def found(report: Report) -> list[Finding]:
    """The findings that are about the damage."""
    return [finding for finding in report.findings if finding.code not in BESIDES]


def the(report: Report, code: str) -> Finding:
    """The finding with a code, of which there is one."""
    (finding,) = (finding for finding in report.findings if finding.code == code)
    return finding


def test_a_sound_store_has_no_findings(sound_url: str) -> None:
    """Quick or deep, on either database."""
    for deep in (False, True):
        report = examine(sound_url, deep=deep)

        assert found(report) == []
        assert report.ok
        assert report.checked["runs"] == 2 * EACH
    assert report.checked == {
        "runs": 2 * EACH,
        "dictionaries": 0,
        "snapshots": 3,
        "documents": 2 * EACH,
        "automation_snapshots": 3,
        "automations": 2,
        "quarantine": 0,
    }


def test_an_empty_store_has_no_findings(store_url: str) -> None:
    """There is nothing to back up yet."""
    report = examine(store_url, deep=True)

    assert {finding.code for finding in report.findings} <= BESIDES - {"no_backup"}


QUICK: list[tuple[Callable[[str], None], str, dict[str, Any]]] = [
    (damage.drop_month, "month_table_missing", {"month": "2026-05"}),
    (damage.drop_month, "document_missing", {"month": "2026-05", "count": EACH}),
    (damage.delete_document, "document_missing", {"month": "2026-05", "runs": ONE}),
    (damage.add_row, "document_missing", {"month": "2026-05", "runs": ("a-ghost",)}),
    (damage.delete_row, "document_without_run", {"month": "2026-05", "runs": ONE}),
    (damage.misplace_document, "document_misplaced", {"month": "2026-05", "runs": ONE}),
    (damage.delete_snapshot, "snapshot_missing", {"runs": SHARING}),
    (
        damage.forget_month,
        "month_unlisted",
        {"month": "2026-05", "command": "tandem-store months ensure 2026-05"},
    ),
    (
        damage.set_clock_wrong,
        "time_in_future",
        {"runs": ONE, "severity": Severity.WARNING, "command": "tandem-store runs show 2026-05-07"},
    ),
    (damage.interrupt_import, "import_unfinished", {"count": 1}),
    (damage.drop_table, "table_missing", {}),
]
DEEP: list[tuple[Callable[[str], None], str, dict[str, Any]]] = [
    (damage.swap_documents, "document_damaged", {"runs": ("2026-05-01", "2026-05-04")}),
    (damage.flip_time, "document_damaged", {"month": "2026-05", "runs": ONE}),
    (damage.damage_document, "run_unreadable", {"month": "2026-05", "runs": ONE}),
    (damage.change_digest, "snapshot_damaged", {"runs": SHARING}),
    (damage.damage_snapshot, "snapshot_damaged", {"runs": SHARING}),
    (damage.damage_automation, "automation_damaged", {"count": 2}),
]


def _names(cases: list[tuple[Callable[[str], None], str, dict[str, Any]]]) -> list[str]:
    return [f"{how.__name__}-{code}" for how, code, _ in cases]


@pytest.mark.parametrize(("how", "code", "facts"), QUICK, ids=_names(QUICK))
def test_what_is_missing_is_found_without_reading_documents(
    sound_url: str, how: Callable[[str], None], code: str, facts: dict[str, Any]
) -> None:
    """By run or month, with a command; only damage makes it end with 1."""
    how(sound_url)

    report = examine(sound_url)

    expected = {"severity": Severity.ERROR, "command": RESTORE} | facts
    finding = the(report, code)
    if code == "import_unfinished":
        assert (finding.command or "").startswith("tandem-store import /")
        del expected["command"]
    assert {name: getattr(finding, name) for name in expected} == expected
    assert exits.of_examination(report) == (1 if expected["severity"] is Severity.ERROR else 0)


@pytest.mark.parametrize(("how", "code", "facts"), DEEP, ids=_names(DEEP))
def test_what_is_damaged_is_found_by_reading_it(
    sound_url: str, how: Callable[[str], None], code: str, facts: dict[str, Any]
) -> None:
    """Each damaged run by its id; every other one is read."""
    how(sound_url)

    report = examine(sound_url, deep=True)

    expected = {"severity": Severity.ERROR, "command": RESTORE} | facts
    assert {name: getattr(the(report, code), name) for name in expected} == expected
    assert report.checked["documents"] == 2 * EACH


def test_columns_that_do_not_follow_from_the_document_are_found(sound_url: str) -> None:
    """The document has a digest of them, and no advice is left over of the sentence."""
    damage.flip_column(sound_url)

    report = examine(sound_url, deep=True)

    (finding,) = found(report)
    assert finding.runs == ONE
    assert "columns and a document that do not agree" in finding.what
    assert not finding.what.endswith("told by.")


def test_unlike_documents_that_were_swapped_are_found(sound_url: str) -> None:
    """By what they say about the run."""
    damage.swap_unlike_documents(sound_url)

    (finding,) = found(examine(sound_url, deep=True))

    assert finding.runs == ("2026-05-01", "2026-05-02")


@pytest.mark.postgresql
@pytest.mark.parametrize(
    ("how", "code"),
    [
        (damage.detach_partition, "month_not_attached"),
        (damage.drop_month, "month_table_missing"),
        (damage.move_bounds, "month_bounds_wrong"),
    ],
)
def test_partitions_of_postgresql_are_examined(
    sound_url: str, how: Callable[[str], None], code: str
) -> None:
    """Dropped, detached, or with the bounds of another month."""
    how(sound_url)

    finding = the(examine(sound_url), code)

    assert finding.severity is Severity.ERROR
    assert finding.month == "2026-05"


@pytest.mark.postgresql
def test_a_partition_that_was_detached_is_attached_by_the_command(sound_url: str) -> None:
    """The statement that it names is the one that helps."""
    damage.detach_partition(sound_url)
    command = the(examine(sound_url), "month_not_attached").command or ""
    assert command.startswith("psql -c ")

    with tampering(sound_url, references=False) as connection:
        connection.exec_driver_sql(command.removeprefix("psql -c ").strip("'"))

    assert found(examine(sound_url, deep=True)) == []


def test_a_month_that_is_not_listed_is_listed_by_the_command(sound_url: str) -> None:
    """Its runs stay as they are."""
    damage.forget_month(sound_url)
    assert the(examine(sound_url), "month_unlisted").command == "tandem-store months ensure 2026-05"

    with open_store(sound_url) as store:
        store.ensure_months([damage.MAY])

    assert found(examine(sound_url, deep=True)) == []


@pytest.mark.sqlite
@pytest.mark.parametrize(
    ("how", "code", "severity"),
    [
        (damage.alter_month, "month_table_altered", Severity.ERROR),
        (damage.fill_parent, "document_misplaced", Severity.ERROR),
        (damage.drop_index, "table_altered", Severity.ERROR),
        (damage.break_reference, "reference_broken", Severity.ERROR),
        (damage.add_foreign_table, "table_unknown", Severity.WARNING),
    ],
)
def test_tables_of_sqlite_are_examined(
    sound_url: str, how: Callable[[str], None], code: str, severity: Severity
) -> None:
    """What was altered, what is too much, and what refers to nothing."""
    how(sound_url)

    assert the(examine(sound_url), code).severity is severity


@pytest.mark.sqlite
def test_an_index_that_lacks_a_row_is_found(sound_url: str) -> None:
    """Deep, because it takes every index and every table."""
    damage.hide_from_index(sound_url)

    finding = the(examine(sound_url, deep=True), "index_damaged")

    assert "ix_runs_created" in finding.what
    assert (finding.command or "").endswith("REINDEX")


@pytest.mark.sqlite
@pytest.mark.parametrize(
    "tree",
    [
        "run_documents_2026_05",
        "sqlite_autoindex_run_documents_2026_05_1",
        "runs",
        "sqlite_autoindex_runs_1",
        "ix_runs_statistics",
        "automation_snapshots",
        "automations",
        "months",
        "import_entries",
        "tandem_store_version",
    ],
)
def test_overwritten_pages_are_found_and_the_rest_is_examined(sound_url: str, tree: str) -> None:
    """Wherever they are; nothing but findings comes of it."""
    damage.overwrite(tree)(sound_url)

    report = examine(sound_url, deep=True)

    assert exits.of_examination(report) == 1
    assert "pages_damaged" in {finding.code for finding in report.findings}
    for finding in report.findings:
        assert "SELECT" not in finding.what


@pytest.mark.sqlite
def test_runs_on_overwritten_pages_are_named(sound_url: str) -> None:
    """The others are read all the same."""
    damage.overwrite("run_documents_2026_05")(sound_url)

    report = examine(sound_url, deep=True)

    lost = the(report, "run_unreadable")
    assert lost.runs == tuple(f"2026-05-{number:02}" for number in range(EACH))
    assert report.checked["documents"] == 2 * EACH


@pytest.mark.sqlite
def test_a_file_whose_first_page_is_overwritten_is_one_finding(sound_url: str) -> None:
    """Nothing in it can be read."""
    path = damage.sqlite_path(damage.database_url(sound_url))
    assert path is not None
    damage.overwrite_page(path, 1)

    report = examine(sound_url, deep=True)

    assert [finding.code for finding in report.findings] == ["unreadable"]
    assert exits.of_examination(report) == 1


@pytest.mark.slow
def test_runs_on_overwritten_pages_of_a_server_are_named(tmp_path: Path) -> None:
    """The others of the month are read all the same."""
    with running_server() as server:
        url = server_url(server).render_as_string(hide_password=False)
        revisions.upgrade(url)
        with tampering(url) as connection:
            partitions.ensure(connection, [Month(2026, 5)])
            # Else all the documents of the month are on the first page, compressed as they are.
            connection.execute(text("ALTER TABLE run_documents_2026_05 SET (fillfactor = 10)"))
        fill(url, tmp_path / "state")
        with tampering(url, references=False) as connection:
            folder, name = connection.execute(
                text("SELECT current_setting('data_directory'), "
                     "pg_relation_filepath('run_documents_2026_05')")
            ).one()  # fmt: skip
        # What the server has in memory is written, and read again after its next start.
        postmaster = psutil.Process(server.get_pid())
        processes = [postmaster, *postmaster.children(recursive=True)]
        postmaster.send_signal(signal.SIGINT)
        psutil.wait_procs(processes, timeout=20)
        with Path(folder, name).open("r+b") as file:
            file.write(b"\xff" * 8192)
        server.ensure_postgres_running()

        report = examine(url, deep=True)

    lost = the(report, "run_unreadable")
    assert 0 < len(lost.runs) < EACH
    assert lost.month == "2026-05"
    assert report.checked["documents"] == 2 * EACH
