"""A write is whole or not at all, also if its caller swallows the failure and goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, event

from tandem_store import Claim, RunRecord, Store, StoreError
from tandem_store.runs import Runs
from tests.support.legacy_runs import MONTH_MS
from tests.support.run_records import new_run

#: More than any of the writes sends.
STATEMENTS = 20

BEFORE = new_run("r", status="queued", detail="before")
AFTER = new_run("r", detail="another", updated_at_ms=BEFORE.updated_at_ms + 5 * MONTH_MS)


class BrokenOffError(Exception):
    """Nothing that the store knows, and no KeyboardInterrupt: SQLAlchemy sees to that itself."""


def to_after(_run: RunRecord) -> RunRecord:
    """The other run."""
    return AFTER


WRITES: dict[str, Callable[[Runs, Claim], Any]] = {
    "add": lambda runs, _: runs.add(new_run("s")),
    "save": lambda runs, _: runs.save(AFTER, force=True),
    "update": lambda runs, _: runs.update("r", to_after),
    "finish": lambda runs, claim: runs.finish(claim, to_after),
    "delete": lambda runs, _: runs.delete("r"),
}


@contextmanager
def failing_at(connection: Connection, number: int, *, afterwards: bool) -> Iterator[list[str]]:
    """Let a statement fail, the first one being 0, before the database has done it.

    Or ``afterwards``; then those that only read are not counted.
    """
    sent: list[str] = []

    def fail(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if afterwards and statement.startswith("SELECT"):
            return
        sent.append(statement)
        if len(sent) == number + 1:
            raise BrokenOffError

    name = "after_cursor_execute" if afterwards else "before_cursor_execute"
    event.listen(connection, name, fail)
    yield sent
    event.remove(connection, name, fail)


@pytest.mark.parametrize("afterwards", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("write", sorted(WRITES))
def test_a_failure_that_is_swallowed_never_commits_half_a_write(
    store: Store, write: str, afterwards: bool
) -> None:
    """At every statement: either the commit is refused, or nothing or all of it is stored."""
    for number in range(STATEMENTS):
        claim = start_anew(store)
        with suppress(StoreError), store.begin() as tx:
            with failing_at(tx.connection, number, afterwards=afterwards) as sent:
                with suppress(BrokenOffError):
                    WRITES[write](tx.runs, claim)
        found = state_of(store)
        if len(sent) <= number:
            assert number > 1
            assert found == DONE[write]
            return
        assert found in (UNTOUCHED, DONE[write]), sent
    pytest.fail(f"{write} sends more than {STATEMENTS} statements")


#: What the run says, None if it is gone; whether it is claimed; and whether the other is there.
UNTOUCHED = ("before", True, False)
DONE = {
    "add": ("before", True, True),
    "save": ("another", True, False),
    "update": ("another", True, False),
    "finish": ("another", False, False),
    "delete": (None, False, False),
}


def start_anew(store: Store) -> Claim:
    """One run that is claimed, and no other."""
    with store.begin() as tx:
        for run_id in ("r", "s"):
            if tx.runs.exists(run_id):
                tx.runs.delete(run_id)
        tx.runs.add(BEFORE)
        claim = tx.runs.claim_next("w", timedelta(minutes=5))
    assert claim is not None
    return claim


def state_of(store: Store) -> tuple[str | None, bool, bool]:
    """What the store holds; raises if a run has lost its document."""
    with store.read() as tx:
        run, other = tx.runs.get("r"), tx.runs.get("s")
        claimed = any(claim.worker == "w" for claim in tx.runs.claims())
    return None if run is None else run.detail, claimed, other is not None
