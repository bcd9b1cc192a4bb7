"""Exports as JSON Lines and CSV: what is in them, and that a file is complete or not there."""

from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path
from typing import Any

import orjson
import pytest

from tandem_store import (
    InvalidFieldError,
    NotAStoreError,
    RunFilter,
    StoreError,
    atomic_file,
    export_csv,
    export_jsonl,
    open_store,
)
from tandem_store.exporter import COLUMNS, DERIVED, text_files
from tandem_store.zstd import ZstdFile
from tests.exporter.conftest import FAILURE, MAY_MS
from tests.support.json_values import exact
from tests.support.run_records import new_run
from tests.support.stored import stored_runs
from tests.support.tampering import tampering

ORDER = ["may-1", "may-2", "june-1", "june, é\0"]


def lines(file: Path) -> list[Any]:
    """The JSON value on each line."""
    return [orjson.loads(line) for line in file.read_bytes().splitlines()]


def rows(content: bytes) -> list[dict[str, str]]:
    """The rows of a CSV file by the names in its first line."""
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


def test_json_lines_are_the_records(full_url: str, folder: Path) -> None:
    """Complete and exact, the oldest first."""
    report = export_jsonl(full_url, folder / "runs.jsonl")

    found = lines(folder / "runs.jsonl")
    assert [one["run_id"] for one in found] == ORDER
    assert exact({one["run_id"]: one for one in found}) == exact(stored_runs(full_url))
    assert (report.runs, report.fields) == (4, None)
    assert report.target == str(folder / "runs.jsonl")
    assert report.bytes == (folder / "runs.jsonl").stat().st_size


def test_csv_has_every_column(full_url: str, folder: Path) -> None:
    """With commas, quotes, line breaks and U+0000 in texts; a null is an empty cell."""
    export_csv(full_url, folder / "runs.csv")

    found = rows((folder / "runs.csv").read_bytes())
    assert [row["run_id"] for row in found] == ORDER
    assert list(found[0]) == list(COLUMNS)
    failed = found[1]
    assert (failed["status"], failed["failed_node"]) == ("failed", "review")
    assert failed["failure_reason"] == FAILURE["reason"]
    assert (failed["created_at_ms"], failed["stop_kind"]) == (str(MAY_MS), "")
    assert (failed["estimated_cost_usd"], failed["month"]) == ("0.0", "2026-05")


def test_fields_are_columns_what_follows_from_them_and_values_in_records(
    full_url: str, folder: Path
) -> None:
    """In the order in which they are named; a pointer that leads nowhere is null."""
    fields = [
        "status",
        "created_at",
        "duration_ms",
        "/checkpoint/last_failure/reason",
        "/checkpoint/completed_nodes/1",
        "/checkpoint/completed_nodes/7",
        "/checkpoint/node_outputs/draft",
        "run_id",
    ]
    export_jsonl(full_url, folder / "a.jsonl", fields=fields)
    export_csv(full_url, folder / "a.csv", fields=fields)

    failed = lines(folder / "a.jsonl")[1]
    assert list(failed) == fields
    assert list(failed.values()) == [
        "failed",
        "2026-05-20T00:00:00.000Z",
        None,
        FAILURE["reason"],
        "review",
        None,
        {"node_id": "draft", "text": "draft of x"},
        "may-2",
    ]
    cells = rows((folder / "a.csv").read_bytes())[1]
    assert cells["/checkpoint/node_outputs/draft"] == '{"node_id":"draft","text":"draft of x"}'
    assert cells["/checkpoint/completed_nodes/7"] == ""


def test_a_pointer_may_hold_any_key(store_url: str, folder: Path) -> None:
    """A slash is ~1 and a tilde ~0, as RFC 6901 has it."""
    with open_store(store_url) as store, store.begin() as tx:
        tx.runs.add(new_run("r", nodes=["a/b~c"]))

    export_jsonl(
        store_url, folder / "a.jsonl", fields=["/checkpoint/node_outputs/a~1b~0c/text", "/~0"]
    )

    assert list(lines(folder / "a.jsonl")[0].values()) == ["a/b~c of r", None]


