"""The tables of ``docs/questions.md``: how to ask each question, which index answers it, and how
long that takes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from benchmarks.checkouts import ROOT
from benchmarks.markdown import number, table
from benchmarks.questions.asked import QUESTIONS, Question
from benchmarks.questions.filling import SMALL_TENANTS
from benchmarks.questions.program import of_tenant
from benchmarks.results import Results

MEASURED: Final = ROOT / "benchmarks" / "results" / "questions.json"
#: The databases, and whether they are on a server.
DATABASES: Final = {"SQLite": False, "PostgreSQL": True}

_PLANS: Final = """\
## Which index answers

For all tenants, at a million runs. [Tables](reference/schema.md) has the columns of each index;
*key* means the primary key of a table."""
_TIMES: Final = f"""\
## How long an answer takes

Milliseconds, at the median (p50) of up to 40 calls in Python: first for all tenants, then for one
tenant, who has one run in {2 * SMALL_TENANTS}. The start of a command is not included."""


def case_of(runs: int) -> str:
    """Return the name of the case with so many runs."""
    return f"questions at {runs:,} runs"


def render(results: Results) -> str:
    """Return the tables, and on what the times were measured."""
    times = (part for name in DATABASES for part in (f"### {name}", _times(results, name)))
    parts = (_ways(), _PLANS, _plans(results), _TIMES, *times, _about(results))
    return "\n\n".join(parts)


def _ways() -> str:
    rows = (
        [one.words, f"`{one.command}`" if one.command else "", f"`{one.call}`"] for one in QUESTIONS
    )
    return table(["question", "`tandem-store` ...", "in Python"], rows, words=3)


def _plans(results: Results) -> str:
    rows = ([one.words, *_indexes(results, one)] for one in QUESTIONS)
    return table(["question", *DATABASES], rows, words=1 + len(DATABASES))


def _indexes(results: Results, question: Question) -> Iterator[str]:
    for name in DATABASES:
        found = results.setting["indexes"][name][question.words]
        shown = (f"`{index}`" if index.startswith("ix_") else index for index in found)
        yield ", ".join(shown) or "none: reads all rows"


def _times(results: Results, name: str) -> str:
    headings = [f"{size:,} runs" for size in results.setting["runs"]]
    rows = ([one.words, *_milliseconds(results, name, one)] for one in QUESTIONS)
    return table(["ms: all tenants / one tenant", *headings], rows)


def _milliseconds(results: Results, name: str, question: Question) -> Iterator[str]:
    for size in results.setting["runs"]:
        both = (
            number(results.median(case_of(size), name, call))
            for call in (question.words, of_tenant(question))
        )
        yield " / ".join(both)


def _about(results: Results) -> str:
    setting = results.setting
    versions = ", ".join(
        f"{name} {setting['versions'][name]}" for name in ("Python", "SQLite", "PostgreSQL")
    )
    return (
        f"Measured on {setting['date']}, commit {setting['commit']}, {setting['processor']}, "
        f"{setting['cores']} cores; {versions}."
    )
