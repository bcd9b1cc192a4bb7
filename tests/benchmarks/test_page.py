"""The page of the documentation says what the published results say, and nothing else."""

from __future__ import annotations

import re

import pytest

from benchmarks.page import SUITES, is_complete, readme_table, render
from benchmarks.peers import ENGINE, LOADERS, SERVERS
from benchmarks.publish import (
    PAGE,
    PUBLISHED,
    QUESTIONS,
    README,
    wanted_questions,
    wanted_readme,
)
from benchmarks.questions import asked, tables
from benchmarks.results import Results, before
from benchmarks.sizes import FULL, QUICK, are_full
from benchmarks.suites import importing, serving, starts
from benchmarks.targets import HEADLINES, OTHERS, target_table


def published() -> Results:
    """Return the results that the page is made of."""
    return Results.load(PUBLISHED)


def test_the_page_is_current() -> None:
    """No figure in it was typed."""
    assert PAGE.read_text() == render(published()), "run make docs"


def test_the_table_of_the_readme_is_current() -> None:
    """It has the figures of the last complete results that were published."""
    assert README.read_text() == wanted_readme(published()), "run make docs"


def test_the_page_of_the_questions_is_current() -> None:
    """With the figures that were measured last."""
    assert QUESTIONS.read_text() == wanted_questions(), "run make docs"


def test_every_question_was_measured_at_a_million_runs() -> None:
    """On both databases; and there are fourteen."""
    results = Results.load(tables.MEASURED)
    case = tables.case_of(1_000_000)

    assert results.setting["runs"] == [10_000, 100_000, 1_000_000]
    assert {one.number for one in asked.QUESTIONS} == set(range(1, 15))
    for question in asked.QUESTIONS:
        for name in tables.DATABASES:
            assert results.median(case, name, question.words), (question.words, name)


def test_the_page_begins_with_ten_figures() -> None:
    """Each with its target, before anything else."""
    text = render(published())
    first = text.partition("\n## Ten figures\n")[2].partition("\n## ")[0]

    assert first.count("\n| ") == 2 + len(HEADLINES) == 12
    assert text.index("## Ten figures") < text.index("## The other targets")


def test_every_suite_has_a_section_that_says_what_it_measures() -> None:
    """A heading without a sentence would leave readers guessing."""
    text = render(published())

    for name in published().setting["suites"]:
        assert re.search(rf"\n## {SUITES[name].TITLE}\n\n[A-Z]", text)


def test_only_a_complete_run_is_shown_as_one() -> None:
    """Sizes, suites and peers all count."""
    changes = (
        {"sizes": QUICK.as_json()},
        {"suites": ["salvaging"]},
        {"versions": {"Python": "3.11"}},
    )

    assert is_complete(complete())
    for change in changes:
        assert not is_complete(Results(complete().setting | change))


def test_a_small_run_says_so_at_the_top() -> None:
    """Nobody should quote its figures."""
    setting = published().setting | {"sizes": QUICK.as_json(), "suites": []}

    assert "small or partial run" in render(Results(setting)).partition("\n## ")[0]


def test_larger_sizes_are_full_too() -> None:
    """More shards, more rounds, a larger store."""
    full = FULL.as_json()

    assert are_full(full | {"shards": (*full["shards"], 100_000), "rounds": 7})
    assert not are_full(full | {"stores": full["stores"][:1]})
    assert not are_full(full | {"hot_bytes": 1_000})


def complete() -> Results:
    """Return results of full size, with what the README shows."""
    packages = {peer.package: "1.0" for peer in (*LOADERS, *SERVERS) if peer.package}
    setting = published().setting | {
        "sizes": FULL.as_json(),
        "suites": list(SUITES),
        "versions": packages,
        "cores": 4,
        "before": None,
    }
    results = Results(setting)
    case = importing.case_of(FULL.shards[0])
    results.add(case, importing.SHARDS, {"bytes": 240e6})
    results.add(case, importing.IMPORTS[2], {"bytes": 40e6, "seconds": 5.2})
    updates = f"{serving.ENGINE_CASE}{FULL.engine_runs:,} runs"
    results.add(updates, ENGINE.name, {"update, ms": 3_000})
    results.add(updates, serving.SQLITE, {"update, ms": 3.1})
    return results


def test_the_readme_shows_a_complete_run() -> None:
    """Sizes and time of an import, and of one update."""
    lines = readme_table(complete()).splitlines()

    assert lines[0] == "| [measured](docs/benchmarks.md) on 4 cores | JSON files | tandem_store |"
    assert lines[2:] == [
        "| 10,000 runs of 24 KB on disk | 240 MB | 40 MB |",
        "| importing them, every record checked | – | 5 s |",  # noqa: RUF001
        "| updating one run of 4,000 | 3,000 ms | 3 ms |",
    ]
    assert readme_table(complete()) in wanted_readme(complete())


@pytest.mark.parametrize(
    ("cpu", "reached"),
    [(119.0, "yes"), (121.0, "no"), (None, "–")],  # noqa: RUF001
)
def test_a_target_is_reached_or_not(cpu: float | None, reached: str) -> None:
    """Or was not measured."""
    results = Results({"before": None, "sizes": FULL.as_json()})
    if cpu is not None:
        results.add(starts.CASE, "--version", {"CPU ms": cpu})

    (line,) = [one for one in target_table(results, HEADLINES).splitlines() if "--version" in one]

    assert line.endswith(f"| {reached} |")


def test_more_is_better_for_some_targets() -> None:
    """Runs a second, for example; what the other commit reached stands beside."""
    results = Results({"before": "abc", "sizes": FULL.as_json()})
    case = serving.case_of(FULL.stores[0])
    results.add(case, serving.SQLITE, {"add_many, ms": 200})
    results.add(case, before(serving.SQLITE), {"add_many, ms": 500})

    (line,) = [one for one in target_table(results, OTHERS).splitlines() if "add_many" in one]

    assert line == "| `add_many`, runs a second | at least 4,000 | 5,000 | yes | 2,000 |"
