"""The nodes of an automation, and what each of them has to deliver."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from tandem_store.records.agent import AutomationAgentMcpPolicy, AutomationAgentToolPolicy
from tandem_store.records.base import U32, U64, Named, Record
from tandem_store.records.checkpoint import AutomationGateExpiryPolicy
from tandem_store.records.enums import StageKind, ValidatorKind
from tandem_store.records.knowledge import KnowledgeBinding, default_binding


class AutomationFlowInputRef(Record):
    """An output of an earlier step that a node reads."""

    #: The step that produces it.
    from_step_id: str
    #: The name under which the node sees it.
    alias: str


class AutomationRequiredToolCall(Record):
    """A tool call that has to happen before an output is accepted."""

    #: The tool.
    tool: str
    #: Free-form JSON: the arguments it is called with.
    args: Any = None
    #: The key under which the evidence is stored.
    evidence_key: str | None = None
    #: Whether the call has to succeed.
    required_success: bool = True


class AutomationOutputEnforcement(Record):
    """What an output needs before it is accepted."""

    #: The named set of checks.
    validation_profile: str | None = None
    #: Tools that have to be used.
    required_tools: list[str] = Field(default_factory=list)
    #: Calls that have to be made.
    required_tool_calls: list[AutomationRequiredToolCall] = Field(default_factory=list)
    #: Evidence that has to be given.
    required_evidence: list[str] = Field(default_factory=list)
    #: Sections that the output has to have.
    required_sections: list[str] = Field(default_factory=list)
    #: Gates to pass before anything is written.
    prewrite_gates: list[str] = Field(default_factory=list)
    #: What leads to another attempt if it is missing.
    retry_on_missing: list[str] = Field(default_factory=list)
    #: What ends the node.
    terminal_on: list[str] = Field(default_factory=list)
    #: The most repairs that are tried, 0 to 2**32 - 1.
    repair_budget: U32 | None = None
    #: How an output is recovered from the text of the session.
    session_text_recovery: str | None = None


class AutomationFlowOutputContract(Record):
    """What a node has to deliver."""

    #: The kind of output; free text.
    kind: str
    #: The check that it has to pass.
    validator: Named[ValidatorKind] | None = None
    #: What it needs before it is accepted.
    enforcement: AutomationOutputEnforcement | None = None
    #: Free-form JSON: the JSON schema of the output. Called ``schema`` in JSON.
    output_schema: Any = Field(default=None, alias="schema")
    #: How to summarise it.
    summary_guidance: str | None = None


class AutomationApprovalGate(Record):
    """The decision that a node waits for."""

    #: Whether the gate has to be passed.
    required: bool = False
    #: The possible answers.
    decisions: list[str] = Field(default_factory=list)
    #: Nodes that run again if the decision is rework.
    rework_targets: list[str] = Field(default_factory=list)
    #: What the person who decides should know.
    instructions: str | None = None
    #: What happens if nobody decides.
    expiry_policy: AutomationGateExpiryPolicy | None = None


class AutomationFlowNode(Record):
    """One step of an automation."""

    #: The id that outputs, attempts and dependencies refer to.
    node_id: str
    #: The agent that does it.
    agent_id: str
    #: The goal of the step.
    objective: str
    #: The knowledge that it may use.
    knowledge: KnowledgeBinding = Field(default_factory=default_binding)
    #: Nodes that have to be done before.
    depends_on: list[str] = Field(default_factory=list)
    #: Outputs that it reads.
    input_refs: list[AutomationFlowInputRef] = Field(default_factory=list)
    #: What it has to deliver.
    output_contract: AutomationFlowOutputContract | None = None
    #: The tools that it may use.
    tool_policy: AutomationAgentToolPolicy | None = None
    #: The MCP servers that it may use.
    mcp_policy: AutomationAgentMcpPolicy | None = None
    #: Free-form JSON: when it is tried again.
    retry_policy: Any = None
    #: Milliseconds until it times out.
    timeout_ms: U64 | None = None
    #: The most tool calls it may make, 0 to 2**32 - 1.
    max_tool_calls: U32 | None = None
    #: The part that it plays.
    stage_kind: Named[StageKind] | None = None
    #: The decision that it waits for.
    gate: AutomationApprovalGate | None = None
    #: Free-form JSON.
    metadata: Any = None
    #: Free-form JSON: what the node waits for (since engine 0.6.9).
    wait: Any = None


class AutomationFlowSpec(Record):
    """The steps of an automation."""

    #: The nodes, in the order of the definition.
    nodes: list[AutomationFlowNode] = Field(default_factory=list)
