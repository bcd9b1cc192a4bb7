"""The tables of ``docs/questions.md``: how to ask each question, which index answers it, and how
long that takes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from benchmarks.checkouts import ROOT
from benchmarks.markdown import number, table
from benchmarks.questions.asked import QUESTIONS, Question
from benchmarks.questions.program import of_tenant
from benchmarks.results import Results

MEASURED: Final = ROOT / "benchmarks" / "results" / "questions.json"
#: The databases, and whether they are on a server.
DATABASES: Final = {"SQLite": False, "PostgreSQL": True}


def case_of(runs: int) -> str:
    """Return the name of the case with so many runs."""
    return f"questions at {runs:,} runs"


def render(results: Results) -> str:
    """Return the tables, and on what the times were measured."""
    return "\n\n".join([_ways(), _plans(results), _times(results), _about(results)])


def _ways() -> str:
    rows = (
        [str(one.number), one.words, f"`{one.command}`" if one.command else "", f"`{one.call}`"]
        for one in QUESTIONS
    )
    return table(["", "question", "`tandem-store` ...", "`tx.` ..."], rows, words=4)


def _plans(results: Results) -> str:
    rows = ([one.words, *_indexes(results, one)] for one in QUESTIONS)
    return table(["question", *DATABASES], rows, words=1 + len(DATABASES))


def _indexes(results: Results, question: Question) -> Iterator[str]:
    for name in DATABASES:
        found = results.setting["indexes"][name][question.words]
        yield ", ".join(f"`{index}`" if index.startswith("ix_") else index for index in found)


def _times(results: Results) -> str:
    sizes = results.setting["runs"]
    headings = [f"{name}, {size:,}" for name in DATABASES for size in sizes]
    rows = ([one.words, *_milliseconds(results, one)] for one in QUESTIONS)
    return table(["ms: all / one tenant", *headings], rows)


def _milliseconds(results: Results, question: Question) -> Iterator[str]:
    for name in DATABASES:
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
