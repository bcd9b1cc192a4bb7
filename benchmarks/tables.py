"""Tables of results: a row for each subject, and beside it the commit that it is compared with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from benchmarks.markdown import megabytes, number, spread, table
from benchmarks.results import Results, before, is_before

#: What a column has for one subject of one case.
Cell = Callable[[Results, str, str], str]


def median(quantity: str, digits: int = 2) -> Cell:
    """Return a column with medians."""
    return lambda results, case, subject: number(results.median(case, subject, quantity), digits)


def least_to_most(quantity: str) -> Cell:
    """Return a column with the smallest and the greatest value."""
    return lambda results, case, subject: spread(
        results.least(case, subject, quantity), results.greatest(case, subject, quantity)
    )


def most_megabytes(quantity: str) -> Cell:
    """Return a column with the greatest number of bytes."""
    return lambda results, case, subject: megabytes(results.greatest(case, subject, quantity))


def ratio(other: str | Callable[[str], str], quantity: str = "seconds") -> Cell:
    """Return a column with ratios to another subject, or to the one that belongs to a subject."""

    def cell(results: Results, case: str, subject: str) -> str:
        compared = other if isinstance(other, str) else other(subject)
        return number(results.ratio(case, subject, compared, quantity))

    return cell


def figures(
    results: Results,
    case: str,
    first: str,
    columns: Mapping[str, Cell],
    *,
    compare: str = "seconds",
    cpu: str | None = "cpu",
    leave_out: Iterable[str] = (),
) -> str:
    """Return a table of the subjects of a case, under the heading ``first``.

    If another commit was measured, more columns have its median of the quantity ``compare``, the
    ratio, and that of the processor time, which is the quantity ``cpu``, unless it is None.
    """
    if results.setting["before"]:
        columns = {
            **columns,
            f"{compare} before": lambda results, case, subject: median(compare)(
                results, case, before(subject)
            ),
            "now / before": ratio(before, compare),
        }
        if cpu:
            columns["now / before, CPU"] = ratio(before, cpu)
    left_out = set(leave_out)
    subjects = [
        subject
        for subject in results.subjects(case)
        if subject not in left_out and not is_before(subject)
    ]
    return table(
        [first, *columns],
        ([one, *(cell(results, case, one) for cell in columns.values())] for one in subjects),
    )
