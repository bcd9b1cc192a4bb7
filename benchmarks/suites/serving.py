"""What one call of the public API costs, at stores of several sizes, on both databases.

Each store is filled and asked by a program of its own; the programs take turns, some dozens of
calls each. So do peers that store runs of the same size.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from statistics import median as middle
from typing import Final, NamedTuple

import click

from benchmarks.answers import Answering
from benchmarks.lab import Lab
from benchmarks.markdown import NOTHING, number, pair, table
from benchmarks.peers import ENGINE, SERVERS, Peer
from benchmarks.results import Results, before
from benchmarks.sizes import StoreSize
from benchmarks.turns import in_turns

TITLE: Final = "One call"
CASES: Final = "calls at "
ENGINE_CASE: Final = "one update of "
SQLITE, POSTGRESQL = "SQLite", "PostgreSQL"


class Question(NamedTuple):
    """A call that is measured."""

    name: str
    #: It is asked in every so many slices,
    every: int = 1
    #: and then once instead of a batch of times.
    is_long: bool = False


QUESTIONS: Final = (
    Question("get"),
    Question("list of 50"),
    Question("list by automation"),
    Question("list by status"),
    Question("list of a small tenant"),
    Question("list of a big tenant by status"),
    Question("update, first of a run"),
    Question("update"),
    Question("claim"),
    Question("claim of a tenant"),
    Question("add"),
    Question("count by status", every=2),
    Question("stats", every=4, is_long=True),
    Question("add_many", every=4, is_long=True),
)
#: A peer that takes longer makes fewer calls.
_SLICE_SECONDS: Final = 1.0
_MODULE: Final = "benchmarks.store_calls"


def case_of(size: StoreSize) -> str:
    """Return the name of the case with a store of this size."""
    return f"{CASES}{size}"


def measure(lab: Lab) -> None:
    """Ask every question in every store, then one of the engine's files."""
    for size in lab.sizes.stores:
        peers = SERVERS if size == lab.sizes.stores[0] else ()
        with ExitStack() as opened:
            lab.say(f"filling {size}")
            _ask(lab, case_of(size), dict(_programs(lab, size, peers, opened)), QUESTIONS)
    runs = lab.sizes.engine_runs
    with ExitStack() as opened:
        lab.say(f"filling {runs:,} runs")
        programs = dict(_programs(lab, StoreSize(runs, 3), (ENGINE,), opened, on_server=False))
        questions = [one for one in QUESTIONS if one.name.startswith("update")]
        _ask(lab, f"{ENGINE_CASE}{runs:,} runs", programs, questions)


def _programs(
    lab: Lab,
    size: StoreSize,
    peers: tuple[Peer, ...],
    opened: ExitStack,
    *,
    on_server: bool = True,
) -> Iterator[tuple[str, Answering]]:
    """Start everyone who is asked at this size, each with a filled store of its own."""
    sizes = lab.sizes
    setup = {
        "runs": size.runs,
        "months": size.months,
        "many": sizes.many,
        "seed": sizes.seed,
        # A claim takes a run out of the queue; half of the queued runs are the big tenant's.
        "queued": 4 * (sizes.slices + 1) * sizes.batch,
    }
    databases = {SQLITE: False}
    if on_server and size.runs <= sizes.server_runs:
        databases[POSTGRESQL] = True
    for name, is_server in databases.items():
        for checkout in lab.checkouts:
            url = opened.enter_context(lab.new_database(is_server))
            command = checkout.module(_MODULE)
            program = Answering(command, lab.programs, setup | {"url": url})
            yield checkout.named(name), opened.enter_context(program)
    for peer in peers:
        if start := peer.command(lab.this.python, lab.peers):
            folder = opened.enter_context(lab.folder())
            program = Answering(start, lab.programs, setup | {"folder": str(folder)})
            yield peer.name, opened.enter_context(program)


def _ask(
    lab: Lab, case: str, programs: Mapping[str, Answering], questions: Iterable[Question]
) -> None:
    """Ask each question of every program that knows it, in turns; then compare what they hold."""
    for question in questions:
        lab.say(f"{case}: {question.name}")
        asked = [(name, one) for name, one in programs.items() if question.name in one.calls]
        _ask_one(lab, case, question, asked)
    held = {
        name: json.dumps(one.call("contents").result, sort_keys=True)
        for name, one in programs.items()
        if "contents" in one.calls
    }
    if len(set(held.values())) > 1:
        raise click.ClickException(f"{case}: the stores differ: {held}")


