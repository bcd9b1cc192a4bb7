"""The answers about automations and approvals, from complete records by plain loops.

They follow the meanings that the engine gives its figures, and know no column of a store.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import Any, Final

from tandem_store import RunRecord

ENDED: Final = {"completed", "blocked", "failed", "cancelled"}
#: What a column holds of a greater number.
LARGEST: Final = 2**63 - 1


def newest_first(records: Iterable[RunRecord]) -> list[RunRecord]:
    """In the order of lists."""
    return sorted(
        records,
        key=lambda run: (run.created_at_ms, run.run_id.encode("utf-8", "surrogatepass")),
        reverse=True,
    )


def health(records: Iterable[RunRecord], automation_id: str, last: int) -> dict[str, Any]:
    """The figures over the newest runs of an automation that have ended."""
    sample = [
        run
        for run in newest_first(records)
        if run.automation_id == automation_id and run.status in ENDED
    ][:last]
    completed = passed = repairable = unknown = people = attempts = nodes = 0
    durations = []
    for run in sample:
        completed += run.status == "completed"
        people += bool(run.checkpoint.gate_history) or run.stop_kind == "operator_stopped"
        attempts += sum(run.checkpoint.node_attempts.values())
        nodes += len(run.checkpoint.node_attempts)
        durations.append(_duration(run) or 0)
        outputs = [one for one in run.checkpoint.node_outputs.values() if isinstance(one, dict)]
        if run.checkpoint.completed_nodes and not run.checkpoint.node_outputs:
            unknown += 1
            continue
        passed += run.status == "completed" and not any(map(_did_not_pass, outputs))
        repairable += any(_word(one.get("status")) == "needs_repair" for one in outputs)
    known = len(sample) - unknown
    return {
        "automation_id": automation_id,
        "sample_size": len(sample),
        "completion_rate": completed / len(sample) if sample else 0,
        "validation_pass_rate": _known_rate(passed, known, len(sample)),
        "mean_attempts_per_node": attempts / max(nodes, 1),
        "repairable_failure_rate": _known_rate(repairable, known, len(sample)),
        "median_wall_clock_ms": sorted(durations)[len(durations) // 2] if durations else 0,
        "human_intervention_count": people,
        "outputs_unknown": unknown,
    }


def _known_rate(count: int, known: int, total: int) -> float | None:
    if total and not known:
        return None
    return count / known if known else 0


def _did_not_pass(output: dict[str, Any]) -> bool:
    summary = output.get("validator_summary")
    outcome = _word(summary.get("outcome")) if isinstance(summary, dict) else ""
    return outcome in {"failed", "blocked", "accepted_with_warnings"}


def _word(value: Any) -> str:
    return value.lower() if isinstance(value, str) else ""


def _duration(run: RunRecord) -> int | None:
    started, finished = run.started_at_ms, run.finished_at_ms
    if started is None or finished is None or finished < started:
        return None
    return finished - started


def approvals(records: Iterable[RunRecord], now_ms: int) -> list[dict[str, Any]]:
    """The open gates of runs that have not ended, the newest request first."""
    found = []
    for run in records:
        gate = run.checkpoint.awaiting_gate
        # An approval is the first thing that a run can wait for.
        if gate is None or run.status in ENDED:
            continue
        after = None if gate.expiry_policy is None else gate.expiry_policy.expires_after_ms
        expires = None if after is None else min(gate.requested_at_ms + after, LARGEST)
        snapshot = run.automation_snapshot
        found.append(
            {
                "run_id": run.run_id,
                "automation_id": run.automation_id,
                "automation_name": None if snapshot is None else snapshot.name,
                "org_id": run.tenant_context.org_id,
                "workspace_id": run.tenant_context.workspace_id,
                "deployment_id": run.tenant_context.deployment_id,
                "status": run.status,
                "node_id": gate.node_id,
                "title": gate.title,
                "requested_at_ms": min(gate.requested_at_ms, LARGEST),
                "expires_at_ms": expires,
                "overdue": expires is not None and expires < now_ms,
            }
        )
    return sorted(found, key=lambda one: (one["requested_at_ms"], one["run_id"]), reverse=True)


def group(run: RunRecord) -> str:
    """The group of a run: the first that fits, but one that has ended waits at no gate."""
    has_gate = run.checkpoint.awaiting_gate is not None and run.status not in ENDED
    if run.status == "queued":
        return "queued"
    if run.status in {"awaiting_approval", "blocked", "paused"} or has_gate:
        return "waiting"
    if run.status in {"failed", "cancelled"}:
        return "failed"
    return "completed" if run.status == "completed" else "active"


def waits_for(run: RunRecord) -> tuple[str | None, str | None]:
    """What a run waits for, and which one: the first that fits."""
    gate, scheduler = run.checkpoint.awaiting_gate, run.scheduler
    if run.status in ENDED - {"blocked"}:
        return None, None
    if gate is not None and run.status != "blocked":
        return "approval", gate.title
    if scheduler is not None and scheduler.queue_reason is not None:
        which = scheduler.resource_key or scheduler.rate_limited_provider
        return str(scheduler.queue_reason), which
    if run.checkpoint.blocked_nodes:
        return "blocked_node", run.checkpoint.blocked_nodes[0]
    return (None, None) if run.pause_reason is None else ("pause", run.pause_reason)


def is_due(run: RunRecord, now_ms: int) -> bool | None:
    """Whether a queued run may start; None if it is not queued."""
    if run.status != "queued":
        return None
    scheduler = run.scheduler
    if scheduler is None or scheduler.queue_reason != "retry_backoff":
        return True
    return scheduler.retry_after_ms is None or scheduler.retry_after_ms <= now_ms


def tokens_by_day(records: Iterable[RunRecord]) -> dict[int, tuple[int, int]]:
    """Runs and tokens by the day of creation, counted from 1970."""
    found: dict[int, tuple[int, int]] = {}
    for run in records:
        runs, tokens = found.get(day := run.created_at_ms // 86_400_000, (0, 0))
        found[day] = runs + 1, tokens + run.total_tokens
    return found


def activity(records: Iterable[RunRecord], since_ms: int) -> list[dict[str, Any]]:
    """What each automation did last, does now, and did since a time; the last active first."""
    runs_of: dict[str, list[RunRecord]] = {}
    for run in newest_first(records):
        runs_of.setdefault(run.automation_id, []).append(run)
    found = [_activity(name, runs, since_ms) for name, runs in runs_of.items()]
    return sorted(found, key=lambda one: (-one["last_run"]["created_at_ms"], one["automation_id"]))


def _activity(automation_id: str, runs: list[RunRecord], since_ms: int) -> dict[str, Any]:
    ended = [run for run in runs if run.status in ENDED]
    recent = [run for run in runs if run.created_at_ms >= since_ms]
    durations = sorted(one for one in map(_duration, recent) if one is not None)
    snapshot = runs[0].automation_snapshot
    return {
        "automation_id": automation_id,
        "name": None if snapshot is None else snapshot.name,
        "last_run": _last(runs[0]),
        "last_terminal_run": _last(ended[0]) if ended else None,
        "active": sum(
            run.status in {"running", "pausing"} and run.checkpoint.awaiting_gate is None
            for run in runs
        ),
        "queued": sum(run.status == "queued" for run in runs),
        "runs": len(recent),
        "ended": sum(run.status in ENDED for run in recent),
        "completed": sum(run.status == "completed" for run in recent),
        "median_duration_ms": durations[len(durations) // 2] if durations else None,
        "estimated_cost_usd": float(sum(Fraction(run.estimated_cost_usd) for run in recent)),
    }


def _last(run: RunRecord) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "status": run.status,
        "created_at_ms": run.created_at_ms,
        "finished_at_ms": run.finished_at_ms,
    }
