"""What is no damage, and yet worth being told."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import insert, text, update

from tandem_store import tables
from tandem_store.database import revisions, version_table
from tandem_store.database.integrity import has_wal_reset_bug
from tandem_store.database.urls import database_url, sqlite_path
from tandem_store.doctor import Finding, Severity, examine, library, settings, sizes
from tandem_store.doctor.findings import named
from tandem_store.month import MILLISECONDS_PER_DAY
from tests.doctor import damage
from tests.support import REPOSITORY
from tests.support.databases import file_of, file_url
from tests.support.tampering import tampering


def by_code(url: str, *, deep: bool = False) -> dict[str, Finding]:
    """The findings by their codes."""
    return {finding.code: finding for finding in examine(url, deep=deep).findings}


@pytest.mark.parametrize(
    ("version", "affected"),
    [
        ((3, 6, 23), False),
        ((3, 7, 0), True),
        ((3, 40, 1), True),
        ((3, 44, 5), True),
        ((3, 44, 6), False),
        ((3, 45, 0), True),
        ((3, 50, 4), True),
        ((3, 50, 7), False),
        ((3, 51, 2), True),
        ((3, 51, 3), False),
        ((3, 53, 0), False),
    ],
)
def test_versions_with_the_bug_are_known(version: tuple[int, int, int], affected: bool) -> None:
    """As SQLite's own documentation lists them."""
    assert has_wal_reset_bug(version) is affected


