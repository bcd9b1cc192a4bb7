"""Makes a run out of a context-run folder as the engine does: a pale copy of the real run."""

from __future__ import annotations

from typing import Any, Final

from tandem_store.errors import LegacyFormatError
from tandem_store.jsontext import WHITE_SPACE
from tandem_store.records import RECOVERED_CONTEXT_RUN, RunStatus
from tandem_store.records.reading import read_run, read_tenant, u64

RUN_TYPE: Final = "automation_v2"
_PREFIX: Final = "automation-v2-"
_AGENT: Final = "recovered"
_CREATOR: Final = "context-run-recovery"
_NO_OBJECTIVE: Final = "Recovered automation run"
# Any other word means ``running``.
_STATUSES: Final = {
    "queued": RunStatus.QUEUED,
    "paused": RunStatus.PAUSED,
    "awaiting_approval": RunStatus.AWAITING_APPROVAL,
    "pending_approval": RunStatus.AWAITING_APPROVAL,
    "completed": RunStatus.COMPLETED,
    "complete": RunStatus.COMPLETED,
    "done": RunStatus.COMPLETED,
    "blocked": RunStatus.BLOCKED,
    "failed": RunStatus.FAILED,
    "error": RunStatus.FAILED,
    "cancelled": RunStatus.CANCELLED,
    "canceled": RunStatus.CANCELLED,
}
_STEP_LISTS: Final = dict.fromkeys(("done", "completed", "complete"), "completed_nodes") | (
    dict.fromkeys(("blocked", "failed", "error"), "blocked_nodes")
)


def run_from_context_state(value: Any, *, mtime_ms: int) -> dict[str, Any] | None:
    """Return the run that a ``run_state.json`` describes, as the engine would write it.

    ``None`` if the file does not describe a run of an automation. ``mtime_ms`` is when the file was
    last changed, in milliseconds since 1970, UTC. The engine makes runs of terminal states only;
    the caller has to check that.
    """
    if not isinstance(value, dict) or value.get("run_type") != RUN_TYPE:
        return None
    run_id = _trimmed(value.get("run_id")).removeprefix(_PREFIX)
    if not run_id.strip(WHITE_SPACE):
        return None
    automation_id = _automation_id(value) or f"recovered-{run_id}"
    times = _times(value, mtime_ms)
    run = times | {
        "run_id": run_id,
        "automation_id": automation_id,
        "tenant_context": _tenant(value.get("tenant_context")),
        "trigger_type": RECOVERED_CONTEXT_RUN,
        "status": _STATUSES.get(_word(value.get("status")), RunStatus.RUNNING),
        "checkpoint": _checkpoint(_steps(value)),
        "automation_snapshot": _snapshot(value, automation_id, times),
        "detail": _trimmed(value.get("last_error")) or None,
    }
    return read_run({name: one for name, one in run.items() if one is not None}).to_legacy()


def is_context_stub(record: dict[str, Any]) -> bool:
    """Whether the engine made a valid record out of a context run, with no real snapshot."""
    snapshot = record.get("automation_snapshot") or {}
    return record["trigger_type"] == RECOVERED_CONTEXT_RUN and (
        not snapshot or snapshot.get("creator_id") == _CREATOR
    )


def _times(state: dict[str, Any], mtime_ms: int) -> dict[str, int | None]:
    created = _or_else(u64(state.get("created_at_ms")), mtime_ms)
    updated = _or_else(u64(state.get("updated_at_ms")), max(mtime_ms, created))
    return {
        "created_at_ms": created,
        "updated_at_ms": updated,
        "started_at_ms": u64(state.get("started_at_ms")),
        "finished_at_ms": _or_else(u64(state.get("ended_at_ms")), updated),
    }


def _automation_id(value: Any) -> str | None:
    """Return the first automation id, depth first and in the order of keys; None without one."""
    if isinstance(value, list):
        inner = value
    elif isinstance(value, dict):
        for name in ("automation_id", "workflow_id"):
            if _trimmed(value.get(name)):
                return str(value[name])
        inner = [value[key] for key in sorted(value)]
    else:
        return None
    return next((found for one in inner if (found := _automation_id(one))), None)


def _tenant(value: Any) -> dict[str, Any] | None:
    try:
        return read_tenant(value).to_legacy()
    except LegacyFormatError:
        return None


def _steps(state: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return the steps that have an id, with their ids."""
    return [
        (step["step_id"], step) for step in _objects(state, "steps") if _is_named(step, "step_id")
    ]


def _checkpoint(steps: list[tuple[str, dict[str, Any]]]) -> dict[str, list[str]]:
    lists: dict[str, list[str]] = {}
    for step_id, step in steps:
        name = _STEP_LISTS.get(_word(step.get("status")), "pending_nodes")
        lists.setdefault(name, []).append(step_id)
    return lists


def _snapshot(
    state: dict[str, Any], automation_id: str, times: dict[str, int | None]
) -> dict[str, Any]:
    """Return a definition made up from the state, so that the run looks like any other."""
    objective = state["objective"] if _is_named(state, "objective") else _NO_OBJECTIVE
    workspace = state.get("workspace")
    root = workspace.get("canonical_path") if isinstance(workspace, dict) else None
    agent = {"agent_id": _AGENT, "display_name": "Recovered", "tool_policy": {}, "mcp_policy": {}}
    return {
        "automation_id": automation_id,
        "name": objective,
        "description": objective,
        "status": "paused",
        "schedule": {"type": "manual", "timezone": "UTC", "misfire_policy": {"type": "skip"}},
        "agents": [agent],
        "flow": {"nodes": _nodes(state)},
        "execution": {},
        "created_at_ms": times["created_at_ms"],
        "updated_at_ms": times["updated_at_ms"],
        "creator_id": _CREATOR,
        "workspace_root": root if isinstance(root, str) else None,
        "metadata": {"recovered_from": "context_run"},
    }


def _nodes(state: dict[str, Any]) -> list[dict[str, Any]]:
    """Return one node for each step; without steps, one for each node that the tasks name."""
    named = [(step_id, step.get("title")) for step_id, step in _steps(state)]
    if not named:
        named = [(node_id, None) for node_id in _task_nodes(state)]
    return [
        {"node_id": node_id, "agent_id": _AGENT, "objective": _trimmed(title) or node_id}
        for node_id, title in named
    ]


def _task_nodes(state: dict[str, Any]) -> list[str]:
    payloads = (task.get("payload") for task in _objects(state, "tasks"))
    nodes = (
        one["node_id"] for one in payloads if isinstance(one, dict) and _is_named(one, "node_id")
    )
    return list(dict.fromkeys(nodes))


def _objects(state: dict[str, Any], name: str) -> list[dict[str, Any]]:
    listed = state.get(name)
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []


def _is_named(value: dict[str, Any], name: str) -> bool:
    return bool(_trimmed(value.get(name)))


def _trimmed(value: Any) -> str:
    return value.strip(WHITE_SPACE) if isinstance(value, str) else ""


def _word(value: Any) -> str:
    return _trimmed(value).lower()


def _or_else(value: int | None, otherwise: int) -> int:
    return otherwise if value is None else value
