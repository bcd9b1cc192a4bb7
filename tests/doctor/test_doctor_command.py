"""``doctor`` and ``db check`` as programs and people see them."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import delete

from tandem_store import open_store, tables
from tandem_store.cli.program import program
from tandem_store.database import revisions
from tests.doctor import damage
from tests.support.databases import file_of
from tests.support.run_records import new_run


def run(url: str, *arguments: str, width: int = 80) -> Result:
    """The program on a store, as on a terminal of some width, but without its colours."""
    environment = {"TANDEM_STORE_URL": url, "COLUMNS": str(width)}
    return CliRunner().invoke(program, arguments, env=environment)


def test_the_json_is_what_programs_were_promised(sound_url: str) -> None:
    """Each finding with code, severity, sentence and command."""
    damage.delete_document(sound_url)

    done = run(sound_url, "doctor", "--deep", "--json")

    assert done.exit_code == 1
    told = json.loads(done.stdout)
    assert told["ok"] is False
    assert told["revision"] == revisions.HEAD
    for finding in told["findings"]:
        assert {"code", "severity", "what", "command"} <= set(finding)
        assert finding["severity"] in {"error", "warning", "info"}
    (lost,) = (one for one in told["findings"] if one["code"] == "document_missing")
    assert lost["runs"] == ["2026-05-07"]
    assert lost["month"] == "2026-05"


def test_a_sound_store_ends_with_0_and_a_sentence(sound_url: str) -> None:
    """Also where no backup was made and the library is an old one."""
    done = run(sound_url, "doctor", "--deep")

    assert done.exit_code == 0
    assert done.stdout.splitlines()[-1].startswith("Nothing has to be done")
    assert "60 runs, 60 documents read" in done.stdout


@pytest.mark.sqlite
def test_one_of_a_kind_is_told_as_one(store_url: str) -> None:
    """One run, one document, one thing to do."""
    with open_store(store_url) as store, store.begin() as tx:
        tx.runs.add(new_run("only"))

    lines = run(store_url, "doctor", "--deep").stdout.splitlines()
    with open_store(store_url) as store, store.begin() as tx:
        tx.connection.execute(delete(tables.months))
    last = run(store_url, "doctor").stdout.splitlines()[-1]

    assert lines[0].endswith(", 1 run, 1 document read")
    assert last == "1 thing must be done, marked with ✗."


@pytest.mark.sqlite
@pytest.mark.parametrize("width", [44, 80])
def test_the_end_is_broken_between_words(empty_url: str, width: int) -> None:
    """A list of what was not examined, where there are no tables, is longer than a line."""
    with sqlite3.connect(file_of(empty_url)) as connection:
        connection.execute("PRAGMA user_version = 1")
    connection.close()

    lines = run(empty_url, "doctor", width=width).stdout.splitlines()[1:]

    end = lines[[line.startswith("Not examined: ") for line in lines].index(True) :]
    assert len(end) > 2
    assert max(map(len, end)) <= width


@pytest.mark.sqlite
@pytest.mark.parametrize("width", [44, 80, 140])
def test_the_worst_comes_first_and_commands_can_be_copied(sound_url: str, width: int) -> None:
    """No line but a command is wider than the terminal, and no command is broken."""
    damage.drop_month(sound_url)
    damage.interrupt_import(sound_url)

    lines = run(sound_url, "doctor", width=width).stdout.splitlines()

    headings = [line for line in lines if line.endswith(":") and not line.startswith(" ")]
    assert headings[:2] == ["Must be done:", "Should be done:"]
    commands = [line.strip() for line in lines if line.startswith("      ")]
    assert commands[0] == "tandem-store --db NEW restore FILE"
    assert commands[1].startswith("tandem-store import /")
    for line in lines[1:]:
        assert len(line) <= width or line.strip() in commands
    assert lines[-1] == "3 things must be done, marked with ✗."


@pytest.mark.sqlite
def test_what_was_stored_cannot_obey_the_terminal(sound_url: str) -> None:
    """An id may be anything; it is spelled out, and is no markup."""
    with open_store(sound_url) as store, store.begin() as tx:
        tx.runs.add(new_run("[red]\x1b[31m", finished_at_ms=damage.NEXT_YEAR_MS))

    told = run(sound_url, "doctor").stdout

    assert "[red]\\x1b[31m" in told


def test_there_must_be_a_database(tmp_path: Path) -> None:
    """None is made."""
    done = run(str(tmp_path / "none.db"), "doctor")

    assert done.exit_code == 1
    assert "There is no database" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_database_of_another_program_is_refused(tmp_path: Path) -> None:
    """It is not called damaged."""
    with closing(sqlite3.connect(tmp_path / "other.db")) as connection:
        connection.execute("CREATE TABLE t (a)")

    done = run(str(tmp_path / "other.db"), "doctor")

    assert done.exit_code == 1
    assert "another program" in done.stderr


def _state(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}


@pytest.mark.sqlite
def test_nothing_is_changed(sound_url: str) -> None:
    """Neither the file nor what lies beside it, quick or deep."""
    folder = file_of(sound_url).parent
    before = _state(folder)

    for arguments in (["doctor"], ["doctor", "--deep"], ["db", "check"]):
        assert run(sound_url, *arguments).exit_code == 0

    after = _state(folder)
    after.pop("store.db-wal", None), after.pop("store.db-shm", None)
    assert after == before


@pytest.mark.sqlite
def test_no_write_ahead_log_is_left_behind(sound_url: str) -> None:
    """A file that nobody has open stays alone."""
    folder = file_of(sound_url).parent

    run(sound_url, "doctor", "--deep")

    assert [path.name for path in folder.iterdir()] == ["store.db"]


@pytest.mark.sqlite
def test_a_log_that_was_left_is_not_folded_in(sound_url: str) -> None:
    """What a killed process had committed is read from where it lies."""
    path = file_of(sound_url)
    if (child := os.fork()) == 0:
        with sqlite3.connect(path) as connection:
            connection.execute("UPDATE runs SET finished_at_ms = ?", [damage.NEXT_YEAR_MS])
        os._exit(0)
    os.waitpid(child, 0)
    before = {name: path.with_name(name).read_bytes() for name in ("store.db", "store.db-wal")}
    assert before["store.db-wal"]

    done = run(sound_url, "doctor")

    assert "60 runs with a time in the future" in done.stdout
    assert before == {name: path.with_name(name).read_bytes() for name in before}


CHECKED: list[tuple[Callable[[str], None], str]] = [
    (damage.drop_month, "month 2026-05"),
    (damage.forget_month, "month 2026-05"),
    (damage.drop_table, "quarantine"),
]


@pytest.mark.parametrize(("how", "named"), CHECKED, ids=[how.__name__ for how, _ in CHECKED])
def test_the_quick_check_misses_no_table(
    sound_url: str, how: Callable[[str], None], named: str
) -> None:
    """Those of the months neither."""
    assert run(sound_url, "db", "check").exit_code == 0
    how(sound_url)

    done = run(sound_url, "db", "check")

    assert done.exit_code == 1
    assert named in done.stderr
    assert "tandem-store doctor" in done.stderr


@pytest.mark.postgresql
@pytest.mark.parametrize("how", [damage.detach_partition, damage.move_bounds])
def test_the_quick_check_misses_no_partition(sound_url: str, how: Callable[[str], None]) -> None:
    """Detached, or of another month."""
    how(sound_url)

    done = run(sound_url, "db", "check")

    assert done.exit_code == 1
    assert "run_documents_2026_05" in done.stderr


@pytest.mark.sqlite
@pytest.mark.parametrize("tree", ["run_documents_2026_05", "runs", "months", "imports"])
def test_the_quick_check_of_a_damaged_file_ends_with_a_sentence(sound_url: str, tree: str) -> None:
    """It says what to run next."""
    damage.overwrite(tree)(sound_url)

    done = run(sound_url, "db", "check")

    assert done.exit_code == 1
    assert done.stderr.startswith("Error: ")
    assert "damaged" in done.stderr


@pytest.mark.sqlite
def test_the_quick_check_needs_no_right_to_write(sound_url: str) -> None:
    """It makes no lock file, which a read-only user could not."""
    folder = file_of(sound_url).parent

    assert run(sound_url, "db", "check").exit_code == 0

    assert not (folder / "store.db.lock").exists()
