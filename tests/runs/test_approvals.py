"""Pending approvals: which runs wait for one, in which order, page by page."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from sqlalchemy import update

from tandem_store import (
    InvalidCursorError,
    NotAStoreError,
    RunFilter,
    RunRecord,
    Store,
    TenantScope,
    tables,
)
from tandem_store.runs import RunReader
from tests.support.run_records import new_run

NOW_MS = 1_000


def gate(requested_at_ms: int, expires_after_ms: int | None = None) -> dict[str, Any]:
    """A checkpoint with an open gate."""
    policy = {"expires_after_ms": expires_after_ms, "on_expiry": "cancel"}
    opened = {
        "node_id": "publish",
        "title": "Publish?",
        "decisions": ["approve"],
        "requested_at_ms": requested_at_ms,
        **({} if expires_after_ms is None else {"expiry_policy": policy}),
    }
    return {"awaiting_gate": opened}


def waiting(run_id: str, at_ms: int, after_ms: int | None = None, **fields: Any) -> RunRecord:
    """A run that waits for an approval since a time, which may expire."""
    given = {"status": "awaiting_approval", "checkpoint": gate(at_ms, after_ms)}
    return new_run(run_id, **(given | fields))


@pytest.fixture
def asked(store: Store) -> Store:
    """A store with five requests, two of them at once, and four runs that wait for nothing."""
    acme = {"org_id": "acme", "workspace_id": "north"}
    with store.begin() as tx:
        tx.runs.add_many(
            [
                waiting("a", 10, NOW_MS),
                waiting("b", 30, 970),
                waiting("c", 30, 969),
                waiting("d", 20, automation_id="other", tenant_context=acme),
                waiting("e", 40, 1, status="running"),
                new_run("decided", status="running"),
                *(
                    waiting(status, 50, status=status)
                    for status in ("completed", "failed", "blocked", "cancelled")
                ),
            ]
        )
    return store


def listed(runs: RunReader, *arguments: Any, **options: Any) -> str:
    """The ids of one page in their order."""
    found = runs.approvals(*arguments, now_ms=NOW_MS, **options).items
    return "".join(one.run_id for one in found)


def test_the_newest_request_comes_first(asked: Store) -> None:
    """Whatever the status; a run that has ended waits for nothing, whatever gate was left open."""
    with asked.read() as tx:
        assert listed(tx.runs) == "ecbda"


def test_overdue_is_what_expired_before_now(asked: Store) -> None:
    """Not in this very millisecond, and never without an expiry."""
    with asked.read() as tx:
        page = tx.runs.approvals(now_ms=NOW_MS)
        assert listed(tx.runs, overdue=True) == "ec"

    assert {one.run_id for one in page.items if one.overdue} == {"e", "c"}
    assert {one.run_id: one.expires_at_ms for one in page.items}["b"] == NOW_MS


@pytest.mark.parametrize(
    ("run_filter", "expected"),
    [
        (RunFilter(automation_id="other"), "d"),
        (RunFilter(org_id="acme", workspace_id="north"), "d"),
        (RunFilter(org_id="local"), "ecba"),
        (RunFilter(status="running"), "e"),
        (RunFilter(automation_id="nobody"), ""),
    ],
)
def test_the_filters_of_runs_choose(asked: Store, run_filter: RunFilter, expected: str) -> None:
    """By automation, tenant and all else that a list of runs takes."""
    with asked.read() as tx:
        assert listed(tx.runs, run_filter) == expected


def test_a_tenant_sees_its_own_requests(asked: Store) -> None:
    """And no others, whatever it asks for."""
    with asked.for_tenant(TenantScope(org_id="acme", workspace_id="north")).read() as tx:
        assert listed(tx.runs) == "d"
        assert listed(tx.runs, RunFilter(org_id="local")) == ""


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 6])
def test_pages_meet_each_request_once(asked: Store, limit: int) -> None:
    """Also where requests of one millisecond are on two pages."""
    shown, cursor = "", None
    with asked.read() as tx:
        while True:
            page = tx.runs.approvals(limit=limit, cursor=cursor, now_ms=NOW_MS)
            assert 1 <= len(page.items) <= limit
            shown += "".join(one.run_id for one in page.items)
            if (cursor := page.next_cursor) is None:
                break

    assert shown == "ecbda"


def test_a_decision_between_two_pages_moves_nothing(asked: Store) -> None:
    """Not even that about the run at the end of the first one."""
    with asked.begin() as tx:
        first = tx.runs.approvals(limit=2)
        tx.runs.update("c", lambda run: run.changed(status="failed"))
        tx.runs.add(waiting("new", 60))
        rest = tx.runs.approvals(cursor=first.next_cursor)

    assert [one.run_id for one in rest.items] == ["b", "d", "a"]


def test_a_cursor_of_other_requests_is_refused(asked: Store) -> None:
    """Of another filter, tenant or kind; the same filter in other words takes it."""
    local = asked.for_tenant(TenantScope(org_id="local", workspace_id="local"))
    with asked.read() as tx, local.read() as theirs:
        cursor = tx.runs.approvals(RunFilter(org_id="local"), limit=1).next_cursor
        assert listed(tx.runs, RunFilter(org_id={"local"}), cursor=cursor) == "cba"
        for ask in (
            lambda: tx.runs.approvals(cursor=cursor),
            lambda: tx.runs.approvals(RunFilter(org_id="local"), cursor=cursor, overdue=True),
            lambda: tx.runs.approvals(RunFilter(org_id="\ud800"), cursor=cursor),
            lambda: theirs.runs.approvals(RunFilter(org_id="local"), cursor=cursor),
            lambda: tx.runs.approvals(cursor=tx.runs.list(limit=1).next_cursor),
        ):
            with pytest.raises(InvalidCursorError, match="start again without a cursor"):
                ask()


def test_a_cursor_with_one_character_changed_is_refused(asked: Store) -> None:
    """Nobody can make one up, either."""
    with asked.read() as tx:
        cursor = tx.runs.approvals(limit=2).next_cursor
        assert cursor is not None
        changed = [
            cursor[:at] + ("A" if cursor[at] != "A" else "B") + cursor[at + 1 :]
            for at in range(len(cursor))
        ]
        forged = base64.urlsafe_b64encode(b'{"at":-1,"id":"a"}').decode()
        for other in (*changed, forged, "", "é", "\ud800", "W10", "e30", "bnVsbA"):
            with pytest.raises(InvalidCursorError):
                tx.runs.approvals(cursor=other)


@pytest.mark.parametrize(
    ("limit", "error"), [(0, ValueError), (1_001, ValueError), (True, TypeError)]
)
def test_a_page_of_another_size_is_refused(
    store: Store, limit: int, error: type[Exception]
) -> None:
    """As of runs."""
    with store.read() as tx, pytest.raises(error, match="limit"):
        tx.runs.approvals(limit=limit)


def test_an_open_context_run_waits_for_nothing(asked: Store) -> None:
    """It is never listed, so nobody could find it."""
    with asked.begin() as tx:
        tx.connection.execute(
            update(tables.runs)
            .where(tables.runs.c.run_id == "a")
            .values(trigger_type="recovered_context_run")
        )
        assert listed(tx.runs) == "ecbd"


@pytest.mark.parametrize("column", ["gate_node", "waits_for_detail", "status"])
def test_a_damaged_request_names_its_run(asked: Store, column: str) -> None:
    """Not an answer without it."""
    value = "unheard of" if column == "status" else None
    with asked.begin() as tx:
        tx.connection.execute(
            update(tables.runs).where(tables.runs.c.run_id == "b").values({column: value})
        )
        with pytest.raises(NotAStoreError, match="The run 'b' of month"):
            tx.runs.approvals()
