"""The questions of ``docs/questions.md``, as commands and as calls of the public API."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from tandem_store import RunFilter
from tandem_store.runs import RunReader


class Question(NamedTuple):
    """One question: its number and words, the command, the call, and what makes the call.

    The page defines the names that a call has beside ``tx``.
    """

    number: int
    words: str
    command: str
    call: str
    ask: Callable[[RunReader, Subject], Any]
    #: Whether it reads documents, so that it is asked where there are some.
    reads_documents: bool = False


class Subject(NamedTuple):
    """What the questions are about."""

    automation_id: str
    run_id: str
    other_id: str


def _ago(days: int) -> datetime:
    return datetime.now(UTC) - timedelta(days=days)


def _difference(runs: RunReader, subject: Subject) -> Any:
    # Here, because it needs the models, which no other question does.
    from tandem_store import compare_runs

    one, other = runs.get(subject.run_id), runs.get(subject.other_id)
    assert one is not None
    assert other is not None
    return compare_runs(one, other)


_FAILED: Final = RunFilter(status="failed", trigger_type="manual", execution_profile="strict")

QUESTIONS: Final = (
    Question(
        1,
        "the newest runs",
        "runs list",
        "tx.runs.list()",
        lambda runs, _: runs.list(),
    ),
    Question(
        1,
        "the newest of an automation",
        "runs list --automation A",
        'tx.runs.list(RunFilter(automation_id="A"))',
        lambda runs, subject: runs.list(RunFilter(automation_id=subject.automation_id)),
    ),
    Question(
        2,
        "by status, trigger and profile",
        "runs list --status failed --trigger manual --profile strict",
        'tx.runs.list(RunFilter(status="failed", trigger_type="manual", '
        'execution_profile="strict"))',
        lambda runs, _: runs.list(_FAILED),
    ),
    Question(
        2,
        "the last updated",
        "runs list --order-by updated",
        'tx.runs.list(order_by="updated")',
        lambda runs, _: runs.list(order_by="updated"),
    ),
    Question(
        2,
        "the most expensive",
        "runs list --order-by cost",
        'tx.runs.list(order_by="cost")',
        lambda runs, _: runs.list(order_by="cost"),
    ),
    Question(
        3,
        "the waiting group",
        "runs list --group waiting",
        'tx.runs.list(RunFilter(group="waiting"))',
        lambda runs, _: runs.list(RunFilter(group="waiting")),
    ),
    Question(
        4,
        "what waits for a rate limit",
        "runs list --waits-for rate_limit",
        'tx.runs.list(RunFilter(waits_for="rate_limit"))',
        lambda runs, _: runs.list(RunFilter(waits_for="rate_limit")),
    ),
    Question(
        5,
        "pending approvals",
        "approvals list",
        "tx.runs.approvals()",
        lambda runs, _: runs.approvals(),
    ),
    Question(
        6,
        "tokens and cost by day, 14 days",
        "stats --by day --since 14d",
        'tx.runs.stats(RunFilter(created_from=since), by="day")',
        lambda runs, _: runs.stats(RunFilter(created_from=_ago(14)), by="day"),
    ),
    Question(
        6,
        "by month, six months",
        "stats --by month --since 183d",
        'tx.runs.stats(RunFilter(created_from=since), by="month")',
        lambda runs, _: runs.stats(RunFilter(created_from=_ago(183)), by="month"),
    ),
    Question(
        7,
        "spend by automation, 30 days",
        "stats --by automation --since 30d",
        'tx.runs.stats(RunFilter(created_from=since), by="automation")',
        lambda runs, _: runs.stats(RunFilter(created_from=_ago(30)), by="automation"),
    ),
    Question(
        7,
        "spend by tenant, ever",
        "stats --by tenant",
        'tx.runs.stats(by="tenant")',
        lambda runs, _: runs.stats(by="tenant"),
    ),
    Question(
        8,
        "the health of an automation",
        "automations health A --last 50",
        'tx.runs.health("A", last=50)',
        lambda runs, subject: runs.health(subject.automation_id),
    ),
    Question(
        9,
        "all automations: running, last runs",
        "automations list",
        "tx.runs.automations()",
        lambda runs, _: runs.automations(),
    ),
    Question(
        10,
        "what a run did",
        "runs show R",
        'tx.runs.get("R")',
        lambda runs, subject: runs.get(subject.run_id),
        reads_documents=True,
    ),
    Question(
        11,
        "how two runs differ",
        "runs diff R S",
        'compare_runs(tx.runs.get("R"), tx.runs.get("S"))',
        _difference,
        reads_documents=True,
    ),
    Question(
        11,
        "the last that completed before it",
        "runs diff R --against last-completed",
        'tx.runs.last_completed_before("R")',
        lambda runs, subject: runs.last_completed_before(subject.run_id),
    ),
    Question(
        12,
        "a text that many runs have",
        "runs list --text ws-1",
        'tx.runs.list(RunFilter(text="ws-1"))',
        lambda runs, _: runs.list(RunFilter(text="ws-1")),
    ),
    Question(
        12,
        "a text that no run has",
        "runs list --text nowhere",
        'tx.runs.list(RunFilter(text="nowhere"))',
        lambda runs, _: runs.list(RunFilter(text="nowhere")),
    ),
    Question(
        13,
        "runs that are stuck",
        "runs list --stuck 1h --fail-if-any",
        "tx.runs.list(RunFilter(stuck_for=timedelta(hours=1)))",
        lambda runs, _: runs.list(RunFilter(stuck_for=timedelta(hours=1))),
    ),
    Question(
        14,
        "runs that back off",
        "runs list --not-due",
        "tx.runs.list(RunFilter(due=False))",
        lambda runs, _: runs.list(RunFilter(due=False)),
    ),
    Question(
        14,
        "when the next run is due",
        "",
        "tx.runs.next_due()",
        lambda runs, _: runs.next_due(),
    ),
)
