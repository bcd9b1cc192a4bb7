"""Traps for rules 4 to 6: what a stripped winner gets back, what is recovered or put aside."""

from __future__ import annotations

import os

from tests.importer.traps.expected import Expected, expect
from tests.support.state_directories import (
    CREATED_MS,
    HOUR_MS,
    Json,
    StateDir,
    context_stub,
    damaged,
    full_run,
    run,
    stripped,
)

ANOTHER_TENANT = {"org_id": "acme", "workspace_id": "north", "source": "explicit"}


def stripped_winner(state: StateDir) -> Expected:
    """Rule 4: a newer copy that compaction stripped gets its parts back from the shard."""
    full = full_run("rule-4")
    newer = stripped(full, updated_at_ms=full["updated_at_ms"] + 1)
    state.shard(full)
    state.hot({"rule-4": newer})
    whole = full | {"updated_at_ms": newer["updated_at_ms"]}
    return expect(("hot", "imported"), ("shard", "restored_from"), runs=[whole])


def winner_stripped_of_its_snapshot(state: StateDir) -> Expected:
    """Rule 4: a missing snapshot alone is given back, too."""
    full = full_run("rule-4-snapshot")
    newer = stripped(full, outputs=False, updated_at_ms=full["updated_at_ms"] + 1)
    state.shard(full)
    state.hot({"rule-4-snapshot": newer})
    whole = full | {"updated_at_ms": newer["updated_at_ms"]}
    return expect(("hot", "imported"), ("shard", "restored_from"), runs=[whole])


def two_donors(state: StateDir) -> Expected:
    """Rule 4: each part comes from the best copy that has it."""
    full = full_run("rule-4-two", hours=3)
    state.hot({"rule-4-two": stripped(full)})
    state.archive({"rule-4-two": stripped(full, outputs=False, updated_at_ms=CREATED_MS + 2)})
    state.backup({"rule-4-two": stripped(full, snapshot=False, updated_at_ms=CREATED_MS + 1)})
    donors = [("archive", "restored_from"), ("backup", "restored_from")]
    return expect(("hot", "imported"), *donors, runs=[full])


def donor_of_another_automation(state: StateDir) -> Expected:
    """Rule 4: parts never cross from one automation to another."""
    newer = stripped(full_run("rule-4-automation", hours=2))
    state.hot({"rule-4-automation": newer})
    state.shard(full_run("rule-4-automation", automation_id="auto-2"))
    return expect(("hot", "imported"), ("shard", "superseded"), runs=[newer])


def stub_as_donor(state: StateDir) -> Expected:
    """Rule 4: the made-up snapshot of a stub is given to no one."""
    newer = stripped(full_run("rule-4-stub", hours=3))
    state.hot({"rule-4-stub": newer})
    state.shard(context_stub("rule-4-stub", hours=2))
    return expect(("hot", "imported"), ("shard", "superseded"), runs=[newer])


def unfinished_winner_without_a_snapshot(state: StateDir) -> Expected:
    """Rule 4: compaction strips terminal runs only, so nothing is given to others."""
    newer = run("rule-4-running", hours=2, nodes=["draft"], status="running")
    state.hot({"rule-4-running": newer})
    state.shard(full_run("rule-4-running", nodes=["draft"], status="running"))
    return expect(("hot", "imported"), ("shard", "superseded"), runs=[newer])


def donor_that_does_not_cover(state: StateDir) -> Expected:
    """Rule 4: outputs that do not cover all completed nodes are given back and reported."""
    old = full_run("rule-4-partial", nodes=["draft"])
    full = full_run("rule-4-partial", hours=2)
    state.hot({"rule-4-partial": stripped(full)})
    state.shard(old)
    outputs = {"node_outputs": old["checkpoint"]["node_outputs"]}
    return expect(
        ("hot", "imported"),
        ("shard", "restored_from"),
        runs=[full | {"checkpoint": full["checkpoint"] | outputs}],
        partial=["rule-4-partial"],
    )


def damaged_entry_alone(state: StateDir) -> Expected:
    """Rule 5: a damaged entry is recovered as of its own last time; its bytes are kept."""
    state.hot({"rule-5": damaged("rule-5", hours=5)})
    return expect(
        ("hot", "recovered"),
        fields={"rule-5": recovered_at(CREATED_MS + 5 * HOUR_MS)},
        quarantined=[("data/automation_v2_runs.json", "rule-5", None)],
    )


def damaged_entry_without_a_time(state: StateDir) -> Expected:
    """Rule 5: without any time of its own, a damaged entry is dated by its file."""
    entry = {"run_id": "rule-5-undated", "automation_id": "auto-1", "status": "completed"}
    path = state.backup({"rule-5-undated": entry}, stamp="rule-5")
    os.utime(path, ns=(0, (CREATED_MS + 7 * HOUR_MS) * 1_000_000))
    return expect(
        ("backup", "recovered"),
        fields={"rule-5-undated": recovered_at(CREATED_MS + 7 * HOUR_MS)},
        quarantined=[("local-cleanup-rule-5/data/automation_v2_runs.json", "rule-5-undated", None)],
    )


def damaged_shard_alone(state: StateDir) -> Expected:
    """Rule 5: a damaged shard is quarantined, never made into a run."""
    state.shard(damaged("rule-5-shard"))
    return expect(("shard", "quarantined"), quarantined=[("rule-5-shard.json", None, None)])


def damaged_entry_against_a_shard(state: StateDir) -> Expected:
    """Rule 6: a damaged copy that a better one beats is quarantined all the same."""
    true = full_run("rule-6")
    state.shard(true)
    state.hot({"rule-6": damaged("rule-6", hours=9)})
    place = ("data/automation_v2_runs.json", "rule-6", None)
    return expect(("shard", "imported"), ("hot", "quarantined"), runs=[true], quarantined=[place])


def copies_of_two_tenants(state: StateDir) -> Expected:
    """Rule 6: a copy that belongs to another tenant than the winner is quarantined."""
    newer = full_run("rule-6-tenant", hours=2, tenant_context=ANOTHER_TENANT)
    state.hot({"rule-6-tenant": newer})
    state.shard(full_run("rule-6-tenant"))
    place = ("rule-6-tenant.json", None, "tenant_conflict")
    return expect(("hot", "imported"), ("shard", "quarantined"), runs=[newer], quarantined=[place])


def recovered_at(at_ms: int) -> Json:
    """The fields that recovery sets, at this time."""
    return {"status": "blocked", "updated_at_ms": at_ms, "finished_at_ms": at_ms}


TRAPS = (
    stripped_winner,
    winner_stripped_of_its_snapshot,
    two_donors,
    donor_of_another_automation,
    stub_as_donor,
    unfinished_winner_without_a_snapshot,
    donor_that_does_not_cover,
    damaged_entry_alone,
    damaged_entry_without_a_time,
    damaged_shard_alone,
    damaged_entry_against_a_shard,
    copies_of_two_tenants,
)
