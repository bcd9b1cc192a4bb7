"""No command answers damage with a statement, or calls it a bug of the program."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import text, update

from tandem_store import tables
from tandem_store.cli.program import program
from tests.doctor import damage
from tests.support.tampering import tampering

#: Everything that reads; STATE and NEW are replaced.
READING = (
    "runs list",
    "runs list --json",
    "runs show 2026-05-07",
    "runs show 2026-05-07 --json",
    "runs show 2026-05-07 --origin",
    "months list",
    "stats",
    "dump",
    "quarantine list",
    "quarantine show 1",
    "db current",
    "db check",
    "doctor",
    "doctor --deep",
    "doctor --deep --json",
    "verify STATE --jobs 1",
    "copy --from STORE --to NEW",
)
#: What says nothing to whoever runs the program.
NOISE = re.compile(r"SELECT |\[SQL|Background on this error|Traceback|a bug in")
EXIT_CODES = {0, 1, 2, 3, 4, 5}


def _say_no_month(url: str) -> None:
    """A run says that it belongs to a month that no calendar has."""
    with tampering(url, references=False) as connection:
        row = tables.runs.c.run_id == "2026-05-07"
        connection.execute(update(tables.runs).where(row).values(month=202613))


def _write_a_list(url: str) -> None:
    """A document is JSON, and no record."""
    with tampering(url, references=False) as connection:
        table = damage.documents(connection)
        row = table.c.run_id == "2026-05-07"
        connection.execute(update(table).where(row).values(encoding="json", document=b"[]"))


def _drop_column(url: str) -> None:
    """A column is gone."""
    with tampering(url, references=False) as connection:
        for view in ("totals_by_day", "runs_readable"):  # which would prevent it
            connection.execute(text(f"DROP VIEW {view}"))
        connection.execute(text("ALTER TABLE runs DROP COLUMN detail"))


ANYWHERE = [
    damage.delete_document,
    damage.delete_row,
    damage.damage_document,
    damage.misplace_document,
    damage.delete_snapshot,
    damage.damage_snapshot,
    damage.damage_automation,
    damage.drop_month,
    damage.forget_month,
    damage.drop_table,
    _say_no_month,
    _write_a_list,
    _drop_column,
]
PAGES = ["run_documents_2026_05", "runs", "sqlite_autoindex_runs_1", "automation_snapshots",
         "months", "import_entries", "tandem_store_version"]  # fmt: skip


def _speaks_plainly(url: str, state: Path, tmp_path: Path) -> None:
    for number, line in enumerate(READING):
        named = {"STATE": str(state), "NEW": str(tmp_path / f"{number}.db"), "STORE": url}
        words = [named.get(word, word) for word in line.split()]
        done = CliRunner().invoke(program, words, env={"TANDEM_STORE_URL": url})
        assert done.exit_code in EXIT_CODES, line
        assert NOISE.search(done.output) is None, f"{line}: {done.output}"


@pytest.fixture
def state(sound_file: Path) -> Path:
    """The directory that the store was imported from."""
    return sound_file.parent / "state"


@pytest.mark.sqlite
@pytest.mark.parametrize("how", ANYWHERE, ids=[how.__name__.strip("_") for how in ANYWHERE])
def test_damaged_rows_and_tables_are_told_in_sentences(
    sound_url: str, state: Path, tmp_path: Path, how: Callable[[str], None]
) -> None:
    """By every command that reads."""
    how(sound_url)

    _speaks_plainly(sound_url, state, tmp_path)


@pytest.mark.sqlite
@pytest.mark.parametrize("tree", PAGES)
def test_damaged_pages_are_told_in_sentences(
    sound_url: str, state: Path, tmp_path: Path, tree: str
) -> None:
    """By every command that reads."""
    damage.overwrite(tree)(sound_url)

    _speaks_plainly(sound_url, state, tmp_path)


@pytest.mark.postgresql
@pytest.mark.parametrize(
    "how",
    [damage.delete_document, damage.drop_month, damage.detach_partition, damage.drop_table,
     _drop_column],
    ids=lambda how: how.__name__.strip("_"),
)  # fmt: skip
def test_damage_on_a_server_is_told_in_sentences(
    sound_url: str, state: Path, tmp_path: Path, how: Callable[[str], None]
) -> None:
    """By every command that reads."""
    how(sound_url)

    _speaks_plainly(sound_url, state, tmp_path)
