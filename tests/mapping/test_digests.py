"""The halves of a run: columns, document and snapshot belong together, or the run is not read."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from tandem_store.errors import NotAStoreError
from tandem_store.mapping import RunRows, decompress, record_of, rows_of
from tandem_store.mapping.compression import RUN_ENCODING
from tandem_store.mapping.digests import COVERED, columns_digest
from tandem_store.mapping.facts import facts_of
from tandem_store.tables import runs
from tandem_store.verify.difference import first_difference
from tests.support.state_directories import full_run

#: What the repository decides, not the record.
OTHERS = {
    "revision",
    "schema_version",
    "snapshot_id",
    "imported",
    "claimed_by",
    "claim_epoch",
    "claim_expires_at_ms",
    "claim_token",
}


def read(rows: RunRows, **columns: Any) -> dict[str, Any]:
    """The record, read with some columns changed."""
    assert rows.snapshot is not None
    as_read = rows.columns | {"snapshot_digest": rows.snapshot.digest} | columns
    return record_of(as_read, decompress(rows.document, RUN_ENCODING), rows.snapshot.document)


def test_every_column_that_follows_from_the_record_is_covered() -> None:
    """A column that is added must be covered, or repeat the document, or be the repository's."""
    record = full_run("r")
    repeated = set(facts_of(record))

    assert set(COVERED) | repeated == set(rows_of(record).columns)
    assert set(COVERED) | repeated | OTHERS == set(runs.c.keys())
    assert not repeated.intersection(COVERED)


@pytest.mark.parametrize("name", COVERED)
@pytest.mark.parametrize("value", [None, 1, 2.5, "x", b"x"], ids=repr)
def test_a_column_that_is_not_what_was_written_is_noticed(name: str, value: Any) -> None:
    """Whatever it holds instead: SQLite keeps any type in any column."""
    rows = rows_of(full_run("r", estimated_cost_usd=1.5))
    if value == rows.columns[name] and type(value) is type(rows.columns[name]):
        assert read(rows, **{name: value})
        return

    with pytest.raises(NotAStoreError, match=r"^The run .* of month .*doctor --deep$"):
        read(rows, **{name: value})


def test_another_runs_document_is_noticed() -> None:
    """Two documents swapped, and nothing else, with all their checksums right."""
    one, other = rows_of(full_run("one")), rows_of(full_run("other"))

    with pytest.raises(NotAStoreError, match="'one' of month 2026-05 has columns and a document"):
        read(RunRows(one.columns, other.document, one.snapshot))


def test_another_snapshot_is_noticed() -> None:
    """By its digest; and by its content, if it lies under the digest of another."""
    ours = rows_of(full_run("r"))
    definition = full_run("r")["automation_snapshot"] | {"name": "another"}
    other = rows_of(full_run("r", automation_snapshot=definition))
    assert ours.snapshot is not None
    assert other.snapshot is not None

    with pytest.raises(NotAStoreError, match="do not agree"):
        read(RunRows(ours.columns, ours.document, other.snapshot))
    for _ in range(2):  # what was found sound is remembered by its bytes
        with pytest.raises(NotAStoreError, match="not the one it is stored as"):
            record_of(
                ours.columns | {"snapshot_digest": ours.snapshot.digest},
                decompress(ours.document, RUN_ENCODING),
                other.snapshot.document,
            )
        assert read(ours)


def test_a_document_without_a_digest_is_read_as_before() -> None:
    """Stores hold such documents from before there was one."""
    record = full_run("r")
    rows = rows_of(record)
    document = orjson.loads(decompress(rows.document, RUN_ENCODING))
    del document["columns_digest"]
    assert rows.snapshot is not None

    found = record_of(rows.columns, orjson.dumps(document), rows.snapshot.document)

    assert first_difference(found, record) is None


def test_the_sign_of_zero_makes_no_difference_to_the_digest() -> None:
    """SQLite drops it, PostgreSQL does not."""
    columns = rows_of(full_run("r", estimated_cost_usd=-0.0)).columns

    assert columns_digest(columns, None) == columns_digest(
        columns | {"estimated_cost_usd": 0.0}, None
    )


@pytest.mark.parametrize("document", [b"", b"[]", b"{}", b'{"record":5}', b"nul", b"\xff"])
def test_a_document_that_is_none_is_damage(document: bytes) -> None:
    """Whatever is wrong with it, it is told in the same words."""
    rows = rows_of(full_run("r"))

    with pytest.raises(NotAStoreError, match="'r' of month 2026-05 cannot be read"):
        record_of(rows.columns, document, None)
