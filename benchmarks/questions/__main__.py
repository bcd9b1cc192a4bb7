"""``python -m benchmarks.questions``: ask every question at several sizes, and print the tables.

The results go to ``benchmarks/results/questions.json``; ``python -m benchmarks.publish`` makes the
tables of ``docs/questions.md`` of that file.
"""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Final

import click
from sqlalchemy import make_url

from benchmarks.answers import Answering
from benchmarks.checkouts import this_checkout
from benchmarks.lab import Lab
from benchmarks.questions.asked import QUESTIONS, Question
from benchmarks.questions.program import of_tenant
from benchmarks.questions.tables import DATABASES, MEASURED, case_of, render
from benchmarks.results import Results
from benchmarks.servers import Server, own_server
from benchmarks.setting import describe
from benchmarks.sizes import FULL

#: How often one question is asked at one size, at most.
_MOST: Final = 40
#: Times that a question is asked before, which make connections and statements.
_BEFORE: Final = 2


@click.command()
@click.option(
    "--runs",
    "sizes",
    multiple=True,
    type=int,
    default=(10_000, 100_000, 1_000_000),
    show_default=True,
    help="How many runs a store has; repeatable.",
)
@click.option(
    "--seconds",
    type=float,
    default=1.0,
    show_default=True,
    help="For how long one question is asked at one size.",
)
@click.option("--server", metavar="URL", help="A PostgreSQL server; may create databases.")
@click.option(
    "--results",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    default=MEASURED,
    help="Where the results go.",
)
def main(sizes: tuple[int, ...], seconds: float, server: str | None, file: Path) -> None:
    """Ask every question, for all tenants and for one, in stores of several sizes."""
    with ExitStack() as opened:
        work = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="tandem-store-ask-")))
        running = Server(make_url(server)) if server else opened.enter_context(own_server())
        lab = Lab(work, replace(FULL, stores=()), (this_checkout(),), None, running, Results({}))
        lab.results.setting.update(describe(lab), indexes={}, runs=sorted(sizes))
        for size in sorted(sizes):
            for name, is_server in DATABASES.items():
                _measure(lab, name, size, seconds, is_server=is_server)
        lab.results.save(file)
        # As they are in the file, with fewer digits: what is published is made of it.
        click.echo(render(Results.load(file)))


def _measure(lab: Lab, name: str, size: int, seconds: float, *, is_server: bool) -> None:
    lab.say(f"filling {size:,} runs, {name}")
    with lab.new_database(is_server) as url:
        setup = {"url": url, "runs": size, "seed": lab.sizes.seed}
        command = lab.this.module("benchmarks.questions.program")
        with Answering(command, lab.programs, setup) as program:
            lab.results.setting["indexes"][name] = program.call("indexes").result
            for question in QUESTIONS:
                _ask(lab, program, name, size, question, seconds)


def _ask(
    lab: Lab, program: Answering, name: str, size: int, question: Question, seconds: float
) -> None:
    for call in (question.words, of_tenant(question)):
        first = program.call(call, _BEFORE).seconds[-1]
        times = max(1, min(_MOST, int(seconds / first)))
        answer = program.call(call, times)
        for took in answer.seconds:
            lab.results.add(case_of(size), name, {call: took * 1e3})


if __name__ == "__main__":
    main()
