"""``python -m benchmarks.publish [FILE]``: make the documentation show the results in a file.

The results are kept in the repository, beside the page and the table of the README that are made
of them. Without a file the page is made again of the results that were published last.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import click

from benchmarks.checkouts import ROOT
from benchmarks.page import is_complete, readme_table, render
from benchmarks.questions import tables as questions
from benchmarks.results import Results

PUBLISHED: Final = ROOT / "benchmarks" / "results" / "published.json"
PAGE: Final = ROOT / "docs" / "benchmarks.md"
README: Final = ROOT / "README.md"
QUESTIONS: Final = ROOT / "docs" / "questions.md"
_TABLE: Final = re.compile(r"(?<=<!-- generated: figures -->\n).*?(?=<!-- end: figures -->)", re.S)
_TABLES: Final = re.compile(
    r"(?<=<!-- generated: questions -->\n).*?(?=<!-- end: questions -->)", re.S
)


def wanted_readme(results: Results) -> str:
    """Return the README with the figures of these results, or as it is if they are not complete."""
    text = README.read_text()
    if not is_complete(results):
        return text
    return _TABLE.sub(lambda _: f"{readme_table(results)}\n", text, count=1)


def wanted_questions() -> str:
    """Return the page of the questions with the figures that were measured last."""
    made = questions.render(Results.load(questions.MEASURED))
    return _TABLES.sub(lambda _: f"{made}\n", QUESTIONS.read_text(), count=1)


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path, exists=True))
def main(file: Path | None) -> None:
    """Write the pages that show what was measured."""
    results = Results.load(file or PUBLISHED)
    if file:
        results.save(PUBLISHED)
    PAGE.write_text(render(results))
    README.write_text(wanted_readme(results))
    QUESTIONS.write_text(wanted_questions())


if __name__ == "__main__":
    main()
