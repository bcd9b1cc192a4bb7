"""Runs of a few dozen automations, shaped as the engine writes them, the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Final
from uuid import UUID

from benchmarks.definition import DAY_MS, Automation, Json, make_automation
from benchmarks.prose import Prose

AUTOMATIONS: Final = 40
MINUTE_MS: Final = 60_000
#: 2025-06-01T00:00:00Z, where the first month of every workload begins.
START_MS: Final = 1_748_736_000_000
#: Days per month of the workload: short enough never to skip a month, long enough to reach each.
_MONTH_DAYS: Final = 30.4

_RUNS_PER_EDIT: Final = 500

_STATUSES: Final = ("completed", "failed", "cancelled", "blocked")
_STATUS_WEIGHTS: Final = (80, 14, 4, 2)
_TRIGGERS: Final = ("scheduled", "manual", "approved_plan", "watch_condition")


class Workload:
    """An endless, reproducible stream of runs spread over a number of months."""

    def __init__(self, *, seed: int, months: int) -> None:
        self._rng = random.Random(seed)
        self._prose = Prose(self._rng)
        self._months = months
        self._automations = [
            make_automation(number, before_ms=START_MS, rng=self._rng, prose=self._prose)
            for number in range(AUTOMATIONS)
        ]

    def runs(self, count: int | None = None) -> Iterator[Json]:
        """``count`` runs one after the other, or runs without end."""
        made = 0
        while count is None or made < count:
            if made % _RUNS_PER_EDIT == _RUNS_PER_EDIT - 1:
                self._edit_one_automation()
            yield self._run(self._rng.choice(self._automations))
            made += 1

    def _edit_one_automation(self) -> None:
        """People change definitions now and then, so a few snapshots differ for good."""
        index = self._rng.randrange(len(self._automations))
        automation = self._automations[index]
        edited = automation.definition | {"description": self._prose.take(40, 120)}
        edited["updated_at_ms"] += DAY_MS
        self._automations[index] = replace(automation, definition=edited)

    def _run(self, automation: Automation) -> Json:
        rng = self._rng
        run_id = f"automation-v2-run-{UUID(int=rng.getrandbits(128))}"
        created = START_MS + int(rng.random() * self._months * _MONTH_DAYS * DAY_MS)
        status = rng.choices(_STATUSES, _STATUS_WEIGHTS)[0]
        total = len(automation.nodes)
        done = total if status == "completed" else rng.randrange(total)
        updated = created + MINUTE_MS * (done + 1) + rng.randrange(MINUTE_MS)
        prompt, completion = rng.randint(10_000, 90_000), rng.randint(1_000, 9_000)
        return {
            "run_id": run_id,
            "automation_id": automation.automation_id,
            "tenant_context": {
                "org_id": "local",
                "workspace_id": f"ws-{automation.number}",
                "source": "local_implicit",
            },
            "trigger_type": rng.choice(_TRIGGERS),
            "status": status,
            "created_at_ms": created,
            "updated_at_ms": updated,
            "started_at_ms": created + 500,
            "finished_at_ms": updated,
            "active_session_ids": [],
            "latest_session_id": f"session-{self._prose.hex(8)}",
            "active_instance_ids": [],
            "checkpoint": self._checkpoint(run_id, automation, status, done, created, updated),
            "runtime_context": self._context(automation.number),
            "automation_snapshot": self._snapshot(automation, created),
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
            "estimated_cost_usd": round((prompt + 4 * completion) / 1_000_000, 6),
            "effective_execution_profile": "strict",
        }

    def _snapshot(self, automation: Automation, created: int) -> Json:
        """The definition as this run saw it: the volatile keys differ from run to run."""
        execution = automation.definition["execution"] | {
            "profile": self._rng.choice(("strict", "strict", "guided"))
        }
        return automation.definition | {
            "execution": execution,
            "next_fire_at_ms": created + DAY_MS,
            "last_fired_at_ms": created,
        }

    def _checkpoint(
        self, run_id: str, automation: Automation, status: str, done: int, start: int, end: int
    ) -> Json:
        completed = automation.nodes[:done]
        rest = list(automation.nodes[done:])
        sessions = {node: f"session-{self._prose.hex(8)}" for node in automation.nodes}
        history: list[Json] = [{"event": "run_created", "recorded_at_ms": start}]
        for place, node in enumerate(completed):
            history += _node_events(node, sessions[node], start + MINUTE_MS * place)
        checkpoint: Json = {
            "completed_nodes": list(completed),
            "pending_nodes": rest,
            "node_outputs": {
                node: self._output(run_id, automation, node, sessions[node], start)
                for node in completed
            },
            "node_attempts": dict.fromkeys(completed, 1),
            "node_attempt_verdicts": {},
            "blocked_nodes": rest[:1] if status == "blocked" else [],
            "gate_history": [],
            "lifecycle_history": history,
        }
        if status == "failed":
            failure = {"node_id": rest[0], "reason": self._prose.take(20, 90), "failed_at_ms": end}
            checkpoint["last_failure"] = failure
        return checkpoint

    def _output(
        self, run_id: str, automation: Automation, node: str, session: str, start: int
    ) -> Json:
        path = f"reports/{node}.md"
        return {
            "approved": True,
            "artifact_validation": {
                "accepted_artifact_path": path,
                "accepted_candidate_source": "verified_output",
                "repair_attempted": False,
                "semantic_block_reason": None,
                "validation_outcome": "accepted",
            },
            "content": {
                "path": f"{automation.definition['workspace_root']}/{path}",
                "raw_assistant_text": self._prose.take(60, 200),
                "session_id": session,
                "text": self._prose.take(300, 900),
            },
            "contract_kind": "structured_json",
            "created_at_ms": start + self._rng.randrange(MINUTE_MS),
            "node_id": node,
            "phase": "completed",
            "provenance": {
                "content_digest": f"sha256:{self._prose.hex(64)}",
                "freshness": {"current_attempt": True, "current_run": True},
                "node_id": node,
                "output_path": path,
                "run_id": run_id,
                "session_id": session,
            },
            "status": "completed",
            "summary": self._prose.take(30, 120),
            "tool_telemetry": {
                "executed_tools": ["read", "write"],
                "requested_tools": ["read", "write"],
                "tool_call_counts": {"read": self._rng.randrange(4), "write": 1},
                "web_research_used": False,
                "workspace_inspection_used": True,
            },
            "validator_kind": "structured_json",
            "validator_summary": {
                "kind": "structured_json",
                "outcome": "passed",
                "reason": None,
                "repair_attempt": 0,
                "repair_attempted": False,
                "repair_attempts_remaining": 3,
                "repair_exhausted": False,
                "repair_succeeded": False,
                "unmet_requirements": [],
                "warning_count": 0,
                "warning_requirements": [],
            },
            "workflow_class": "artifact",
        }

    def _context(self, number: int) -> Json:
        routine = f"routine_{number}"
        objects = [
            {
                "context_object_id": f"ctx-{number}-{place}",
                "name": self._prose.take(8, 16),
                "kind": "mission_goal",
                "scope": "mission",
                "owner_routine_id": routine,
                "declared_consumers": [],
                "data_scope_refs": [],
                "validation_status": "valid",
                "provenance": {"plan_id": f"plan-{number}", "routine_id": routine},
                "summary": self._prose.take(30, 80),
            }
            for place in range(3)
        ]
        partition = {
            "routine_id": routine,
            "visible_context_objects": objects,
            "step_context_bindings": [],
        }
        return {"routines": [partition]}


def _node_events(node: str, session: str, at_ms: int) -> Iterator[Json]:
    for event in ("node_started", "workflow_state_changed", "node_completed"):
        yield {
            "event": event,
            "recorded_at_ms": at_ms,
            "reason": f"node `{node}` {event}",
            "metadata": {
                "attempt": 1,
                "node_id": node,
                "phase": "completed",
                "session_id": session,
                "status": event,
            },
        }
