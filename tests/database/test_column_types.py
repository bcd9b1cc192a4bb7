"""Column types: what goes in comes out, and what damage leaves is read as it is."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.types import TypeEngine

from tandem_store import tables
from tandem_store.column_types import Code, EscapedText, MonthKey
from tandem_store.mapping.digests import columns_digest
from tandem_store.month import Month
from tandem_store.records import RunStatus
from tandem_store.stored_text import AsStored, is_longer
from tests.support import REPOSITORY

#: Texts, most of them with characters that have to be escaped, or that look like an escape.
TEXTS = st.text() | st.text(
    st.sampled_from("\x00\x01\x020123456789abcdefuU\x7f\n\ud800\udc80\udcff\udfff\ue000z\U0010ffff")
)
#: Texts that both databases hold as they are.
ORDINARY = st.text(st.characters(exclude_characters="\x00\x01", exclude_categories=["Cs"]))
MONTHS = st.builds(Month, st.integers(1, 9999), st.integers(1, 12))
DIALECTS = [sqlite.dialect(), postgresql.dialect()]


def write(type_: TypeEngine[Any], value: Any) -> Any:
    """What a statement hands to the driver, the same on both databases."""
    stored = [type_.dialect_impl(dialect).bind_processor(dialect)(value) for dialect in DIALECTS]  # type: ignore[misc]
    assert stored[0] == stored[1]
    return stored[0]


def read(type_: TypeEngine[Any], stored: Any) -> Any:
    """What a statement makes of what the driver returns, the same on both databases."""
    values = [
        type_.dialect_impl(dialect).result_processor(dialect, None)(stored)  # type: ignore[misc]
        for dialect in DIALECTS
    ]
    assert values[0] == values[1]
    assert type(values[0]) is type(values[1])
    return values[0]


@pytest.mark.parametrize("type_", [EscapedText(), Code()], ids=repr)
@given(text=TEXTS)
def test_every_text_comes_back(type_: TypeEngine[str], text: str) -> None:
    """What a column holds has no U+0000 and is valid UTF-8."""
    stored = write(type_, text)

    assert "\0" not in stored.encode().decode()
    assert read(type_, stored) == text
    assert type(read(type_, stored)) is str


@given(text=ORDINARY)
def test_ordinary_text_is_stored_as_it_is(text: str) -> None:
    """So people read it with any tool, and it sorts by its code points."""
    assert write(Code(), text) == text


@given(first=TEXTS, second=TEXTS)
def test_a_part_of_a_text_is_a_part_of_what_is_stored(first: str, second: str) -> None:
    """So ``contains`` and ``startswith`` find what they should."""
    assert write(Code(), first + second) == write(Code(), first) + write(Code(), second)


@given(
    stored=TEXTS.filter(
        lambda text: text.isascii() or text.encode(errors="ignore").decode() == text
    )
)
def test_whatever_a_column_holds_can_be_asked_for(stored: str) -> None:
    """Also what no escape makes: a value that was read finds its row again."""
    value = read(Code(), stored)

    assert write(Code(), value) == stored
    assert type(value) is str or (type(value) is AsStored and value == stored)


@given(text=TEXTS, limit=st.integers(0, 40))
def test_the_length_is_that_of_what_is_stored(text: str, limit: int) -> None:
    """In bytes, however short the text itself is."""
    assert is_longer(text, limit) == (len(write(Code(), text).encode()) > limit)


@given(month=MONTHS)
def test_every_month_comes_back(month: Month) -> None:
    """Stored as a number that people read."""
    stored = write(MonthKey(), month)

    assert stored == int(month.label.replace("-", ""))
    assert read(MonthKey(), stored) == month


@pytest.mark.parametrize("value", [None, 0, 202613, 10**7, -1, 1.5, "May", b"\0\xff"])
def test_what_no_month_is_stored_as_is_read_as_it_is(value: object) -> None:
    """SQLite keeps any type in any column; whoever reads it says what is wrong."""
    assert read(MonthKey(), value) == value
    assert write(MonthKey(), value) == value


@pytest.mark.parametrize("value", [None, 5, 1.5, b"\0\xff"])
def test_what_is_no_text_is_read_as_it_is(value: object) -> None:
    """As it is written, too."""
    assert read(EscapedText(), value) == value
    assert write(EscapedText(), value) == value


def test_members_of_an_enumeration_are_plain_text() -> None:
    """Drivers have ideas of their own about enumerations."""
    assert write(Code(), RunStatus.FAILED) == "failed"
    assert type(write(Code(), RunStatus.FAILED)) is str


def test_the_digest_of_a_run_is_over_what_is_stored() -> None:
    """It never changes: this one was written by the first version that had digests."""
    columns: dict[str, Any] = dict.fromkeys(tables.runs.c.keys())
    columns |= {"run_id": "a\0b", "month": Month(2026, 5), "detail": "\x01", "status": "failed"}
    columns |= {"estimated_cost_usd": -0.0, "created_at_ms": 1, "updated_at_ms": 2}

    assert columns_digest(columns, b"\xff") == "862430b108385dc3"


def test_nobody_else_converts() -> None:
    """What is forgotten at one of seventy places only shows with a U+0000."""
    own = REPOSITORY / "tandem_store"
    # A run's digest is over its columns as they are stored.
    allowed = {own / "column_types.py", own / "mapping" / "digests.py"}
    converting = re.compile(
        r"\b(to_stored|from_stored|of_key)\b"
        r"|stored_text(\.| import (\([^)]*|[^\n(]*))\b(un)?escaped\b"
    )
    files = set(own.rglob("*.py")) - allowed - {own / "month.py"}

    assert len(files) > 100
    assert [str(file) for file in files if converting.search(file.read_text())] == []
