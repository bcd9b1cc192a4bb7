"""Exports as Parquet, read again by another program's library."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pytest
from pyarrow import dataset

from tandem_store import InvalidFieldError, RunFilter, StoreError, export_parquet, open_store
from tandem_store.exporter import parquet
from tests.support.run_records import new_run
from tests.support.stored import stored_runs


def table(folder: Path, name: str) -> list[dict[str, Any]]:
    """The rows of a table of an export."""
    found = dataset.dataset(folder / name, partitioning="hive").to_table()
    rows: list[dict[str, Any]] = found.to_pylist()
    return rows


def test_a_row_for_each_run_in_its_month(full_url: str, folder: Path) -> None:
    """The columns have their types, and the month is the name of a folder."""
    report = export_parquet(full_url, folder / "p")

    rows = table(folder / "p", "runs")
    assert {(row["run_id"], row["month"]) for row in rows} == {
        ("may-1", "2026-05"),
        ("may-2", "2026-05"),
        ("june-1", "2026-06"),
        ("june, é\0", "2026-06"),
    }
    failed = next(row for row in rows if row["run_id"] == "may-2")
    assert failed["created_at"] == datetime(2026, 5, 20, tzinfo=UTC)
    assert (failed["finished_at"], failed["estimated_cost_usd"]) == (None, 0.0)
    assert (failed["completed_nodes"], failed["failed_node"]) == (2, "review")
    assert report.runs == 4
    assert sorted(path.name for path in (folder / "p" / "runs").iterdir()) == [
        "month=2026-05",
        "month=2026-06",
    ]
    schema = dataset.dataset(folder / "p" / "runs", partitioning="hive").schema
    assert schema.field("created_at").type == pa.timestamp("ms", tz="UTC")
    assert schema.field("total_tokens").type == pa.int64()


def test_a_row_for_each_node_output(full_url: str, folder: Path) -> None:
    """The output is JSON, whatever it is."""
    report = export_parquet(full_url, folder / "p")

    rows = table(folder / "p", "node_outputs")
    assert report.node_outputs == len(rows) == 8
    records = stored_runs(full_url)
    for row in rows:
        checkpoint = records[row["run_id"]]["checkpoint"]
        assert orjson.loads(row["output"]) == checkpoint["node_outputs"][row["node_id"]]
        assert row["attempts"] == checkpoint["node_attempts"][row["node_id"]]
        assert row["automation_id"] == "auto-1"


@pytest.mark.sqlite
def test_fields_and_a_filter_choose(full_url: str, folder: Path) -> None:
    """A value in the record is JSON; the month is never a column as well."""
    report = export_parquet(
        full_url,
        folder / "p",
        fields=["run_id", "month", "created_at_ms", "started_at", "/checkpoint/completed_nodes"],
        run_filter=RunFilter(status="failed"),
    )

    (row,) = table(folder / "p", "runs")
    assert row == {
        "run_id": "may-2",
        "created_at_ms": 1_779_235_200_000,
        "started_at": datetime(2026, 5, 20, tzinfo=UTC),
        "/checkpoint/completed_nodes": '["draft","review"]',
        "month": "2026-05",
    }
    assert report.fields == [name for name in row if name != "month"]


@pytest.mark.sqlite
def test_many_rows_are_several_groups(
    store_url: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No row is lost between two of them, whichever limit comes first."""
    with open_store(store_url) as store, store.begin() as tx:
        tx.runs.add_many(new_run(f"r{number:03}") for number in range(130))
    for number, (name, value) in enumerate([("_ROWS", 7), ("_BYTES", 300)]):
        with monkeypatch.context() as patch:
            patch.setattr(parquet, name, value)
            export_parquet(store_url, folder / f"p{number}")
        assert len(table(folder / f"p{number}", "runs")) == 130
        outputs = {
            (row["run_id"], row["node_id"]) for row in table(folder / f"p{number}", "node_outputs")
        }
        assert len(outputs) == 260


@pytest.mark.sqlite
def test_an_existing_folder_is_left_alone(full_url: str, folder: Path) -> None:
    """Even an empty one; and a failure leaves nothing."""
    with pytest.raises(StoreError, match="is there already"):
        export_parquet(full_url, folder)
    with pytest.raises(InvalidFieldError):
        export_parquet(full_url, folder / "p", fields=["month"])
    with pytest.raises(StoreError, match="must exist"):
        export_parquet(full_url, folder / "no" / "p")

    assert list(folder.iterdir()) == []


@pytest.mark.sqlite
def test_without_pyarrow_the_message_says_how_to_install_it(
    full_url: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is an extra that most stores do not need."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    with pytest.raises(StoreError, match=r"pip install 'tandem-store\[parquet\]'"):
        export_parquet(full_url, folder / "p")

    assert list(folder.iterdir()) == []
