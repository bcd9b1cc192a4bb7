"""Hot files cut into entries: right for every layout, and nothing lost from damaged ones."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tandem_store.importer.source.salvage.damaged_ranges import salvage
from tandem_store.importer.source.salvage.engine_layout import entries_as_laid_out
from tandem_store.importer.source.salvage.entries import outline, outline_of_any_layout
from tandem_store.importer.source.salvage.tokens import contains_other_runs, value_at
from tandem_store.importer.source.spans import DamageKind

_KEYS = st.text(max_size=8)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=3),
    max_leaves=12,
)
_RUNS = st.dictionaries(st.text(min_size=1, max_size=8), _JSON, max_size=6).map(
    lambda rest: {key: {"run_id": key, "rest": value} for key, value in rest.items()}
)
_LAYOUTS = st.sampled_from([None, 0, 1, 2, 4, "\t"])


def _entries(data: bytes) -> dict[str, Any]:
    return {
        orjson.loads(data[span.start : span.value].rstrip().removesuffix(b":")): orjson.loads(
            data[span.value : span.stop]
        )
        for span in outline(data).entries()
    }


@given(_RUNS, _LAYOUTS, st.booleans())
@example({'"}': {"run_id": '"}', "rest": '\\"{\\'}}, 2, True)
def test_the_entries_are_those_of_the_document_in_every_layout(
    runs: dict[str, Any], indent: int | str | None, ascii_only: bool
) -> None:
    """Spaces, line ends and escapes do not matter, and a good file has no fault."""
    document = {"schema_version": 1, "runs": runs}
    data = json.dumps(document, indent=indent, ensure_ascii=ascii_only).encode()

    assert _entries(data) == runs
    assert outline(data).damage == []


@given(_RUNS.filter(bool), st.booleans(), st.data())
def test_the_engines_layout_is_cut_where_the_brackets_say(
    runs: dict[str, Any], spoil: bool, data: st.DataObject
) -> None:
    """The short way finds what the long one finds, in sound files and in those with a bad byte."""
    document = {"schema_version": 1, "runs": runs}
    text = orjson.dumps(document, option=orjson.OPT_INDENT_2)
    if spoil:
        at = data.draw(st.integers(0, len(text) - 1))
        byte = data.draw(st.sampled_from([b"", b"{", b"}", b'"', b",", b"\n", b"\\", b" ", b"x"]))
        text = text[:at] + byte + text[at + data.draw(st.integers(0, 1)) :]

    found, expected = outline(text), outline_of_any_layout(text)

    assert spoil or entries_as_laid_out(text) is not None
    assert list(found.entries()) == list(expected.entries())
    assert (found.version, found.damage) == (expected.version, expected.damage)


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n \t"])
def test_space_behind_the_file_is_part_of_the_layout(end: bytes) -> None:
    """Editors add a line end."""
    text = orjson.dumps({"schema_version": 1, "runs": {"a": {"x": 1}}}, option=orjson.OPT_INDENT_2)

    assert entries_as_laid_out(text + end) is not None
    assert entries_as_laid_out(text + end + b"x") is None


@given(_RUNS, _LAYOUTS)
def test_a_map_without_version_is_its_own_entries(
    runs: dict[str, Any], indent: int | str | None
) -> None:
    """Version 0 has no envelope."""
    runs.pop("runs", None)
    runs.pop("schema_version", None)

    assert _entries(json.dumps(runs, indent=indent).encode()) == runs


@given(_RUNS.filter(bool), _LAYOUTS, st.data())
def test_a_file_cut_off_anywhere_gives_all_complete_entries(
    runs: dict[str, Any], indent: int | str | None, data: st.DataObject
) -> None:
    """What ends before the cut counts; what the cut went through is a fault, to the last byte."""
    whole = json.dumps({"schema_version": 1, "runs": runs}, indent=indent).encode()
    ends = [span.stop for span in outline(whole).entries()]
    cut = data.draw(st.integers(whole.index(b'"runs"') + 9, len(whole) - 1))

    found = outline(whole[:cut])

    assert [span.stop for span in found.entries()] == [end for end in ends if end <= cut]
    assert found.damage
    assert found.damage[-1].stop == cut


@given(_RUNS.filter(lambda runs: len(runs) > 1), st.sampled_from([None, 2]), st.data())
def test_one_spoiled_entry_costs_no_other(
    runs: dict[str, Any], indent: int | None, data: st.DataObject
) -> None:
    """A surplus bracket or quote swallows the neighbours; they are found again.

    Without line ends a surplus quote may cost a neighbour, for it turns all strings inside out; its
    bytes are a fault then.
    """
    whole = json.dumps({"schema_version": 1, "runs": runs}, indent=indent).encode()
    spans = list(outline(whole).entries())
    victim = data.draw(st.integers(0, len(spans) - 1))
    span = spans[victim]
    spoil = data.draw(st.sampled_from([b"{", b"}", b"[", b"]", *([b'"'] if indent else [])]))
    at = data.draw(st.integers(span.value + 1, span.stop - 1))

    spoiled = whole[:at] + spoil + whole[at:]
    kept = _complete(spoiled)

    others = {key: run for number, (key, run) in enumerate(runs.items()) if number != victim}
    assert others.items() <= kept.items()


def _complete(data: bytes) -> dict[str, Any]:
    """The entries that parse, as the importer finds them: pieces, then what is whole in them."""
    found: dict[str, Any] = {}
    for span in outline(data).entries():
        piece = data[span.start : span.stop]
        values = [_value(piece[span.value - span.start :])]
        if values[0] is None or contains_other_runs(values[0]):
            whole = [part for part in salvage(piece, 0, len(piece)) if part.damage is None]
            values = [_value(piece[part.value : part.stop]) for part in whole]
        found |= {value["run_id"]: value for value in values if _has_id(value)}
    return found


def _value(data: bytes) -> Any:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return None


def _has_id(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("run_id"), str)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"[]", DamageKind.NOT_AN_OBJECT),
        (b"\0" * 64, DamageKind.NOT_AN_OBJECT),
        ('{"a": 1}'.encode("utf-16"), DamageKind.NOT_AN_OBJECT),
        (b'{"schema_version": 1}', DamageKind.NO_RUNS),
        (b'{"schema_version": 1, "runs": []}', DamageKind.NOT_AN_OBJECT),
        (b'{"schema_version": 1, "runs": {}} x', DamageKind.TRAILING),
        (b'{"schema_version": 1, "runs": {', DamageKind.TRUNCATED),
        (b'{"schema_version": 1, "runs": {nonsense}}', DamageKind.DAMAGED),
    ],
)
def test_what_is_no_entry_is_a_fault_with_its_range(data: bytes, kind: DamageKind) -> None:
    """Nothing that was read goes unsaid."""
    found = outline(data)

    assert [one.damage for one in found.damage] == [kind]
    assert len(found) == 0


def test_a_byte_order_mark_is_no_fault() -> None:
    """Everything behind it is read."""
    found = outline(b'\xef\xbb\xbf{"schema_version": 1, "runs": {"a": {"run_id": "a"}}}')

    assert (len(found), found.damage) == (1, [])


def test_an_object_that_looks_like_a_run_inside_an_output_is_not_taken_for_one() -> None:
    """Only an entry whose key is its run id is salvaged."""
    piece = b'"a": {"run_id": "a", "out": {"copy": {"run_id": "b", "x": 1}}, broken'

    assert [span.damage for span in salvage(piece, 0, len(piece))] == [DamageKind.DAMAGED]


def test_where_a_value_begins_is_known_only_of_a_whole_member() -> None:
    """A member that was cut off is none."""
    assert value_at(b'"a" : {"b": 1}') == 6
    assert value_at(b'"a": {"b"') is None
    assert value_at(b"nonsense") is None


def _run(run_id: str, *, head_first: bool = True) -> dict[str, Any]:
    record = {"run_id": run_id, "automation_id": "x", "checkpoint": {}}
    return record if head_first else dict(sorted(record.items()))


@pytest.mark.parametrize("indent", [None, 2])
def test_a_missing_brace_hides_no_neighbour(indent: int | None) -> None:
    """The runs behind it would be valid JSON as fields of the first."""
    whole = json.dumps({"schema_version": 1, "runs": {k: _run(k) for k in "abc"}}, indent=indent)
    text = whole.replace('"checkpoint": {}', '"checkpoint": {}#', 1)
    end = text.index("#") + 1
    broken = text[:end].replace("#", "") + text[end:].replace("}", "", 1)

    found = outline(broken.encode())

    assert {"b", "c"} <= set(_complete(broken.encode()))
    assert found.damage


def test_runs_that_fell_out_of_their_map_are_entries_in_any_order_of_fields() -> None:
    """A surplus brace ends the map early; sorted keys put the run id last."""
    whole = json.dumps({"runs": {k: _run(k, head_first=False) for k in "abc"}, "schema_version": 1})
    broken = whole.replace('"a"}', '"a"}}', 1)

    assert set(_complete(broken.encode())) == {"a", "b", "c"}


@pytest.mark.parametrize("garbage", [b"x", b"\0" * 4096])
def test_garbage_before_the_file_costs_no_entry(garbage: bytes) -> None:
    """It alone is the fault."""
    data = json.dumps({"schema_version": 1, "runs": {k: _run(k) for k in "abc"}}).encode()

    assert set(_complete(garbage + data)) == {"a", "b", "c"}
    damage = outline(garbage + data).damage
    assert [(garbage + data)[span.start : span.stop] for span in damage] == [
        garbage + b'{"schema_version": 1, "runs": {',
        b"}}",
    ]


def test_garbage_before_the_file_does_not_hide_its_version() -> None:
    """What a later engine wrote is not to be taken for what it seems."""
    data = b'x{"schema_version": 2, "runs": {}}'

    version = outline(data).version

    assert version is not None
    assert data[slice(*version)] == b"2"
