"""A program that interrupts a transaction at every step where Python looks for signals.

That is when a function of Python begins or returns, and when one of C returns. A profile function
that raises stands for the signal, so that no step is missed and nothing depends on the clock.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from types import FrameType
from typing import Any, Final

from tandem_store import Store, StoreError, open_store
from tandem_store.database import waiting
from tests.support.run_records import new_run

#: Every step in our own code is tried, and some of those in SQLAlchemy's.
OURS: Final = (
    "/transactions.py",
    "/write_queue.py",
    "/error_events.py",
    "/database/prepared.py",
    "/database/sqlite.py",
)
THEIRS: Final = ("/sqlalchemy/engine/base.py", "/sqlalchemy/pool/base.py", "/engine/default.py")
#: Where Python does not look: between ``__enter__`` and the block. And the one moment that no code
#: in Python can cover, as ``__exit__`` begins.
SPARED: Final = {("__enter__", "return"), ("__exit__", "call")}
_numbers: Final = count()


class Interrupter:
    """Interrupts at the step with a number, and counts them."""

    def __init__(self, at: int, files: tuple[str, ...]) -> None:
        self.steps, self.where = 0, ""
        self._at, self._files = at, files

    def __call__(self, frame: FrameType, what: str, _argument: Any) -> None:
        """A step, as Python's profiling tells of it."""
        code = frame.f_code
        if not code.co_filename.endswith(self._files) or what in {"c_call", "c_exception"}:
            return
        if code.co_name == "__del__":
            return  # What is raised there is printed, and goes nowhere.
        if (code.co_name, what) in SPARED and code.co_filename.endswith("transactions.py"):
            return
        self.steps += 1
        if self.steps == self._at:
            sys.setprofile(None)
            self.where = f"{code.co_filename}:{frame.f_lineno} {code.co_name} {what}"
            raise KeyboardInterrupt


@contextmanager
def profiled(interrupter: Interrupter) -> Iterator[None]:
    """Let it look at every step of the block."""
    sys.setprofile(interrupter)
    try:
        yield
    finally:
        sys.setprofile(None)


def once(store: Store, way: str, interrupter: Interrupter) -> bool:
    """Interrupt one transaction; False if another cannot begin in its ``except`` block."""
    try:
        with profiled(interrupter), getattr(store, way)() as tx:
            if way == "begin":
                tx.runs.add(new_run(f"r{next(_numbers)}"))
            else:
                tx.runs.exists("r")
    except KeyboardInterrupt:
        try:
            with store.begin() as tx:
                tx.runs.exists("r")
        except StoreError:
            return False
    return True


def main(url: str, way: str) -> None:
    """Try all steps and print what was found."""
    waiting.BUSY_TIMEOUT_S = 0.2  # type: ignore[misc]
    stuck, interrupts = [], 0
    for files, every in ((OURS, 1), (THEIRS, 3)):
        with open_store(url) as store:
            at = 1
            while True:
                interrupter = Interrupter(at, files)
                free = once(store, way, interrupter)
                if not interrupter.where:
                    break
                interrupts, at = interrupts + 1, at + every
                if not free:
                    stuck.append(interrupter.where)
                    store.close()
                    store = open_store(url)
            store.close()
    print(json.dumps({"interrupts": interrupts, "stuck": stuck}))


if __name__ == "__main__":
    main(*sys.argv[1:])
