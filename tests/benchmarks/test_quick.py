"""Everything that is measured is measured here at a small size: for its results, not for its time.

A benchmark ends with an error if a way to load runs has stored anything else than the others, if
two dumps differ, or if two stores that were asked the same hold different runs.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from itertools import product, starmap
from pathlib import Path

import pytest
from sqlalchemy import URL

from benchmarks.page import SUITES
from benchmarks.questions.tables import DATABASES, case_of, render
from benchmarks.results import Key, Results, before, is_before
from benchmarks.sizes import QUICK
from benchmarks.suites import databases, importing, serving, starts
from tests.support import REPOSITORY


def measured(folder: Path, server: URL, *options: str) -> tuple[Results, str]:
    """Measure at the small size, without the peers from PyPI; returns results and page."""
    file = folder / "results.json"
    url = server.render_as_string(hide_password=False)
    command = [sys.executable, "-m", "benchmarks", "--quick", "--no-peers", "--server", url]
    done = subprocess.run(
        [*command, "--results", str(file), *options],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return Results.load(file), done.stdout


@pytest.mark.postgresql
@pytest.mark.sqlite
@pytest.mark.parametrize("name", SUITES)
def test_a_suite_measures_what_it_should(name: str, tmp_path: Path, postgresql_server: URL) -> None:
    """And its section is on the page, with a figure in each line."""
    results, page = measured(tmp_path, postgresql_server, "--suite", name)

    section = page.partition(f"\n## {SUITES[name].TITLE}\n")[2]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    assert len(lines) > 2
    assert results.setting["suites"] == [name]
    assert [key for key in expected(name) if key not in results.series] == []


@pytest.mark.postgresql
@pytest.mark.sqlite
def test_every_question_is_asked(tmp_path: Path, postgresql_server: URL) -> None:
    """At a small size; one that read documents where there are none would end with an error."""
    file, url = tmp_path / "questions.json", postgresql_server.render_as_string(hide_password=False)
    command = [sys.executable, "-m", "benchmarks.questions", "--runs", "120", "--server", url]
    command += ["--seconds", "0.01"]

    done = subprocess.run(
        [*command, "--results", str(file)], cwd=REPOSITORY, capture_output=True, text=True
    )

    assert done.returncode == 0, done.stderr
    found = Results.load(file)
    assert done.stdout == f"{render(found)}\n"
    assert set(found.subjects(case_of(120))) == set(DATABASES)
    assert found.setting["indexes"]["SQLite"]["the most expensive"] == ["ix_runs_cost"]


def expected(suite: str) -> list[Key]:
    """Return some of what a suite measures at the small size."""
    shards, store = importing.case_of(60), serving.case_of(QUICK.stores[0])
    both = (databases.SQLITE, databases.POSTGRESQL)
    series = {
        importing: product(
            [shards], [*importing.IMPORTS.values(), *importing.VERIFIES.values()], ["seconds"]
        ),
        databases: product(
            [databases.CASE], starmap(databases.subject_of, product(both, QUICK.jobs)), ["bytes"]
        ),
        serving: product(
            [store],
            both,
            (f"{question.name}, ms" for question in serving.QUESTIONS),
        ),
        starts: [(starts.CASE, "runs list", "CPU ms")],
    }
    return [Key(*key) for key in series.get(SUITES[suite], [])]


@pytest.fixture(scope="module")
def other_checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package with an environment of its own, as a checkout of another commit has."""
    root = tmp_path_factory.mktemp("checkout")
    for name in ("tandem_store", "migrations"):
        shutil.copytree(REPOSITORY / name, root / name)
    shutil.copy2(REPOSITORY / "tandem_store_command.py", root)
    environment = [sys.executable, "-m", "venv", "--without-pip", str(root / ".venv")]
    subprocess.run(environment, check=True)
    (libraries,) = (root / ".venv").glob("lib/python*/site-packages")
    installed = sysconfig.get_path("purelib")
    (libraries / "checkout.pth").write_text(f"{root}\n{installed}\n")
    program = root / ".venv" / "bin" / "tandem-store"
    main = "from tandem_store_command import main\nmain()\n"
    program.write_text(f"#!{program.with_name('python')}\n{main}")
    program.chmod(0o755)
    for command in (["init", "-q"], ["add", "migrations"], _COMMIT):
        subprocess.run(["git", *command], cwd=root, check=True)
    return root


_COMMIT = ["-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-q", "-m", "one"]


@pytest.mark.slow
@pytest.mark.postgresql
@pytest.mark.sqlite
def test_another_checkout_is_measured_beside_this_one(
    tmp_path: Path, other_checkout: Path, postgresql_server: URL
) -> None:
    """Each of its figures stands beside ours."""
    suites = ["--suite", "serving", "--suite", "salvaging"]
    against = ["--against", str(other_checkout)]

    results, page = measured(tmp_path, postgresql_server, *suites, *against)

    ours = [key for key in results.series if not is_before(key.subject)]
    unpaired = {
        key.subject
        for key in ours
        if key._replace(subject=before(key.subject)) not in results.series
    }
    assert unpaired == {"plain sqlite3", "the engine's files"}
    assert results.setting["before"] in page
    assert ", now / before |" in page
