"""Automation definitions, shaped as the engine writes them."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.prose import Prose

Json = dict[str, Any]

DAY_MS: Final = 86_400_000

_ROLES: Final = ("research", "draft", "review", "publish", "collect", "score", "analyze", "notify")
_KNOWLEDGE: Final = {
    "enabled": True,
    "reuse_mode": "preflight",
    "trust_floor": "promoted",
    "read_spaces": [],
    "promote_spaces": [],
}


@dataclass(frozen=True, slots=True)
class Automation:
    """A definition, with what its runs need to know of it."""

    number: int
    definition: Json
    nodes: tuple[str, ...]

    @property
    def automation_id(self) -> str:
        """The id that its runs carry."""
        return str(self.definition["automation_id"])


def make_automation(number: int, *, before_ms: int, rng: random.Random, prose: Prose) -> Automation:
    """The definition with this number: two to four nodes in a row, edited before ``before_ms``."""
    roles = rng.sample(_ROLES, rng.randint(2, 4))
    nodes = tuple(f"{role}_{position}" for position, role in enumerate(roles))
    definition: Json = {
        "automation_id": f"automation-v2-{prose.hex(8)}",
        "name": prose.take(10, 30),
        "description": prose.take(60, 160),
        "status": "active",
        "schedule": {
            "type": "cron",
            "cron_expression": f"{number} 9 * * *",
            "timezone": "UTC",
            "misfire_policy": {"type": "run_once"},
        },
        "knowledge": _KNOWLEDGE,
        "agents": [_agent(prose)],
        "flow": {"nodes": [_node(nodes, place, prose) for place in range(len(nodes))]},
        "execution": {
            "profile": "strict",
            "max_parallel_agents": 2,
            "max_total_runtime_ms": 3_600_000,
            "max_total_tool_calls": 400,
        },
        "output_targets": [f"reports/{nodes[-1]}.md"],
        "created_at_ms": before_ms - 60 * DAY_MS,
        "updated_at_ms": before_ms - 30 * DAY_MS,
        "creator_id": f"user-{number % 7}",
        "workspace_root": f"/srv/tandem/ws-{number}",
        "metadata": {"context_materialization": None, "plan_source": "planner", "revision": 0},
    }
    return Automation(number, definition, nodes)


def _agent(prose: Prose) -> Json:
    return {
        "agent_id": "agent_0",
        "display_name": prose.take(8, 16),
        "model_policy": {
            "default_model": {"model_id": "openai/gpt-5-mini", "provider_id": "openrouter"}
        },
        "skills": [],
        "tool_policy": {"allowlist": ["read", "write"], "denylist": []},
        "mcp_policy": {"allowed_servers": ["github"]},
    }


def _node(nodes: tuple[str, ...], place: int, prose: Prose) -> Json:
    before = nodes[place - 1 : place] if place else ()
    return {
        "node_id": nodes[place],
        "agent_id": "agent_0",
        "objective": prose.take(150, 300),
        "knowledge": _KNOWLEDGE,
        "depends_on": list(before),
        "input_refs": [{"from_step_id": name, "alias": name} for name in before],
        "output_contract": {
            "kind": "structured_json",
            "validator": "structured_json",
            "enforcement": {
                "required_tools": ["read"],
                "required_tool_calls": [],
                "required_evidence": ["local_source_reads"],
                "required_sections": [],
                "prewrite_gates": [],
                "retry_on_missing": ["local_source_reads"],
                "terminal_on": [],
                "session_text_recovery": "require_prewrite_satisfied",
            },
            "schema": {
                "properties": {
                    name: {"description": prose.take(15, 40), "type": "string"}
                    for name in ("body", "links", "title")
                },
                "type": "object",
            },
            "summary_guidance": prose.take(30, 60),
        },
        "retry_policy": {"max_attempts": 3},
        "timeout_ms": 600_000,
        "metadata": {
            "builder": {
                "output_path": f"reports/{nodes[place]}.md",
                "prompt": prose.take(150, 300),
                "role": "worker",
                "title": prose.take(10, 20),
                "write_required": True,
            }
        },
    }
