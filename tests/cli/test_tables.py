"""Tables in what width there is, and the values in them."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from tandem_store.cli.views.table import Table
from tandem_store.cli.views.values import age, counted, duration, one_line, path_lines, size

SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
TABLE = Table.of(
    ("ID", "NODES", "WHY"), [("one", "2/2", "x" * 60), ("two", "0/3", "y " * 20)], "lrl"
)


@pytest.mark.parametrize(
    ("width", "headings"),
    [
        (80, ("ID", "NODES", "WHY")),
        (32, ("ID", "NODES", "WHY")),
        (31, ("ID", "WHY")),
        (24, ("ID", "NODES")),
        (9, ("ID",)),
    ],
)
def test_a_table_goes_without_what_it_can_before_it_loses_its_words(
    width: int, headings: tuple[str, ...]
) -> None:
    """Optional columns one after the other; a cut column keeps twenty signs.

    A narrow column stays if a wide one has to go anyway.
    """
    fitted = TABLE.fitted(width, cut="WHY", optional=("NODES", "WHY"))

    assert fitted.headings == headings
    assert fitted.width <= width


def test_a_cut_cell_ends_with_an_ellipsis() -> None:
    """What fits is not touched."""
    fitted = TABLE.fitted(40, cut="WHY", optional=())

    assert [row[2].text for row in fitted.rows] == [
        f"{'x' * 27}…",
        "y y y y y y y y y y y y y y…",
    ]


def test_nothing_is_cut_where_it_was_not_asked_for() -> None:
    """The table stays too wide, and becomes paragraphs."""
    assert TABLE.fitted(20, cut="", optional=()) == TABLE


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("as it is", 8, "as it is"),
        ("as it is", 7, "as it…"),
        ("日本語の理由", 12, "日本語の理由"),
        ("日本語の理由", 8, "日本語…"),
        (" a\n\tb ", None, "a b"),
        ("a\x1bb", 9, "a\\x1bb"),
    ],
)
def test_text_is_cut_by_the_columns_it_takes(text: str, width: int | None, expected: str) -> None:
    """Wide characters take two."""
    line = one_line(text, width)

    assert line == expected
    assert width is None or cell_len(line) <= width


@pytest.mark.parametrize(
    ("width", "lines"),
    [
        (None, ["a/bb/ccc.json"]),
        (13, ["a/bb/ccc.json"]),
        (12, ["a/bb/", "ccc.json"]),
        (4, ["a/", "bb/", "ccc.json"]),
    ],
)
def test_a_path_is_broken_at_its_slashes_only(width: int | None, lines: list[str]) -> None:
    """So that a name can be copied."""
    assert path_lines("a/bb/ccc.json", width) == lines


@pytest.mark.parametrize(
    ("ago", "told"),
    [
        (0, "0s"),
        (59 * SECOND, "59s"),
        (MINUTE, "1min"),
        (HOUR - 1, "59min"),
        (25 * HOUR, "1d"),
        (729 * DAY, "729d"),
        (730 * DAY, "2y"),
        (-3 * DAY, "in 3d"),
    ],
)
def test_an_age_is_told_in_its_greatest_unit(ago: int, told: str) -> None:
    """Days up to two years; the future is said to be one."""
    assert age(10 * DAY - ago, 10 * DAY) == told


@pytest.mark.parametrize(
    ("length", "told"),
    [
        (0, "0 ms"),
        (999, "999 ms"),
        (12_340, "12.3 s"),
        (129_999, "2 min 9 s"),
        (3 * HOUR + 12 * MINUTE, "3 h 12 min"),
        (100 * HOUR, "4 d 4 h"),
    ],
)
def test_a_duration_is_told_in_two_units_at_most(length: int, told: str) -> None:
    """Nobody counts the seconds of a day."""
    assert duration(length) == told


def test_numbers_agree_with_their_nouns() -> None:
    """One file, two copies."""
    told = [counted(1, "file"), counted(1_000, "file"), counted(1, "copy"), counted(2, "copy")]
    assert told == ["1 file", "1,000 files", "1 copy", "2 copies"]


def test_one_size_has_one_unit() -> None:
    """Decimal everywhere, from the plan of an import to the sizes of a run."""
    assert [size(1), size(999), size(107_800), size(10**9)] == [
        "1 byte",
        "999 bytes",
        "107.8 kB",
        "1.0 GB",
    ]