@pytest.mark.sqlite
@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (["run_id", "nope"], "There is no field 'nope'. Fields are run_id,"),
        (["run_id", "run_id"], "'run_id' is named twice"),
        ([], "Name at least one"),
        ([""], "There is no field ''"),
    ],
)
def test_wrong_fields_are_refused_before_anything_is_written(
    store_url: str, folder: Path, fields: list[str], words: str
) -> None:
    """The message says what there is."""
    for export in (export_jsonl, export_csv):
        with pytest.raises(InvalidFieldError, match=words):
            export(store_url, folder / "a", fields=fields)
    assert list(folder.iterdir()) == []


def test_all_columns_can_be_named(full_url: str, folder: Path) -> None:
    """With those that follow from them, from the list alone or with the record."""
    every = [*COLUMNS, *DERIVED]
    export_jsonl(full_url, folder / "a.jsonl", fields=every)
    export_jsonl(full_url, folder / "b.jsonl", fields=[*every, "/run_id"])

    listed, read = lines(folder / "a.jsonl"), lines(folder / "b.jsonl")
    assert [one.pop("/run_id") for one in read] == ORDER
    assert exact(listed) == exact(read)


def test_only_what_passes_the_filter(full_url: str, folder: Path) -> None:
    """As ``runs list`` has it."""
    export_jsonl(full_url, folder / "a.jsonl", run_filter=RunFilter(terminal=False))

    assert [one["run_id"] for one in lines(folder / "a.jsonl")] == ["june, é\0"]


@pytest.mark.sqlite
def test_the_ending_of_the_name_says_how_it_is_compressed(full_url: str, folder: Path) -> None:
    """Equal runs make equal files."""
    export_csv(full_url, folder / "runs.csv")
    for name in ("runs.csv.gz", "again.csv.gz", "runs.csv.zst"):
        report = export_csv(full_url, folder / name)
        assert report.bytes == (folder / name).stat().st_size

    plain = (folder / "runs.csv").read_bytes()
    with gzip.open(folder / "runs.csv.gz") as file:
        assert file.read() == plain
    with ZstdFile(folder / "runs.csv.zst") as file:
        assert file.read() == plain
    assert (folder / "runs.csv.gz").read_bytes() == (folder / "again.csv.gz").read_bytes()


@pytest.mark.sqlite
def test_a_stream_gets_the_same_bytes(full_url: str, folder: Path) -> None:
    """And stays open."""
    export_jsonl(full_url, folder / "runs.jsonl")
    stream = io.BytesIO()

    report = export_jsonl(full_url, stream)

    assert stream.getvalue() == (folder / "runs.jsonl").read_bytes()
    assert (report.target, report.bytes) == (None, len(stream.getvalue()))


@pytest.mark.sqlite
def test_an_existing_file_is_not_written_over(
    full_url: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is one that appears meanwhile."""
    (folder / "runs.jsonl").write_text("precious")

    with pytest.raises(StoreError, match="is there already, and is never written over"):
        export_jsonl(full_url, folder / "runs.jsonl")

    def publish_too_late(made: Path, target: Path) -> None:
        target.write_text("theirs")
        atomic_file.publish(made, target)

    monkeypatch.setattr(text_files, "publish", publish_too_late)
    with pytest.raises(StoreError, match="is there already"):
        export_jsonl(full_url, folder / "b")

    assert (folder / "runs.jsonl").read_text() == "precious"
    assert (folder / "b").read_text() == "theirs"


@pytest.mark.sqlite
def test_a_damaged_run_leaves_no_file(full_url: str, folder: Path) -> None:
    """What looks like all runs would lack some."""
    with tampering(full_url) as connection:
        connection.exec_driver_sql("UPDATE run_documents_2026_06 SET document = x'00'")

    with pytest.raises(NotAStoreError, match="june"):
        export_jsonl(full_url, folder / "runs.jsonl")

    assert list(folder.iterdir()) == []


@pytest.mark.sqlite
def test_an_empty_store_has_a_heading_and_no_lines(store_url: str, folder: Path) -> None:
    """A program that reads it finds the names."""
    export_csv(store_url, folder / "a.csv", fields=["run_id", "status"])
    export_jsonl(store_url, folder / "a.jsonl")

    assert (folder / "a.csv").read_text() == "run_id,status\n"
    assert (folder / "a.jsonl").read_bytes() == b""
