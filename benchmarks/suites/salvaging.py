"""Salvaging damaged files: how the time grows with the size."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Final

from benchmarks.answers import Answering
from benchmarks.lab import Lab
from benchmarks.markdown import number, table
from benchmarks.results import Results, before, is_before
from benchmarks.turns import in_turns

TITLE: Final = "Salvaging damaged files"
CASE: Final = "salvage"
_ROUNDS: Final = 3


def measure(lab: Lab) -> None:
    """Salvage each kind of file in each size, in turns."""
    with ExitStack() as opened:
        programs = [
            (checkout, opened.enter_context(_program(lab, checkout.module(_MODULE))))
            for checkout in lab.checkouts
        ]
        for name in programs[0][1].calls:
            lab.say(f"{CASE}: {name} KB")
            for checkout, program in in_turns(programs, _ROUNDS):
                cpu = program.call(name).cpu
                lab.results.add(CASE, checkout.named(name), {"CPU ms": cpu * 1e3})


_MODULE: Final = "benchmarks.salvage_calls"


def _program(lab: Lab, command: list[str]) -> Answering:
    return Answering(command, lab.programs, {"sizes": list(lab.sizes.damaged)})


def section(results: Results) -> str:
    """Return one table: a row for each kind of damage, a column for each size."""
    sizes = results.setting["sizes"]["damaged"]
    kinds = dict.fromkeys(name.rpartition(" ")[0] for name in _now(results))
    compared = bool(results.setting["before"])
    headings = ["damage", *(f"{size:,} KB" for size in sizes)]
    headings += ["now / before"] if compared else []
    return table(headings, (_row(results, kind, sizes, compared=compared) for kind in kinds))


def _now(results: Results) -> Iterator[str]:
    return (name for name in results.subjects(CASE) if not is_before(name))


def _row(results: Results, kind: str, sizes: list[int], *, compared: bool) -> list[str]:
    names = [f"{kind} {size}" for size in sizes]
    cells = [number(results.median(CASE, name, "CPU ms"), 1) for name in names]
    largest = names[-1]
    cells += [number(results.ratio(CASE, largest, before(largest), "CPU ms"))] if compared else []
    return [kind, *cells]
