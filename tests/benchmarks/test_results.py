"""Results are kept turn by turn, so that subjects are compared within the same minute."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.results import Results, before, is_before
from benchmarks.tables import figures, median
from benchmarks.turns import in_turns


def results_of(**seconds: list[float]) -> Results:
    """Return results of one case with these seconds for each subject."""
    results = Results({"before": None})
    for subject, values in seconds.items():
        for value in values:
            results.add("case", subject, {"seconds": value})
    return results


def test_a_ratio_compares_turns_not_medians() -> None:
    """A machine that is ten times slower in one turn changes nothing."""
    results = results_of(one=[2.0, 40.0, 2.2], other=[1.0, 20.0, 1.1])

    assert results.ratio("case", "one", "other", "seconds") == 2.0


def test_what_was_not_measured_is_none() -> None:
    """A page with a gap is better than a page with a wrong figure."""
    results = results_of(one=[1.0])

    assert results.median("case", "two", "seconds") is None
    assert results.ratio("case", "one", "two", "seconds") is None
    assert results.greatest("other case", "one", "seconds") is None


@given(
    st.dictionaries(
        st.tuples(st.text(), st.text(), st.text()),
        st.lists(st.floats(0.001, 1e9), min_size=1),
        max_size=4,
    )
)
def test_a_file_has_all_results(series: dict[tuple[str, str, str], list[float]]) -> None:
    """In their order, to five digits."""
    results = Results({"before": None})
    for (case, subject, quantity), values in series.items():
        for value in values:
            results.add(case, subject, {quantity: value})

    with tempfile.TemporaryDirectory() as folder:
        results.save(Path(folder) / "results.json")
        loaded = Results.load(Path(folder) / "results.json")

    assert list(loaded.series) == list(results.series)
    for key, values in results.series.items():
        assert loaded.series[key] == pytest.approx(values, rel=1e-4)


def test_subjects_take_turns() -> None:
    """Who comes second in one round comes first in the next."""
    assert "".join(in_turns("ab", 3)) == "abbaab"


def test_the_other_commit_stands_beside() -> None:
    """In columns of the same line."""
    results = results_of(one=[1.0, 1.0], **{before("one"): [2.0, 4.0]})
    results.setting["before"] = "abc"

    lines = figures(results, "case", "way", {"seconds": median("seconds")}).splitlines()

    heading = "| way | seconds | seconds before | now / before | now / before, CPU |"
    assert lines[0] == heading
    assert lines[2:] == ["| one | 1.00 | 3.00 | 0.38 | – |"]  # noqa: RUF001
    assert is_before(before("one"))
    assert not is_before("one")
