"""``export``: what it prints, where it writes, and what it exits with."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tandem_store import export_csv, export_jsonl, open_store
from tandem_store.cli.views.values import size
from tests.support.program import answer, command
from tests.support.run_records import add_all, new_run


def test_jsonl_and_csv_go_to_a_file_or_to_stdout(full_url: str, folder: Path) -> None:
    """The same bytes; a file gets a summary, stdout only the runs."""
    for name, export in (("jsonl", export_jsonl), ("csv", export_csv)):
        export(full_url, folder / "wanted")
        wanted = (folder / "wanted").read_bytes()
        (folder / "wanted").unlink()

        to_file = command("--db", full_url, "export", name, folder / f"runs.{name}")
        to_stdout = command("--db", full_url, "export", name, "-")

        assert to_file.exit_code == to_stdout.exit_code == 0, to_file.stderr
        assert to_stdout.stdout_bytes == wanted == (folder / f"runs.{name}").read_bytes()
        assert f"Exported 4 runs, {size(len(wanted))}, in " in to_file.stdout
        assert str(folder / f"runs.{name}") in to_file.stdout
        assert to_stdout.stderr == ""


def test_options_choose_runs_and_fields(full_url: str) -> None:
    """Those of ``runs list``, and ``--fields``."""
    done = command(
        "--db", full_url, "export", "csv", "-", "--status", "failed", "--fields", "run_id,status"
    )

    assert done.stdout == "run_id,status\nmay-2,failed\n"


def test_json_is_a_report(full_url: str, folder: Path) -> None:
    """Where it is, and how much is in it."""
    file = folder / "runs.csv.gz"
    told = answer("--db", full_url, "export", "csv", file, "--fields", "run_id")
    assert told == {
        "target": str(file),
        "fields": ["run_id"],
        "runs": 4,
        "bytes": file.stat().st_size,
        "forgotten": 0,
        "detached": 0,
        "seconds": told["seconds"],
    }

    told = answer("--db", full_url, "export", "parquet", folder / "p")
    assert (told["runs"], told["node_outputs"]) == (4, 8)

    told = answer("--db", full_url, "export", "legacy", folder / "state")
    assert (told["runs"], told["hot"], told["definitions"], told["limited"]) == (4, 1, 1, [])


@pytest.mark.sqlite
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("jsonl", "-", "--json"), "--json prints a report on stdout"),
        (("csv", "-", "--fields", "run_id,nope"), "There is no field 'nope'"),
        (("parquet", "-"), "Name a new folder"),
        (("csv", "-", "--status", "nope"), "'nope' is not one of"),
        (("jsonl",), "Missing argument 'FILE'"),
    ],
)
def test_wrong_usage(store_url: str, words: tuple[str, ...], message: str) -> None:
    """A sentence, exit 2, and nothing is written."""
    done = command("--db", store_url, "export", *words)

    assert done.exit_code == 2
    assert message in done.stderr
    assert done.stdout == ""


@pytest.mark.sqlite
def test_no_database_is_made(tmp_path: Path) -> None:
    """An export reads."""
    for words in (("jsonl", "-"), ("csv", "-"), ("legacy", str(tmp_path / "state"))):
        done = command("--db", tmp_path / "no.db", "export", *words)
        assert done.exit_code == 1
        assert "There is no database at" in done.stderr
    assert not (tmp_path / "no.db").exists()
    assert not (tmp_path / "state").exists()


@pytest.mark.sqlite
def test_a_reader_that_has_enough_is_no_failure(full_url: str) -> None:
    """As ``head`` is."""
    with open_store(full_url) as store, store.begin() as tx:
        tx.runs.add_many(new_run(f"more-{number:04}") for number in range(500))
    line = f"{sys.executable} -m tandem_store --db {full_url} export jsonl - | head -n 1"

    done = subprocess.run(line, shell=True, capture_output=True, text=True, check=True)

    assert json.loads(done.stdout)["run_id"] == "may-1"
    assert done.stderr == ""


def test_legacy_says_how_to_start_the_engine(full_url: str, folder: Path) -> None:
    """And from which release on it would not read the files."""
    done = command("--db", full_url, "export", "legacy", folder / "state")

    assert done.exit_code == 0, done.stderr
    assert "Exported 4 runs, 1 of them in the hot file, and 1 definition," in done.stdout
    assert "Engines up to 0.6.8 read it." in done.stdout
    assert "move data/stateful_runtime.sqlite3 away first." in done.stdout


@pytest.mark.sqlite
def test_legacy_names_what_the_engine_cannot_read(store_url: str, folder: Path) -> None:
    """With its file, and exit 3."""
    deep = "x"
    for _ in range(124):
        deep = [deep]  # type: ignore[assignment]
    checkpoint = new_run("x").to_legacy()["checkpoint"] | {"node_outputs": {"draft": deep}}
    with open_store(store_url) as store:
        add_all(store, [new_run("deep", checkpoint=checkpoint), new_run("i" * 300)])

    done = command("--db", store_url, "export", "legacy", folder / "state")

    assert done.exit_code == 3
    assert "1 run nested too deep for the engine" in done.stdout
    assert "data/automation-runs/2026/05/deep.json" in done.stdout
    assert "1 run with an id too long for the engine to save" in done.stdout
    told = json.loads(
        command("--db", store_url, "export", "legacy", folder / "b", "--json").stdout_bytes
    )
    assert {one["limit"] for one in told["limited"]} == {"too_deep", "id_too_long"}
