"""Traps for rules 1 to 3: which copy of a run wins."""

from __future__ import annotations

from tests.importer.traps.expected import Expected, expect
from tests.support.state_directories import (
    CREATED_MS,
    HOUR_MS,
    MONTH_MS,
    Json,
    StateDir,
    checkpoint,
    context_stub,
    corrupt_stub,
    damaged,
    full_run,
    run,
)

NEXT_MONTH_HOURS = MONTH_MS // HOUR_MS


def unfinished_recovered_context_run(state: StateDir) -> Expected:
    """Rule 1: a copy that is an unfinished shadow is passed over, however new."""
    name = "rule-1"
    true = full_run(name)
    state.hot({name: true})
    state.shard(run(name, hours=9, status="running", trigger_type="recovered_context_run"))
    return expect(("hot", "imported"), ("shard", "skipped"), runs=[true])


def only_an_unfinished_recovered_context_run(state: StateDir) -> Expected:
    """Rule 1: alone, an unfinished shadow makes no run."""
    state.shard(run("rule-1-alone", status="queued", trigger_type="recovered_context_run"))
    return expect(("shard", "skipped"))


def newer_corrupt_stub_in_the_same_month(state: StateDir) -> Expected:
    """Rule 2: a newer stub of a corrupt entry does not hide the true shard."""
    true = full_run("rule-2-corrupt")
    state.shard(true)
    state.hot({"rule-2-corrupt": corrupt_stub("rule-2-corrupt", hours=9)})
    return expect(("shard", "imported"), ("hot", "superseded"), runs=[true])


def newer_corrupt_stub_in_the_next_month(state: StateDir) -> Expected:
    """Rule 2: nor does one that lies in a later month."""
    true = full_run("rule-2-corrupt-later")
    state.shard(true)
    state.shard(corrupt_stub("rule-2-corrupt-later", hours=NEXT_MONTH_HOURS))
    return expect(("shard", "imported"), ("shard", "superseded"), runs=[true])


def newer_context_stub_in_the_same_month(state: StateDir) -> Expected:
    """Rule 2: a shadow saved over the shard does not hide the true entry of the hot file."""
    true = full_run("rule-2-context")
    state.hot({"rule-2-context": true})
    state.shard(context_stub("rule-2-context", hours=9))
    return expect(("hot", "imported"), ("shard", "superseded"), runs=[true])


def newer_context_stub_in_the_next_month(state: StateDir) -> Expected:
    """Rule 2: nor does a shadow that lies in a later month."""
    true = full_run("rule-2-context-later")
    state.shard(true)
    state.shard(context_stub("rule-2-context-later", hours=NEXT_MONTH_HOURS))
    return expect(("shard", "imported"), ("shard", "superseded"), runs=[true])


def stub_against_a_damaged_entry(state: StateDir) -> Expected:
    """Rule 2: a stub is better than what would have to be recovered, even if that is newer."""
    stub = corrupt_stub("rule-2-damaged")
    state.shard(stub)
    state.hot({"rule-2-damaged": damaged("rule-2-damaged", hours=9)})
    place = ("automation_v2_runs.json", "rule-2-damaged", None)
    return expect(("shard", "imported"), ("hot", "quarantined"), runs=[stub], quarantined=[place])


def only_stubs(state: StateDir) -> Expected:
    """Rule 2: if stubs are all there is, the newer one is kept."""
    newer = context_stub("rule-2-alone", hours=3)
    state.hot({"rule-2-alone": corrupt_stub("rule-2-alone", hours=2)})
    state.shard(newer)
    return expect(("shard", "imported"), ("hot", "superseded"), runs=[newer])


def newer_copy(state: StateDir) -> Expected:
    """Rule 3: the greatest time of update wins, whatever the source."""
    newer = full_run("rule-3-newer", hours=2)
    state.hot({"rule-3-newer": full_run("rule-3-newer")})
    state.backup({"rule-3-newer": newer})
    return expect(("backup", "imported"), ("hot", "superseded"), runs=[newer])


def stale_shard_of_an_earlier_month(state: StateDir) -> Expected:
    """Rule 3: the shard that the engine left behind in an earlier month is superseded."""
    moved = full_run("rule-3-moved", hours=NEXT_MONTH_HOURS)
    state.shard(full_run("rule-3-moved", status="running"))
    state.shard(moved)
    return expect(("shard", "imported"), ("shard", "superseded"), runs=[moved])


def equal_times_and_more_outputs(state: StateDir) -> Expected:
    """Rule 3: of two copies of one moment the one with more node outputs wins."""
    fuller = run("rule-3-outputs", nodes=["draft", "review"])
    state.hot({"rule-3-outputs": run("rule-3-outputs", nodes=["draft"])})
    state.backup({"rule-3-outputs": fuller})
    return expect(("backup", "imported"), ("hot", "superseded"), runs=[fuller])


def equal_times_and_a_pending_gate(state: StateDir) -> Expected:
    """Rule 3: with equal parts, the copy that remembers a pending gate wins."""
    gate = {
        "node_id": "approve",
        "title": "Review the draft",
        "decisions": ["approve"],
        "rework_targets": [],
        "requested_at_ms": CREATED_MS,
        "upstream_node_ids": [],
    }
    waiting: Json = {"status": "awaiting_approval"}
    fuller = run("rule-3-gate", checkpoint=checkpoint(awaiting_gate=gate), **waiting)
    state.hot({"rule-3-gate": run("rule-3-gate", **waiting)})
    state.shard(fuller)
    return expect(("shard", "imported"), ("hot", "superseded"), runs=[fuller])


def equal_copies_by_rank(state: StateDir) -> Expected:
    """Rule 3: if nothing else decides, the more trusted source does."""
    trusted = full_run("rule-3-rank", detail="from the hot file")
    state.hot({"rule-3-rank": trusted})
    state.archive({"rule-3-rank": full_run("rule-3-rank", detail="from the archive")})
    return expect(("hot", "imported"), ("archive", "superseded"), runs=[trusted])


TRAPS = (
    unfinished_recovered_context_run,
    only_an_unfinished_recovered_context_run,
    newer_corrupt_stub_in_the_same_month,
    newer_corrupt_stub_in_the_next_month,
    newer_context_stub_in_the_same_month,
    newer_context_stub_in_the_next_month,
    stub_against_a_damaged_entry,
    only_stubs,
    newer_copy,
    stale_shard_of_an_earlier_month,
    equal_times_and_more_outputs,
    equal_times_and_a_pending_gate,
    equal_copies_by_rank,
)
