"""The list of pending approvals: short on a terminal, complete anywhere else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from tandem_store import PendingApproval
from tandem_store.cli import output, terminal
from tandem_store.cli.run_ids import shorten, without_prefix
from tandem_store.cli.views.table import Cell, Styled
from tandem_store.cli.views.values import age, one_line, timestamp

_COMPLETE: Final = (
    "REQUESTED",
    "EXPIRES",
    "OVERDUE",
    "RUN",
    "AUTOMATION",
    "TENANT",
    "NODE",
    "TITLE",
)
_SHORT: Final = ("RUN", "AGE", "EXPIRES", "AUTOMATION", "NODE", "TITLE")
#: The columns that a narrow terminal leaves out, in this order.
_OPTIONAL: Final = ("AUTOMATION", "NODE", "TITLE")
_WIDEST_NAME: Final = 32


def to_json(approval: PendingApproval) -> dict[str, Any]:
    """Return an approval as a JSON object."""
    return asdict(approval)


def show(approvals: Sequence[PendingApproval], next_cursor: str | None, now_ms: int) -> None:
    """Print the approvals."""
    if not approvals:
        output.print_note("No approvals are pending.")
        return
    if terminal.is_terminal():
        _show_short(approvals, now_ms)
    else:
        output.print_table(_COMPLETE, map(_complete_row, approvals))
    if next_cursor is not None:
        output.print_note(
            f"There are more approvals. Repeat the command with --cursor {next_cursor}"
        )


def _complete_row(approval: PendingApproval) -> tuple[str, ...]:
    tenant = (approval.org_id, approval.workspace_id, approval.deployment_id)
    return (
        timestamp(approval.requested_at_ms),
        timestamp(approval.expires_at_ms),
        "yes" if approval.overdue else "no",
        approval.run_id,
        approval.automation_id,
        "/".join(filter(None, tenant)),
        one_line(approval.node_id),
        one_line(approval.title),
    )


def _show_short(approvals: Sequence[PendingApproval], now_ms: int) -> None:
    ids = shorten(one.run_id for one in approvals)
    rows: list[tuple[Cell, ...]] = [
        (
            ids[one.run_id],
            age(one.requested_at_ms, now_ms),
            _expiry(one, now_ms),
            one_line(one.automation_name or without_prefix(one.automation_id), _WIDEST_NAME),
            one_line(one.node_id, _WIDEST_NAME),
            one_line(one.title),
        )
        for one in approvals
    ]
    output.print_table(_SHORT, rows, align="lr", cut="TITLE", optional=_OPTIONAL)


def _expiry(approval: PendingApproval, now_ms: int) -> Cell:
    if approval.expires_at_ms is None:
        return "-"
    if approval.overdue:
        return Styled(f"overdue {age(approval.expires_at_ms, now_ms)}", "red")
    return age(approval.expires_at_ms, now_ms)