@pytest.mark.sqlite
def test_a_library_with_the_bug_is_told_of(sound_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And one without is not."""
    monkeypatch.setattr(library, "has_wal_reset_bug", lambda: True)
    for is_locked, severity in ((True, Severity.INFO), (False, Severity.WARNING)):
        monkeypatch.setattr(library.commit_lock, "IS_NEEDED", is_locked)
        told = by_code(sound_url)["sqlite_wal_reset_bug"]
        assert sqlite3.sqlite_version in told.what
        assert "3.51.3" in told.what
        assert told.severity is severity

    monkeypatch.setattr(library, "has_wal_reset_bug", lambda: False)
    assert "sqlite_wal_reset_bug" not in by_code(sound_url)


def _mark(url: str, value: str) -> None:
    with tampering(url, references=False) as connection:
        connection.execute(update(version_table.TABLE).values(version_num=value))


@pytest.mark.parametrize(
    ("revision", "code", "command"),
    [
        ("0002", "schema_behind", "tandem-store db upgrade"),
        ("9999", "schema_ahead", "pip install --upgrade tandem-store"),
        ("copying 0003 abc", "copy_unfinished", "tandem-store copy --from SOURCE --to "),
        ("something", "revision_unknown", "tandem-store --db NEW restore FILE"),
    ],
)
def test_another_revision_is_a_finding_and_the_rest_is_examined(
    sound_url: str, revision: str, code: str, command: str
) -> None:
    """Damage is found before the upgrade."""
    _mark(sound_url, revision)
    damage.delete_document(sound_url)

    found = by_code(sound_url, deep=True)

    assert found[code].severity is Severity.ERROR
    assert (found[code].command or "").startswith(command)
    assert found["document_missing"].runs == ("2026-05-07",)


@pytest.mark.sqlite
def test_an_old_database_is_examined_as_far_as_it_goes(empty_url: str) -> None:
    """Tables that it does not have yet are no damage."""
    revisions.upgrade(empty_url)
    with tampering(empty_url, references=False) as connection:
        connection.execute(text("DROP TABLE backups"))
        connection.execute(text("DROP TABLE deleted_runs"))
    _mark(empty_url, "0002")

    report = examine(empty_url, deep=True)

    assert [f.code for f in report.findings if f.severity is Severity.ERROR] == ["schema_behind"]
    assert report.not_checked == ["backups"]


def _backed_up(url: str, *, days: int, runs: int = 60, location: str = "/none/b.db") -> None:
    taken = time.time_ns() // 1_000_000 - days * MILLISECONDS_PER_DAY
    with tampering(url, references=False) as connection:
        connection.execute(
            insert(tables.backups).values(
                taken_at_ms=taken, location=location, runs=runs, digest=b"\x00" * 32
            )
        )


def test_a_store_without_a_backup_is_warned_of(sound_url: str) -> None:
    """It is no reason to fail."""
    found = by_code(sound_url)["no_backup"]

    assert found.severity is Severity.WARNING
    assert found.command == "tandem-store backup FILE"


@pytest.mark.parametrize(
    ("days", "runs", "is_old"), [(8, 59, True), (8, 60, False), (6, 59, False)]
)
def test_a_backup_is_old_if_runs_changed_since(
    sound_url: str, days: int, runs: int, is_old: bool
) -> None:
    """After a week; a store that nobody writes to needs no new one."""
    _backed_up(sound_url, days=days, runs=runs)

    found = by_code(sound_url)

    assert "no_backup" not in found
    assert ("backup_old" in found) is is_old


def test_the_last_backup_is_named_where_it_helps(sound_url: str, tmp_path: Path) -> None:
    """If it is still there."""
    backup = tmp_path / "the backup.db"
    backup.touch()
    _backed_up(sound_url, days=1, location=str(backup))
    damage.delete_document(sound_url)

    command = by_code(sound_url)["document_missing"].command

    assert command == f"tandem-store --db NEW restore '{backup}'"


def test_copies_in_quarantine_are_counted_and_their_bytes_read(sound_url: str) -> None:
    """Waiting is a warning; bytes that are not those of the source are damage."""
    with tampering(sound_url, references=False) as connection:
        connection.execute(
            insert(tables.quarantine).values(
                path="a.json", layout="shard", digest=b"\x00" * 32, reason="unreadable",
                message="m", size=2, encoding="json", raw=b"{}", kept_in_source=False,
                created_at_ms=0,
            )
        )  # fmt: skip

    found = by_code(sound_url, deep=True)

    assert found["quarantine"].severity is Severity.WARNING
    assert found["quarantine"].command == "tandem-store quarantine list"
    assert found["quarantine_damaged"].severity is Severity.ERROR


def test_unused_snapshots_are_mentioned(sound_url: str) -> None:
    """They only take room."""
    with tampering(sound_url, references=False) as connection:
        connection.execute(
            insert(tables.automation_snapshots).values(
                digest=b"\x01" * 32, schema_version=1, encoding="json", document=b"{}"
            )
        )

    assert by_code(sound_url)["snapshot_unused"].severity is Severity.INFO


def test_a_record_of_a_newer_version_is_no_damage(sound_url: str) -> None:
    """The package is to be upgraded, not the store restored."""
    with tampering(sound_url, references=False) as connection:
        row = tables.runs.c.run_id == "2026-05-07"
        connection.execute(update(tables.runs).where(row).values(schema_version=99))

    found = by_code(sound_url, deep=True)["record_too_new"]

    assert found.severity is Severity.WARNING
    assert found.runs == ("2026-05-07",)


def _file(url: str) -> Path:
    path = sqlite_path(database_url(url))
    assert path is not None
    return path


def _make_readable(url: str) -> None:
    _file(url).chmod(0o644)


def _leave_wal_mode(url: str) -> None:
    with closing(sqlite3.connect(_file(url))) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")


def _make_small_pages(url: str) -> None:
    _leave_wal_mode(url)
    with closing(sqlite3.connect(_file(url))) as connection:
        connection.execute("PRAGMA page_size=4096")
        connection.execute("VACUUM")


@pytest.mark.sqlite
@pytest.mark.parametrize(
    ("how", "code", "command"),
    [
        (_make_readable, "file_mode", "chmod 600 "),
        (_leave_wal_mode, "journal_mode", "tandem-store months ensure"),
        (_make_small_pages, "file_format", "tandem-store copy --from sqlite:///"),
    ],
)
def test_settings_of_a_file_are_examined(
    sound_url: str, how: Callable[[str], None], code: str, command: str
) -> None:
    """None of them is a reason to fail."""
    assert code not in by_code(sound_url)
    how(sound_url)

    report = examine(sound_url)

    (found,) = (finding for finding in report.findings if finding.code == code)
    assert (found.command or "").startswith(command)
    assert report.ok


@pytest.mark.sqlite
def test_a_network_file_system_is_unsafe(
    sound_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The longest mount that the file is below counts."""
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/sda / ext4 rw 0 0\nhost:/x {tmp_path} nfs4 rw 0 0\n")
    monkeypatch.setattr(settings, "_MOUNTS", mounts)

    assert "nfs4" in by_code(sound_url)["network_file_system"].what


@pytest.mark.sqlite
@pytest.mark.parametrize(
    ("mounts", "is_unsafe"),
    [
        ("nas {folder} cifs rw 0 0\n", True),
        ("nas {folder} cifs rw 0 0\n/dev/sdb {folder} ext4 rw 0 0\n", False),
        ("/dev/sdb {folder} ext4 rw 0 0\nnas {folder} cifs rw 0 0\n", True),
        ("nas {folder}2 cifs rw 0 0\n", False),
    ],
)
def test_the_last_mount_on_a_folder_with_any_name_counts(
    sound_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mounts: str, is_unsafe: bool
) -> None:
    """Linux writes spaces as octal numbers, and letters as they are."""
    folder = tmp_path / "ä ж"
    folder.mkdir()
    file_of(sound_url).rename(folder / "s.db")
    listed = tmp_path / "mounts"
    listed.write_text("/dev/sda / ext4 rw 0 0\n" + mounts.format(folder=f"{tmp_path}/ä\\040ж"))
    monkeypatch.setattr(settings, "_MOUNTS", listed)

    found = by_code(file_url(folder / "s.db"))

    assert ("network_file_system" in found) is is_unsafe


@pytest.mark.postgresql
def test_settings_of_a_server_are_examined(sound_url: str) -> None:
    """As the sessions of this user have them."""
    name = database_url(sound_url).database
    with tampering(sound_url, references=False) as connection:
        connection.execute(text(f'ALTER DATABASE "{name}" SET synchronous_commit = off'))
        connection.execute(text(f'ALTER DATABASE "{name}" SET statement_timeout = 60000'))

    report = examine(sound_url)

    told = [finding.what for finding in report.findings]
    assert any("synchronous_commit = off" in what for what in told)
    assert any("statement_timeout = 1min" in what for what in told)
    assert report.ok


#: Stands for the extension, which few servers bring: it finds one index damaged.
AMCHECK = """
CREATE FUNCTION public.bt_index_check(regclass, boolean) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF $1::text = 'ix_runs_created' THEN
    RAISE EXCEPTION 'item order invariant violated' USING ERRCODE = '{code}';
  END IF;
END $$;
INSERT INTO pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)
VALUES (99999, 'amcheck', 10, 'public'::regnamespace, false, '1.4');
"""


@pytest.mark.postgresql
def test_indexes_of_a_server_are_examined_if_it_can(sound_url: str) -> None:
    """By amcheck, which not every server has; the report says that they were not."""
    assert any("amcheck" in name for name in examine(sound_url, deep=True).not_checked)
    with tampering(sound_url, references=False) as connection:
        connection.exec_driver_sql(AMCHECK.format(code="XX002"))

    report = examine(sound_url, deep=True)

    (found,) = (finding for finding in report.findings if finding.code == "index_damaged")
    assert "ix_runs_created" in found.what
    assert "invariant violated" in found.what
    assert report.not_checked == []


@pytest.mark.postgresql
def test_who_may_not_examine_indexes_is_told_so(sound_url: str) -> None:
    """It is not taken for damage."""
    with tampering(sound_url, references=False) as connection:
        connection.exec_driver_sql(AMCHECK.format(code="42501"))

    report = examine(sound_url, deep=True)

    assert any("may not use amcheck" in name for name in report.not_checked)
    assert report.ok


@pytest.mark.postgresql
def test_an_index_that_could_not_be_made_is_found(sound_url: str) -> None:
    """PostgreSQL leaves it behind, unused."""
    with tampering(sound_url, references=False) as connection:
        connection.execute(
            text("UPDATE pg_index SET indisvalid = false "
                 "WHERE indexrelid = 'ix_runs_created'::regclass")
        )  # fmt: skip

    found = by_code(sound_url)["index_invalid"]

    assert found.command == 'psql -c \'REINDEX INDEX "tandem_store"."ix_runs_created"\''


@pytest.mark.postgresql
def test_a_constraint_that_was_never_checked_is_found(sound_url: str) -> None:
    """The statement that it names checks it."""
    with tampering(sound_url, references=False) as connection:
        connection.execute(
            text("UPDATE pg_constraint SET convalidated = false WHERE conname = 'ck_runs_revision'")
        )

    command = by_code(sound_url)["constraint_not_validated"].command or ""

    assert command.startswith('psql -c \'ALTER TABLE "tandem_store"."runs" ')
    with tampering(sound_url, references=False) as connection:
        connection.exec_driver_sql(command.removeprefix("psql -c ").strip("'"))
    assert "constraint_not_validated" not in by_code(sound_url)


@pytest.mark.postgresql
def test_other_rules_of_sorting_are_mentioned(sound_url: str) -> None:
    """A system update brings them; the ids of the store are sorted without."""
    with tampering(sound_url, references=False) as connection:
        connection.execute(
            text("UPDATE pg_database SET datcollversion = '0.1' WHERE datname = current_database()")
        )

    assert by_code(sound_url)["collation_version"].severity is Severity.INFO


@pytest.mark.postgresql
def test_an_encoding_that_cannot_hold_every_text_is_told(
    sound_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store in such a database refuses what others take."""
    ask = settings._setting
    monkeypatch.setattr(
        settings,
        "_setting",
        lambda connection, name: "LATIN1" if name == "server_encoding" else ask(connection, name),
    )

    assert "LATIN1" in by_code(sound_url)["server_encoding"].what


@pytest.mark.sqlite
def test_room_that_nothing_takes_is_mentioned(
    sound_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From 16 MB and a fifth of the file; here from nothing."""
    with tampering(sound_url, references=False) as connection:
        connection.execute(text("CREATE TABLE t (b)"))
        connection.execute(text("INSERT INTO t VALUES (zeroblob(1000000))"))
        connection.execute(text("DROP TABLE t"))
    assert "free_pages" not in by_code(sound_url)

    monkeypatch.setattr(sizes, "_WORTH", 0)

    assert by_code(sound_url)["free_pages"].severity is Severity.INFO


@pytest.mark.sqlite
def test_a_log_that_grew_too_long_is_warned_of(
    sound_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From 64 MB; here from nothing."""
    monkeypatch.setattr(sizes, "_LONG_LOG", 0)
    with closing(sqlite3.connect(_file(sound_url))) as connection:
        connection.execute("UPDATE runs SET detail = 'x'")
        connection.commit()

        told = by_code(sound_url)["wal_long"]

    assert (told.command or "").endswith("'PRAGMA wal_checkpoint(TRUNCATE)'")


@pytest.mark.postgresql
def test_dead_rows_are_mentioned(sound_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """From 10,000 and a fifth of the table; here from one."""
    monkeypatch.setattr(sizes, "_DEAD_ROWS", 0)
    with tampering(sound_url, references=False) as connection:
        # Else the server may clean up at any time.
        connection.execute(text("ALTER TABLE runs SET (autovacuum_enabled = off)"))
        connection.execute(update(tables.runs).values(detail="x"))
        connection.execute(update(tables.runs).values(detail="y"))
    with tampering(sound_url, references=False) as connection:
        connection.execute(text("ANALYZE runs"))

    # Other tables have some as well, if the server has counted them by now.
    findings = [one for one in examine(sound_url).findings if one.code == "dead_rows"]
    assert any("The table runs has" in one.what for one in findings)


def test_sizes_are_told(sound_url: str) -> None:
    """Bytes, and what is unused of them."""
    told = examine(sound_url).sizes

    assert told["bytes"] > 100_000
    assert {"free_pages", "wal_bytes"} <= set(told) or "dead_rows" in told


def test_long_lists_of_runs_are_cut() -> None:
    """Twenty are named, the others counted."""
    assert named([str(number) for number in range(25)]).endswith("18, 19 and 5 more")
    assert named(["a", "b"]) == "a, b"


def test_every_code_is_in_the_guide() -> None:
    """Whoever meets one can look it up."""
    root = REPOSITORY
    sources = [
        *(root / "tandem_store/doctor").glob("*.py"),
        root / "tandem_store/database/table_check.py",
    ]
    source = "\n".join(path.read_text() for path in sources)
    codes = set(re.findall(r'\bcode(?:, command)? = "(\w+)"', source))
    codes |= set(re.findall(r'\bcode="(\w+)"', source))
    codes |= set(
        re.findall(r'(?:SchemaDifference|_damaged|self\._told)\(\s*(?:[^"]*\),\s*)?"(\w+)"', source)
    )
    assert len(codes) > 30

    guide = (root / "docs/operations/doctor.md").read_text()
    assert {code for code in codes if f"`{code}`" not in guide} == set()
