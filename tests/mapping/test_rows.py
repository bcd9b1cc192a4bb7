"""Records to rows and back: nothing gained, nothing lost."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem_store.column_types import EscapedText
from tandem_store.errors import NotAStoreError, UnstorableError
from tandem_store.mapping import (
    compress,
    decompress,
    lay,
    lift,
    record_of,
    rows_of,
)
from tandem_store.mapping.compression import RUN_ENCODING
from tandem_store.verify.difference import first_difference
from tests.support.state_directories import full_run, run

_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
_SNAPSHOTS = st.dictionaries(
    st.sampled_from(["next_fire_at_ms", "last_fired_at_ms", "execution", "name", "a/b", "a~b"]),
    _JSON | st.dictionaries(st.sampled_from(["profile", "other"]), _JSON),
)


@given(_SNAPSHOTS)
def test_laying_undoes_lifting(snapshot: dict[str, Any]) -> None:
    """Absent, null and every odd type come back as they were, and the input is not changed."""
    before = repr(snapshot)

    core, overlay = lift(snapshot)

    assert first_difference(lay(core, overlay), snapshot) is None
    assert repr(snapshot) == before
    assert {"next_fire_at_ms", "last_fired_at_ms"}.isdisjoint(core)


@given(st.text() | st.text(st.sampled_from("\x00\x010123456789abcdefu\ud800\udc80\udcff\udfffz")))
def test_text_survives_its_escape(text: str) -> None:
    """What a column holds has no U+0000 and is valid UTF-8."""
    escaped = EscapedText.to_stored(text)

    assert "\0" not in escaped.encode().decode()
    assert EscapedText.from_stored(escaped) == text


@given(_JSON, st.floats(allow_nan=False, allow_infinity=False), st.integers(0, 2**63 - 1))
def test_a_record_survives_its_rows(unknown: Any, cost: float, tokens: int) -> None:
    """Unknown fields at every level, any cost (negative zero too) and the greatest counter."""
    record = full_run("r\0", estimated_cost_usd=cost, total_tokens=tokens, unknown=unknown)
    record["tenant_context"]["unknown"] = unknown
    record["checkpoint"]["unknown"] = unknown
    record["automation_snapshot"]["unknown"] = unknown

    rows = rows_of(record)
    snapshot = None if rows.snapshot is None else rows.snapshot.document

    assert (
        first_difference(
            record_of(rows.columns, decompress(rows.document, RUN_ENCODING), snapshot), record
        )
        is None
    )


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("run_id", "é" * 513, "id_too_long"),
        ("automation_id", "\0" * 400, "id_too_long"),
        ("updated_at_ms", 253_402_300_800_000, "out_of_range"),
        ("finished_at_ms", 2**64 - 1, "out_of_range"),
        ("prompt_tokens", 2**63, "out_of_range"),
    ],
)
def test_what_no_column_holds_is_refused_with_its_reason(
    field: str, value: Any, reason: str
) -> None:
    """An importer quarantines it by this code."""
    with pytest.raises(UnstorableError) as refused:
        rows_of({**run("r"), field: value})

    assert refused.value.reason == reason


def test_a_flipped_bit_in_a_document_is_noticed() -> None:
    """Documents carry a checksum."""
    blob = bytearray(compress(b'{"record":{}}' * 100))
    blob[len(blob) // 2] ^= 1

    with pytest.raises(NotAStoreError, match="damaged"):
        decompress(bytes(blob), "zstd")


def test_plain_json_documents_are_read_too() -> None:
    """The encoding column says how."""
    assert decompress(b"{}", "json") == b"{}"
    with pytest.raises(NotAStoreError, match="encoding"):
        decompress(b"{}", "brotli")
