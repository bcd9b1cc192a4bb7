"""How two runs differ: what differs side by side, and what is the same in a line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from tandem_store.cli import output, terminal
from tandem_store.cli.run_ids import shorten
from tandem_store.cli.views.side_by_side import excerpts
from tandem_store.cli.views.status_colours import status
from tandem_store.cli.views.table import Cell, Styled
from tandem_store.cli.views.values import counted, dollars, duration, number, one_line, timestamp
from tandem_store.differences import ABSENT
from tandem_store.json_pointer import below, tokens
from tandem_store.jsontext import dumps

if TYPE_CHECKING:
    from tandem_store import RunDifference, RunRecord
    from tandem_store.differences import Change, ComparedField, ComparedNode, NodeResult

#: How many rows of a table are shown without ``--all``.
_SHOWN: Final = 15

Row = tuple[Cell, Cell, Cell]

_LABELS: Final = {
    "run_id": "Run",
    "automation_id": "Automation",
    "workflow_definition_version": "Version",
    "effective_execution_profile": "Profile",
    "org_id": "Organisation",
    "workspace_id": "Workspace",
    "deployment_id": "Deployment",
    "trigger_type": "Trigger",
    "trigger_reason": "Trigger reason",
    "status": "Status",
    "stop_kind": "Stop kind",
    "stop_reason": "Stop reason",
    "failed_node": "Failed node",
    "failure_reason": "Failure",
    "gate": "Waits at gate",
    "pause_reason": "Pause reason",
    "detail": "Detail",
    "created_at_ms": "Created",
    "started_at_ms": "Started",
    "finished_at_ms": "Finished",
    "updated_at_ms": "Updated",
    "duration_ms": "Took",
    "prompt_tokens": "Prompt tokens",
    "completion_tokens": "Completion tokens",
    "total_tokens": "Tokens",
    "estimated_cost_usd": "Cost in USD",
}


def note_other_automation(one: RunRecord, other: RunRecord) -> None:
    """Print a note on stderr if the runs are of different automations."""
    if one.automation_id != other.automation_id:
        output.print_note("Note: the runs are of different automations.")


def show(difference: RunDifference, headings: tuple[str, str], *, everything: bool) -> None:
    """Print how two runs differ; ``everything`` prints all rows of all tables."""
    if difference.empty:
        output.print_message("The runs do not differ.")
        return
    most = None if everything else _SHOWN
    _show_fields(difference.fields, headings)
    _show_definition(difference, headings, most)
    _show_nodes(difference.nodes, headings, most)
    _show_outputs(difference.nodes, headings, most)
    _show_others(difference.others, headings, everything=everything)


def _show_fields(fields: Sequence[ComparedField], headings: tuple[str, str]) -> None:
    if rows := [_field_row(field) for field in _without_last_updates(fields) if field.differs]:
        output.print_sides(("", *headings), rows)
    same = [_LABELS[one.name].lower() for one in fields if not one.differs and one.one]
    if same:
        output.print_message(f"The same: {', '.join(same)}")


def _without_last_updates(fields: Sequence[ComparedField]) -> list[ComparedField]:
    """Leave out the last updates if the runs were last updated when they ended."""
    by_name = {field.name: field for field in fields}
    finished, updated = by_name["finished_at_ms"], by_name["updated_at_ms"]
    ended = (finished.one, finished.other) == (updated.one, updated.other)
    return [field for field in fields if not (ended and field is updated)]


def _field_row(field: ComparedField) -> Row:
    one, other = _field_text(field.name, field.one), _field_text(field.name, field.other)
    if one == other:  # rounded, or without what makes them differ
        one, other = _json(field.one), _json(field.other)
    if field.name == "status":
        return _LABELS[field.name], status(one), status(other)
    if field.name == "run_id":
        ids = shorten((one, other)) if terminal.is_terminal() else {one: one, other: other}
        return _LABELS[field.name], ids[one], ids[other]
    return _LABELS[field.name], *excerpts(one, other)


def _field_text(name: str, value: Any) -> str:
    if value is None:
        return "-"
    if name == "duration_ms":
        return duration(value)
    if name == "estimated_cost_usd":
        return dollars(value)
    if name.endswith("_at_ms"):
        return timestamp(value)
    return one_line(value) if isinstance(value, str) else number(value)


def _show_definition(
    difference: RunDifference, headings: tuple[str, str], most: int | None
) -> None:
    if difference.definition:
        rows = [_change_row(change.path or "(all)", change) for change in difference.definition]
        _show_rows("DEFINITION", headings, rows, most)
    elif difference.has_definition:
        _show_line("Definition: the same")


def _show_nodes(nodes: Sequence[ComparedNode], headings: tuple[str, str], most: int | None) -> None:
    rows = [_node_row(node) for node in nodes if node.differs]
    _show_rows("NODE", headings, rows, most)
    same = [one_line(node.node_id) for node in nodes if not node.differs]
    if same:
        _show_same("Nodes", "Other nodes", len(same), rows)


def _node_row(node: ComparedNode) -> Row:
    one, other = _node_text(node.one), _node_text(node.other)
    if one == other:  # rounded
        one, other = _node_text(node.one, exact=True), _node_text(node.other, exact=True)
    return one_line(node.node_id), _coloured(one, node.one), _coloured(other, node.other)


def _node_text(result: NodeResult | None, *, exact: bool = False) -> str:
    if result is None:
        return "-"
    parts = [result.state]
    if result.attempts:
        parts.append(counted(result.attempts, "attempt"))
    if result.duration_ms is not None:
        took = result.duration_ms
        parts.append(f"{number(took)} ms" if exact else duration(took))
    return ", ".join(parts)


def _coloured(text: str, result: NodeResult | None) -> Cell:
    return text if result is None else status(result.state, text)


def _show_outputs(
    nodes: Sequence[ComparedNode], headings: tuple[str, str], most: int | None
) -> None:
    rows = [
        _change_row(below("", node.node_id) + change.path, change)
        for node in nodes
        for change in node.output
    ]
    _show_rows("OUTPUT", headings, rows, most)
    same = sum(node.has_output and not node.output for node in nodes)
    if same:
        _show_same("Outputs", "Other outputs", same, rows)


def _show_others(others: Sequence[Change], headings: tuple[str, str], *, everything: bool) -> None:
    if everything:
        _show_rows("OTHER", headings, [_change_row(one.path, one) for one in others], None)
    elif others:
        parts = Counter(_part(change) for change in others)
        named = ", ".join(f"{one_line(part)} ({number(count)})" for part, count in parts.items())
        _show_line(f"Other differences, shown by --all: {named}")


def _part(change: Change) -> str:
    path = tokens(change.path)
    return ".".join(path[: 2 if path[0] == "checkpoint" else 1])


def _change_row(label: str, change: Change) -> Row:
    one, other = excerpts(_json(change.one), _json(change.other))
    return one_line(label), Styled(one, "red"), Styled(other, "green")


def _json(value: Any) -> str:
    return "-" if value is ABSENT else one_line(dumps(value).decode())


def _show_rows(
    heading: str, headings: tuple[str, str], rows: Sequence[Row], most: int | None
) -> None:
    if not rows:
        return
    output.print_message()
    output.print_sides((heading, *headings), rows[:most])
    if most is not None and len(rows) > most:
        output.print_message(f"... and {number(len(rows) - most)} more; --all shows all.")


def _show_same(all_of_them: str, others: str, count: int, rows: Sequence[Row]) -> None:
    if rows:
        output.print_message(f"{others}: {number(count)} the same")
    else:
        _show_line(f"{all_of_them}: the same")


def _show_line(text: str) -> None:
    output.print_message()
    output.print_message(text)
