"""What a command costs before it does anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from benchmarks.checkouts import ROOT, Checkout
from benchmarks.lab import Lab
from benchmarks.process import run
from benchmarks.results import Results
from benchmarks.tables import Cell, figures, least_to_most, median
from benchmarks.turns import in_turns

TITLE: Final = "Starting"
CASE: Final = "start"
_STORE: Final = "runs list"
_EMPTY: Final = "Python alone"


def measure(lab: Lab) -> None:
    """Start each command again and again, in turns."""
    for checkout in lab.checkouts:
        url, state = _url(lab, checkout), str(ROOT / "examples" / "state")
        run(checkout.program("--db", url, "import", state), lab.programs)
    subjects = [
        (checkout.named(name), command)
        for checkout in lab.checkouts
        for name, command in _commands(lab, checkout).items()
    ]
    for name, command in in_turns(subjects, lab.sizes.starts):
        cost = run(command, lab.programs)
        lab.results.add(CASE, name, {"CPU ms": cost.cpu * 1e3, "ms": cost.seconds * 1e3})


def _url(lab: Lab, checkout: Checkout) -> str:
    return f"sqlite:///{lab.work / checkout.named('small.db')}"


def _commands(lab: Lab, checkout: Checkout) -> dict[str, list[str]]:
    python = str(checkout.python)
    return {
        _EMPTY: [python, "-c", "pass"],
        "--version": checkout.program("--version"),
        "--help": checkout.program("--help"),
        "import tandem_store": [python, "-c", "import tandem_store"],
        "from tandem_store import open_store": [
            python,
            "-c",
            "from tandem_store import open_store",
        ],
        _STORE: checkout.program("--db", _url(lab, checkout), "runs", "list"),
    }


_COLUMNS: Final[Mapping[str, Cell]] = {
    "CPU ms": median("CPU ms", 0),
    "least - most": least_to_most("CPU ms"),
    "ms": median("ms", 0),
}


def section(results: Results) -> str:
    """Return one table."""
    return figures(results, CASE, "command", _COLUMNS, compare="CPU ms", cpu=None)
