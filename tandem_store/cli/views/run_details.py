"""One run: its facts, its nodes, its failure, the gate it waits at, and its last events."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from tandem_store import NotFoundError, clock
from tandem_store.cli import output, terminal
from tandem_store.cli.views.run_list import waiting
from tandem_store.cli.views.status_colours import status
from tandem_store.cli.views.table import Cell
from tandem_store.cli.views.values import (
    dollars,
    duration,
    number,
    one_line,
    since_or_until,
    size,
    timestamp,
)
from tandem_store.jsontext import dumps
from tandem_store.run_nodes import Node, node_of, nodes_of

if TYPE_CHECKING:
    from tandem_store import RunRecord, RunSummary
    from tandem_store.records.checkpoint import AutomationLifecycleRecord

#: How many of the last events are shown without ``--events``.
_LAST_EVENTS: Final = 10
#: Deeper nodes are not indented any further.
_DEEPEST: Final = 8


def show(run: RunRecord, summary: RunSummary, given: str, *, all_events: bool = False) -> None:
    """Print what happened in a run. ``given`` is its id as it was typed."""
    output.print_facts(_facts(run, summary))
    _show_nodes(run)
    _show_failure(run)
    _show_gate(run)
    _show_events(run, given, everything=all_events)


def show_summary(run: RunSummary) -> None:
    """Print what lists know of a run, of which nothing else is left."""
    output.print_facts(_rest(run))


def _rest(run: RunSummary) -> Iterator[tuple[str, Cell]]:
    yield "Run", run.run_id
    yield "Automation", one_line(run.automation_id)
    yield "Status", status(run.status)
    if run.detail:
        yield "Detail", one_line(run.detail)
    yield "Trigger", one_line(run.trigger_type)
    tenant = (run.org_id, run.workspace_id, run.deployment_id)
    yield "Tenant", " / ".join(filter(None, tenant))
    yield from _times(run)
    yield "Tokens", _tokens(run)
    yield "Cost", f"{dollars(run.estimated_cost_usd)} USD"
    if run.failed_node:
        yield "Failure", one_line(f"{run.failed_node}: {run.failure_reason or 'no reason'}")


def show_output(run: RunRecord, node: str, as_json: bool) -> None:
    """Print the output of one node: text as it is, other values as JSON."""
    outputs = run.checkpoint.node_outputs
    if node not in outputs:
        nodes = ", ".join(sorted(outputs)) or "none"
        raise NotFoundError(f"The run has no output of a node {node!r}; it has: {nodes}.")
    value = outputs[node]
    if as_json or not isinstance(value, str):
        output.print_json(value)
    else:
        output.print_content(value)


def _facts(run: RunRecord, summary: RunSummary) -> Iterator[tuple[str, Cell]]:
    tenant = run.tenant_context
    stopped = (run.status, run.stop_kind, run.stop_reason)
    yield "Run", run.run_id
    name = f" ({run.automation_snapshot.name})" if run.automation_snapshot else ""
    yield "Automation", one_line(f"{run.automation_id}{name}")
    yield "Status", status(run.status, one_line(" - ".join(filter(None, stopped))))
    if run.detail:
        yield "Detail", one_line(run.detail)
    yield from _waits(summary)
    yield "Trigger", one_line(" - ".join(filter(None, (run.trigger_type, run.trigger_reason))))
    yield (
        "Tenant",
        " / ".join(filter(None, (tenant.org_id, tenant.workspace_id, tenant.deployment_id))),
    )
    yield from _times(run)
    yield "Tokens", _tokens(run)
    yield "Cost", f"{dollars(run.estimated_cost_usd)} USD"
    yield "Sizes", _sizes(run)


def _waits(run: RunSummary) -> Iterator[tuple[str, str]]:
    if run.waits_for is not None:
        yield "Waits for", one_line(waiting(run))
    if (due_ms := run.not_due_before_ms) is not None:
        yield "Due", f"{timestamp(due_ms)} ({since_or_until(due_ms, clock.now_ms())})"


def _times(run: RunRecord | RunSummary) -> Iterator[tuple[str, str]]:
    now_ms = clock.now_ms()
    yield "Created", f"{timestamp(run.created_at_ms)} ({since_or_until(run.created_at_ms, now_ms)})"
    yield "Started", timestamp(run.started_at_ms)
    if run.updated_at_ms != run.finished_at_ms:
        yield (
            "Updated",
            f"{timestamp(run.updated_at_ms)} ({since_or_until(run.updated_at_ms, now_ms)})",
        )
    took = ""
    if run.started_at_ms is not None and (run.finished_at_ms or 0) >= run.started_at_ms:
        took = f" (took {duration((run.finished_at_ms or 0) - run.started_at_ms)})"
    yield "Finished", f"{timestamp(run.finished_at_ms)}{took}"


def _tokens(run: RunRecord | RunSummary) -> str:
    parts = (run.prompt_tokens, run.completion_tokens)
    return f"{number(run.total_tokens)} (prompt {number(parts[0])}, completion {number(parts[1])})"


def _sizes(run: RunRecord) -> str:
    record = run.to_legacy()
    parts = {
        "outputs": record["checkpoint"]["node_outputs"],
        "context": record.get("runtime_context"),
        "snapshot": record.get("automation_snapshot"),
    }
    sizes = [f"{name} {size(len(dumps(part)))}" for name, part in parts.items() if part is not None]
    return f"record {size(len(dumps(record)))}; {', '.join(sizes)}"


def _show_nodes(run: RunRecord) -> None:
    nodes = nodes_of(run)
    if not nodes:
        return
    output.print_message()
    output.print_table(
        ("NODE", "STATE", "ATTEMPTS", "START", "TOOK", "WAITS FOR"),
        [_node_row(node, run) for node in nodes],
        align="llrrr",
        cut="WAITS FOR",
        optional=("START", "ATTEMPTS", "TOOK", "WAITS FOR"),
    )


def _node_row(node: Node, run: RunRecord) -> tuple[Cell, ...]:
    return (
        "  " * min(node.depth, _DEEPEST) + one_line(node.node_id),
        status(node.state),
        number(node.attempts) if node.attempts else "-",
        _start(node.started_at_ms, run),
        "-" if node.duration_ms is None else duration(node.duration_ms),
        one_line(", ".join(node.waits_for)),
    )


def _start(at_ms: int | None, run: RunRecord) -> str:
    """Return when a node started; on a terminal, how long after the run."""
    begin = run.started_at_ms or run.created_at_ms
    if at_ms is None or not terminal.is_terminal():
        return timestamp(at_ms)
    return f"+{duration(max(at_ms - begin, 0))}"


def _show_failure(run: RunRecord) -> None:
    failure = run.checkpoint.last_failure
    if failure is None:
        return
    kind = f" ({failure.failure_kind})" if failure.failure_kind else ""
    output.print_message()
    output.print_content(
        one_line(f"Failure of {failure.node_id} at {timestamp(failure.failed_at_ms)}{kind}:")
    )
    output.print_paragraph(failure.reason)


def _show_gate(run: RunRecord) -> None:
    gate = run.checkpoint.awaiting_gate
    if gate is None:
        return
    output.print_message()
    output.print_content(
        one_line(f"Waiting at the gate {gate.node_id} since {timestamp(gate.requested_at_ms)}:")
    )
    output.print_paragraph(gate.title)
    if gate.instructions:
        output.print_paragraph(gate.instructions)
    if gate.decisions:
        output.print_content(f"  Decisions: {one_line(' / '.join(gate.decisions))}")


def _show_events(run: RunRecord, given: str, *, everything: bool) -> None:
    history = run.checkpoint.lifecycle_history
    if not history:
        return
    shown = history if everything else history[-_LAST_EVENTS:]
    output.print_message()
    if len(shown) < len(history):
        command = f"tandem-store runs show {shlex.quote(given)} --events"
        output.print_message(f"Last {len(shown)} of {len(history)} events; to show all: {command}")
    else:
        output.print_message(f"Events: {len(history)}")
    rows = [
        (timestamp(event.recorded_at_ms), one_line(event.event), _node(event), _reason(event))
        for event in shown
    ]
    output.print_table(
        ("WHEN", "EVENT", "NODE", "REASON"), rows, cut="REASON", optional=("REASON", "NODE")
    )


def _node(event: AutomationLifecycleRecord) -> str:
    return one_line(node_of(event) or "-")


def _reason(event: AutomationLifecycleRecord) -> str:
    return one_line(event.reason or "")
