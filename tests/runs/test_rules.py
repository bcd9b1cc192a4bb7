"""What a change of a run may do: no new unknown fields, and no silent return from the end."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import pytest

from tandem_store import RunRecord, Store, UnstorableError
from tandem_store.records import RunStatus
from tests.support.run_records import new_run


def mistyped(run: RunRecord) -> RunRecord:
    """What is easily written instead of ``status``."""
    return run.model_copy(update={"statsu": "completed"})


def save(store: Store, run: RunRecord, **options: Any) -> int:
    """Save over whatever is there."""
    with store.begin() as tx:
        return tx.runs.save(run, force=True, **options)


@pytest.mark.parametrize("write", ["save", "update", "finish"])
def test_a_new_unknown_field_is_refused(store: Store, write: str) -> None:
    """It is a mistyped name; the run stays as it is, and the field that was meant is told."""
    with store.begin() as tx:
        tx.runs.add(new_run("r", status="queued"))
        claim = tx.runs.claim_next("w", timedelta(minutes=5))
        assert claim is not None
        with pytest.raises(UnstorableError, match=r"'statsu'.*Did you mean 'status'\?") as refused:
            if write == "save":
                tx.runs.save(mistyped(new_run("r")), expected_revision=1)
            elif write == "update":
                tx.runs.update("r", mistyped)
            else:
                tx.runs.finish(claim, lambda run: mistyped(run.changed(status="completed")))

    assert refused.value.reason == "unknown_field"
    with store.read() as tx:
        found = tx.runs.get_versioned("r")
    assert found is not None
    assert (found.run, found.revision) == (new_run("r", status="queued"), 1)


def test_unknown_fields_that_were_there_stay(store: Store) -> None:
    """Those that a newer engine wrote, which ``add`` takes; and a new one if it is meant."""
    with store.begin() as tx:
        tx.runs.add(new_run("r", of_the_future=[1]))

    save(store, new_run("r", of_the_future=[2]))
    with store.begin() as tx:
        tx.runs.update("r", lambda run: run.changed(detail="x"))
    save(store, mistyped(new_run("r", of_the_future=[3])), allow_unknown=True)
    with store.begin() as tx:
        written = tx.runs.update(
            "r", lambda run: run.model_copy(update={"another": 1}), allow_unknown=True
        )

    assert written.run.model_extra == {"of_the_future": [3], "statsu": "completed", "another": 1}
    with store.read() as tx:
        assert tx.runs.get("r") == written.run


def test_a_run_that_goes_on_after_its_end_says_so(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """Every transition is accepted; this one is in what is given and in the log."""
    store.ensure_months()  # which is logged, too
    caplog.set_level(logging.INFO, "tandem_store.runs")
    with store.begin() as tx:
        tx.runs.add(new_run("r", status="running"))
        caplog.clear()
        ended = tx.runs.update("r", lambda run: run.changed(status="failed"))
        assert (ended.reopened_from, caplog.messages) == (None, [])

        again = tx.runs.update("r", lambda run: run.changed(status="queued"))

        assert again.reopened_from is RunStatus.FAILED
        assert caplog.messages == ["The run 'r' was failed and is queued now."]
        assert again.run.finished_at_ms == ended.run.finished_at_ms
        tx.runs.update("r", lambda run: run.changed(status="completed"))
        corrected = tx.runs.update("r", lambda run: run.changed(status="cancelled"))
        assert corrected.reopened_from is None
        tx.runs.save(corrected.run.changed(status="paused"), expected_revision=corrected.revision)
    assert caplog.messages[1:] == [
        "The run 'r' was completed and is cancelled now.",
        "The run 'r' was cancelled and is paused now.",
    ]


def test_a_reopened_run_can_begin_anew(store: Store) -> None:
    """Cleared, the time of the end is set again by the next one."""
    with store.begin() as tx:
        tx.runs.add(new_run("r", status="running"))
        first = tx.runs.update("r", lambda run: run.changed(status="failed")).run
        tx.runs.update("r", lambda run: run.changed(status="queued", finished_at_ms=None))
        second = tx.runs.update("r", lambda run: run.changed(status="completed")).run

    assert first.finished_at_ms == first.updated_at_ms
    assert second.finished_at_ms == second.updated_at_ms
    assert second.updated_at_ms > first.updated_at_ms
