"""What automations do and how they are, where a plain loop would not show the rule."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from tandem_store import InvalidFilterError, Store, TenantScope, tables
from tandem_store.clock import aware_datetime
from tests.support.legacy_runs import CREATED_MS, checkpoint
from tests.support.run_records import new_run

CREATED = aware_datetime(CREATED_MS)
DAY = timedelta(days=1)
#: What is left of a run's checkpoint when the engine has removed its outputs.
COMPACTED = checkpoint(completed_nodes=["draft"], node_attempts={"draft": 3})
WITH_OUTPUTS = checkpoint(
    completed_nodes=["draft"], node_outputs={"draft": {}}, node_attempts={"draft": 1}
)


def add(store: Store, *runs: tuple[str, dict[str, Any]]) -> None:
    """Add runs, each created a millisecond after the one before."""
    with store.begin() as tx:
        for at, (run_id, fields) in enumerate(runs):
            tx.runs.add(new_run(run_id, **({"created_at_ms": CREATED_MS + at} | fields)))


def test_a_run_without_outputs_is_unknown_not_passed(store: Store) -> None:
    """It is in neither half of the rates that need them, and in all other figures."""
    add(
        store,
        ("removed", {"checkpoint": COMPACTED}),
        ("failed", {"checkpoint": COMPACTED, "status": "failed"}),
        ("passed", {"checkpoint": WITH_OUTPUTS}),
        ("no outputs", {"checkpoint": checkpoint(), "status": "cancelled"}),
    )

    with store.read() as tx:
        health = tx.runs.health("auto-1")

    assert (health.sample_size, health.outputs_unknown) == (4, 2)
    assert health.validation_pass_rate == 1 / 2
    assert health.completion_rate == 2 / 4
    assert health.mean_attempts_per_node == 7 / 3


def test_rates_are_unknown_if_every_run_is(store: Store) -> None:
    """A rate of 0 would say that each of them failed."""
    add(store, ("removed", {"checkpoint": COMPACTED}))

    with store.read() as tx:
        health = tx.runs.health("auto-1")

    assert (health.validation_pass_rate, health.repairable_failure_rate) == (None, None)
    assert health.completion_rate == 1


def test_health_without_a_run_is_all_zeros(store: Store) -> None:
    """As the engine has it, also while the first run goes on."""
    add(store, ("going on", {"status": "running"}))

    with store.read() as tx:
        health = tx.runs.health("auto-1")

    assert (health.sample_size, health.outputs_unknown) == (0, 0)
    assert (health.completion_rate, health.validation_pass_rate) == (0, 0)
    assert (health.mean_attempts_per_node, health.repairable_failure_rate) == (0, 0)
    assert (health.median_wall_clock_ms, health.human_intervention_count) == (0, 0)


def test_rows_that_know_nothing_take_no_part_in_sums(store: Store) -> None:
    """Such as those of content that was forgotten before these columns were there."""
    add(store, ("passed", {"checkpoint": WITH_OUTPUTS}), ("gone", {"checkpoint": WITH_OUTPUTS}))
    nothing = dict.fromkeys(
        ("duration_ms", "attempts", "nodes_attempted", "outputs_failed_validation", "needs_repair")
    )
    with store.begin() as tx:
        changed = update(tables.runs).where(tables.runs.c.run_id == "gone")
        tx.connection.execute(changed.values(**nothing, gates_decided=None))
        health = tx.runs.health("auto-1")

    assert (health.sample_size, health.outputs_unknown) == (2, 1)
    assert (health.mean_attempts_per_node, health.validation_pass_rate) == (1, 1)


@pytest.mark.parametrize(
    ("last", "error"), [(0, ValueError), (1_001, ValueError), ("5", TypeError)]
)
def test_a_sample_of_another_size_is_refused(
    store: Store, last: Any, error: type[Exception]
) -> None:
    """Figures over all runs there are would read them all."""
    with store.read() as tx, pytest.raises(error, match="last is"):
        tx.runs.health("auto-1", last=last)


def test_figures_begin_at_the_time_that_is_given(store: Store) -> None:
    """That of creation; last runs are found however old."""
    add(store, ("one", {"estimated_cost_usd": 0.25}), ("two", {"estimated_cost_usd": 0.5}))
    assert CREATED is not None

    with store.read() as tx:
        (both,) = tx.runs.automations(since=CREATED)
        (one,) = tx.runs.automations(since=CREATED + timedelta(milliseconds=1))
        (none,) = tx.runs.automations(since=CREATED + DAY)

    assert [each.runs for each in (both, one, none)] == [2, 1, 0]
    assert [each.estimated_cost_usd for each in (both, one, none)] == [0.75, 0.5, 0]
    assert [each.last_run.run_id for each in (both, one, none)] == ["two"] * 3
    assert none.success_rate is None


def test_figures_are_of_thirty_days_unless_told_otherwise(store: Store) -> None:
    """By the clock of this process."""
    now = datetime.now(UTC)
    for run_id, days in (("old", 31), ("recent", 29)):
        at_ms = int((now - days * DAY).timestamp() * 1_000)
        add(store, (run_id, {"created_at_ms": at_ms, "updated_at_ms": at_ms}))

    with store.read() as tx:
        (found,) = tx.runs.automations()
        assert found == tx.runs.automation("auto-1")

    assert found.runs == 1


def test_a_time_without_a_zone_is_refused(store: Store) -> None:
    """As in a filter."""
    with store.read() as tx, pytest.raises(InvalidFilterError, match="time zone"):
        tx.runs.automations(since=datetime(2026, 8, 1))  # noqa: DTZ001 - what is refused


def test_an_open_context_run_is_nothing_that_an_automation_does(store: Store) -> None:
    """It is never listed, counted or summed; nor is an automation that has nothing else."""
    add(
        store,
        ("run", {"automation_id": "both"}),
        ("newer", {"automation_id": "both"}),
        ("only", {"automation_id": "nothing else"}),
    )
    assert CREATED is not None
    with store.begin() as tx:
        tx.connection.execute(
            update(tables.runs)
            .where(tables.runs.c.run_id != "run")
            .values(trigger_type="recovered_context_run", status="running")
        )
        (found,) = tx.runs.automations(since=CREATED)

        assert tx.runs.automation_ids() == ("both",)
        assert tx.runs.automation("nothing else") is None
        assert tx.runs.health("nothing else").sample_size == 0
    assert (found.last_run.run_id, found.active, found.runs) == ("run", 0, 1)


def test_many_automations_are_each_found_once(store: Store) -> None:
    """More than are asked for in one statement, with ids next to each other."""
    ids = sorted(f"auto-{n}" for n in range(520))
    with store.begin() as tx:
        tx.runs.add_many(
            new_run(f"{name}/{n}", automation_id=name) for name in ids for n in range(2)
        )

    with store.read() as tx:
        assert tx.runs.automation_ids() == tuple(ids)
        found = tx.runs.automations()
    assert [one.automation_id for one in found] == ids
    assert all(one.last_run.run_id == f"{one.automation_id}/1" for one in found)


ACME = {"org_id": "acme", "workspace_id": "north"}


@pytest.mark.parametrize(
    ("scope", "run_id"),
    [
        (TenantScope(**ACME), "mine"),
        (TenantScope(**ACME, deployment_id="blue"), "blue"),
        (TenantScope(org_id="local", workspace_id="local"), "newest"),
    ],
)
def test_a_tenants_figures_are_of_its_runs(store: Store, scope: TenantScope, run_id: str) -> None:
    """Even if tenants share an automation; nobody learns of another's."""
    add(
        store,
        ("mine", {"tenant_context": ACME, "estimated_cost_usd": 1.0}),
        ("blue", {"tenant_context": ACME | {"deployment_id": "blue"}, "estimated_cost_usd": 1.0}),
        ("newest", {"estimated_cost_usd": 1.0}),
        ("theirs", {"automation_id": "theirs", "tenant_context": {**ACME, "org_id": "globex"}}),
    )
    assert CREATED is not None

    with store.for_tenant(scope).read() as tx:
        (found,) = tx.runs.automations(since=CREATED)
        assert found == tx.runs.automation("auto-1", since=CREATED)
        assert tx.runs.automation("theirs") is None
        assert tx.runs.automation_ids() == ("auto-1",)
        assert tx.runs.health("auto-1").sample_size == 1
        assert tx.runs.health("theirs").sample_size == 0

    assert found.last_run.run_id == run_id
    assert found.last_terminal_run == found.last_run
    assert (found.runs, found.ended, found.completed, found.estimated_cost_usd) == (1, 1, 1, 1)
