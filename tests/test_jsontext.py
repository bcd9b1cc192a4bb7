"""Reading and writing JSON text."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem_store.errors import LegacyFormatError
from tandem_store.jsontext import MAX_DEPTH, canonical, dumps, loads, pretty
from tandem_store.testing.strategies import FREE_JSON
from tests.support.json_values import exact


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("18446744073709551615", 2**64 - 1),
        ("18446744073709551616", 1.8446744073709552e19),
        ("-9223372036854775808", -(2**63)),
        ("-9223372036854775809", -9.223372036854775808e18),
        ("1.0", 1.0),
        ("1e0", 1.0),
        ("1e-0", 1.0),
        ("-0", -0.0),
        (" -0\n", -0.0),
        ("-0.0", -0.0),
        ("0", 0),
        ("1e-400", 0.0),
        ("9.221885624698875e-05", 9.221885624698875e-05),
        ("[-0,-0 ,1e-0,-0\n]", [-0.0, -0.0, 1.0, -0.0]),
        (
            '{"a":-0,"[-0,":": -0,","\\\\":-0,"\\"-0,":-0}',
            {"a": -0.0, "[-0,": ": -0,", "\\": -0.0, '"-0,': -0.0},
        ),
        ('{"a":1,"b":2,"a":3}', {"a": 3, "b": 2}),
        ('"\\u0000\\ud83d\\ude00"', "\0😀"),
    ],
)
def test_numbers_keep_their_kind(text: str, value: Any) -> None:
    """Only an integer token that fits in 64 bits is an integer."""
    assert exact(loads(text.encode())) == exact(value)


@pytest.mark.parametrize(
    "data",
    [
        b"", b" ", b"{", b"[1,]", b"[1 2]", b"1 2", b"01", b"+1", b".5", b"1.", b"NaN",
        b"-Infinity", b"1e400", b"1" + b"0" * 400, b"[-0,1e400]", b'"\\ud800"',
        b'{"\\udc00":1}', b'"\x01"', b"\xef\xbb\xbf{}", b"// x\n1", b"{'a':1}", b"\xc2\xa01",
    ],
)  # fmt: skip
def test_text_that_is_no_strict_json_is_refused_with_its_place(data: bytes) -> None:
    """There is one dialect; what lies outside it is named by line and column."""
    with pytest.raises(LegacyFormatError, match=r" at line \d+ column \d+$"):
        loads(data)


def test_bytes_that_are_no_text_are_refused() -> None:
    """A file that is not UTF-8 has no line and column."""
    with pytest.raises(LegacyFormatError, match=r"^stream did not contain valid UTF-8$"):
        loads(b'"\xff"')


@pytest.mark.parametrize("brackets", [("[", "]"), ('{"a":', "}")])
def test_nesting_is_read_as_deep_as_it_can_be_written(brackets: tuple[str, str]) -> None:
    """Twice as deep as the engine goes."""
    opening, closing = brackets

    deepest = loads((opening * MAX_DEPTH + "0" + closing * MAX_DEPTH).encode())

    assert loads(pretty(deepest)) == deepest


@pytest.mark.parametrize("levels", [MAX_DEPTH + 1, 1_000, 1_025, 100_000])
def test_deeper_nesting_is_refused_without_a_crash(levels: int) -> None:
    """However deep: an error, never a RecursionError."""
    with pytest.raises(LegacyFormatError):
        loads(b"[" * levels + b"]" * levels)


@given(value=FREE_JSON)
def test_what_is_written_reads_back_the_same(value: Any) -> None:
    """All three layouts keep every value and kind of number."""
    for write in (dumps, canonical, pretty):
        assert exact(loads(write(value))) == exact(value)


@given(value=st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), st.integers(0, 9)))
def test_the_canonical_form_does_not_depend_on_the_order_of_keys(value: dict[str, int]) -> None:
    """Sorted by code point, as UTF-8 bytes sort."""
    backwards = dict(reversed(value.items()))

    assert canonical(value) == canonical(backwards)
    assert list(json.loads(canonical(value))) == sorted(value)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1e16, b"1e+16"), (1e15, b"1000000000000000.0"), (100000.0, b"100000.0"),
        (1e-5, b"0.00001"), (1e-6, b"1e-6"), (1.5e-10, b"1.5e-10"), (-0.0, b"-0.0"), (0.0, b"0.0"),
        (9999999999999998.0, b"9999999999999998.0"), (1.5e300, b"1.5e+300"), (5e-324, b"5e-324"),
    ],
)  # fmt: skip
def test_floats_are_spelled_as_the_engine_does(number: float, text: bytes) -> None:
    """Plain from 1e-5 up to 1e16, always with a fraction; scientific beyond, with a sign."""
    assert dumps(number) == text


def test_files_are_laid_out_as_the_engine_does() -> None:
    """Two spaces, raw non-ASCII, short escapes, empty containers closed up, no final newline."""
    value = {"a": [], "b": {}, "c": ['\b\f\n\r\t"\\\0\x1f\x7fé']}

    assert pretty(value).decode() == (
        '{\n  "a": [],\n  "b": {},\n  "c": [\n'
        '    "\\b\\f\\n\\r\\t\\"\\\\\\u0000\\u001f\x7fé"\n  ]\n}'
    )


@pytest.mark.parametrize("value", [object(), {1: 2}, {"a": {3}}, "\ud800", 2**64])
def test_what_json_has_no_form_for_is_refused(value: Any) -> None:
    """Nothing is converted quietly on the way out."""
    with pytest.raises(LegacyFormatError, match="cannot be written as JSON"):
        dumps(value)