def _ask_one(
    lab: Lab, case: str, question: Question, programs: list[tuple[str, Answering]]
) -> None:
    """Ask one question in slices, and note the median of each slice and p99 of all calls."""
    every: dict[str, list[float]] = {name: [] for name, _ in programs}
    times = {name: _calls_of_a_slice(lab, question, program) for name, program in programs}
    for name, program in in_turns(programs, max(1, lab.sizes.slices // question.every)):
        answer = program.call(question.name, times[name])
        every[name] += answer.seconds
        milliseconds = {
            f"{question.name}, ms": middle(answer.seconds) * 1e3,
            f"{question.name}, CPU ms": answer.cpu * 1e3,
        }
        lab.results.add(case, name, milliseconds)
    for name, seconds in every.items():
        p99 = sorted(seconds)[int(len(seconds) * 0.99)]
        lab.results.add(case, name, {f"{question.name}, p99": p99 * 1e3})


def _calls_of_a_slice(lab: Lab, question: Question, program: Answering) -> int:
    """Return how many calls a slice has, after some that make connections and statements."""
    if question.is_long:
        return 1
    first = program.call(question.name).seconds[0]
    if "contents" not in program.calls:
        return max(1, min(lab.sizes.batch, int(_SLICE_SECONDS / first)))
    # Stores that are compared afterwards are asked the same.
    program.call(question.name, lab.sizes.batch // 2)
    return lab.sizes.batch


def section(results: Results) -> str:
    """Return a table for each size, one with the peers, and one with the engine's files."""
    parts = []
    for case in results.cases(CASES):
        parts += [f"**{case.removeprefix(CASES)}**", _table(results, case)]
    for case in results.cases(CASES)[:1]:
        peers = [peer for peer in SERVERS if peer.name in results.subjects(case)]
        parts += [f"**Beside others, at {case.removeprefix(CASES)}**"]
        parts += [_peer_table(results, case, peers)]
        parts += [table(["who", "does less"], ([one.name, one.less] for one in peers), words=2)]
    for case in results.cases(ENGINE_CASE):
        parts += [f"**{case.capitalize()}**", _engine_table(results, case)]
    return "\n\n".join(parts)


def _table(results: Results, case: str) -> str:
    """Return the table of one size: a row for each call, p50 / p99 in milliseconds."""
    columns: dict[str, Callable[[str], str]] = {}
    for name in (SQLITE, POSTGRESQL):
        if name in results.subjects(case):
            columns[name] = partial(_times, results, case, name)
            columns[f"{name}, CPU"] = partial(_cpu, results, case, name)
        if before(name) in results.subjects(case):
            columns[f"{name} before"] = partial(_times, results, case, before(name))
            compared = partial(_ratio, results, case, name, before(name))
            columns[f"{name}, now / before"] = partial(compared, "ms")
            columns[f"{name}, now / before, CPU"] = partial(compared, "CPU ms")
    if POSTGRESQL in columns:
        columns["PostgreSQL / SQLite"] = partial(_ratio, results, case, POSTGRESQL, SQLITE, "ms")
    return table(
        ["call", *columns],
        ([call.name, *(cell(call.name) for cell in columns.values())] for call in QUESTIONS),
    )


def _times(results: Results, case: str, subject: str, call: str) -> str:
    return pair(
        results.median(case, subject, f"{call}, ms"),
        results.median(case, subject, f"{call}, p99"),
    )


def _cpu(results: Results, case: str, subject: str, call: str) -> str:
    return number(results.median(case, subject, f"{call}, CPU ms"))


def _ratio(results: Results, case: str, subject: str, other: str, quantity: str, call: str) -> str:
    return number(results.ratio(case, subject, other, f"{call}, {quantity}"))


def _peer_table(results: Results, case: str, peers: list[Peer]) -> str:
    """Return the calls that any of the peers has."""
    names = [SQLITE, *(peer.name for peer in peers)]
    rows = (
        [call.name, *(_times(results, case, name, call.name) for name in names)]
        for call in QUESTIONS
    )
    known = [row for row in rows if any(cell != NOTHING for cell in row[2:])]
    return table(["call", "this store", *names[1:]], known)


def _engine_table(results: Results, case: str) -> str:
    quantity = "update, ms"
    row = [
        number(results.median(case, ENGINE.name, quantity)),
        number(results.median(case, SQLITE, quantity)),
        number(results.ratio(case, ENGINE.name, SQLITE, quantity), 0),
    ]
    headings = ["every shard and the hot file, ms", "this store, ms", "ratio"]
    return table(headings, [row], words=0)
