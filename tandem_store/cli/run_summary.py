"""One run as a person wants to see it first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tandem_store import NotFoundError, RunRecord
from tandem_store.cli import output
from tandem_store.cli.text import dollars, moment, number, one_line, size
from tandem_store.legacy.json_text import dumps

#: How many of the last events are shown.
TAIL: Final = 10
#: How many nodes of one kind are named.
NAMED: Final = 12

_WIDTH: Final = 100


def put(run: RunRecord) -> None:
    """What happened: status, times, nodes, cost, failure, gate, the last events, and sizes."""
    for label, value in _facts(run):
        output.put(f"{label:<14}{one_line(value, _WIDTH)}")
    _put_events(run)


def put_output(run: RunRecord, node: str, as_json: bool) -> None:
    """The output of one node: text as it stands, anything else as JSON."""
    outputs = run.checkpoint.node_outputs
    if node not in outputs:
        named = ", ".join(sorted(outputs)) or "none"
        raise NotFoundError(f"The run has no output of a node {node!r}; it has: {named}.")
    value = outputs[node]
    if as_json or not isinstance(value, str):
        output.put_json(value)
    else:
        output.put(value)


def _facts(run: RunRecord) -> Iterator[tuple[str, str]]:
    yield "Run", run.run_id
    yield "Automation", run.automation_id
    tenant = run.tenant_context
    yield "Tenant", f"{tenant.org_id} / {tenant.workspace_id} / {tenant.deployment_id or '-'}"
    yield "Trigger", " - ".join(filter(None, (run.trigger_type, run.trigger_reason)))
    stopped = (run.stop_kind, run.stop_reason)
    yield "Status", " - ".join(filter(None, (run.status, *stopped)))
    if run.detail:
        yield "Detail", run.detail
    yield from _times(run)
    yield from _nodes(run)
    yield "Tokens", _tokens(run)
    yield "Cost", f"{dollars(run.estimated_cost_usd)} USD"
    yield from _trouble(run)
    yield "Sizes", _sizes(run)


def _times(run: RunRecord) -> Iterator[tuple[str, str]]:
    yield "Created", moment(run.created_at_ms)
    yield "Started", moment(run.started_at_ms)
    yield "Updated", moment(run.updated_at_ms)
    yield "Finished", moment(run.finished_at_ms)


def _nodes(run: RunRecord) -> Iterator[tuple[str, str]]:
    checkpoint = run.checkpoint
    kinds = {
        "Completed": checkpoint.completed_nodes,
        "Pending": checkpoint.pending_nodes,
        "Blocked": checkpoint.blocked_nodes,
    }
    for label, nodes in kinds.items():
        more = ", ..." if len(nodes) > NAMED else ""
        yield (
            label,
            f"{len(nodes)} nodes" + (f": {', '.join(nodes[:NAMED])}{more}" if nodes else ""),
        )


def _tokens(run: RunRecord) -> str:
    parts = (run.prompt_tokens, run.completion_tokens)
    return f"{number(run.total_tokens)} (prompt {number(parts[0])}, completion {number(parts[1])})"


def _trouble(run: RunRecord) -> Iterator[tuple[str, str]]:
    failure, gate = run.checkpoint.last_failure, run.checkpoint.awaiting_gate
    if failure is not None:
        yield "Failure", f"{failure.node_id} at {moment(failure.failed_at_ms)}: {failure.reason}"
    if gate is not None:
        asked = f"{gate.node_id} since {moment(gate.requested_at_ms)}: {gate.title}"
        yield "Waits for", f"{asked} ({' / '.join(gate.decisions)})"


def _sizes(run: RunRecord) -> str:
    record = run.to_legacy()
    parts = {
        "outputs": record["checkpoint"]["node_outputs"],
        "context": record.get("runtime_context"),
        "snapshot": record.get("automation_snapshot"),
    }
    told = [f"{name} {size(len(dumps(part)))}" for name, part in parts.items() if part is not None]
    return f"record {size(len(dumps(record)))}; {', '.join(told)}"


def _put_events(run: RunRecord) -> None:
    history = run.checkpoint.lifecycle_history
    if not history:
        return
    output.put()
    output.put(f"Last {min(TAIL, len(history))} of {len(history)} events:")
    rows = [
        (moment(event.recorded_at_ms), event.event, one_line(event.reason or "", _WIDTH))
        for event in history[-TAIL:]
    ]
    output.put_table(("WHEN", "EVENT", "REASON"), rows)
