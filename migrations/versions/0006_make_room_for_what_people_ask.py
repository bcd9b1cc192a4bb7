"""Make room for what people ask of a run, and list runs in other orders.

The columns repeat what only documents say so far: what a run waits for, its last event, its
attempts and so on. They are empty until 0007, which fills them.

Revision: 0006, after 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

CODE = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
COLUMNS = {
    "automation_name": sa.Text,
    "workspace_root": sa.Text,
    "execution_profile": CODE,
    "definition_version": CODE,
    "duration_ms": sa.BigInteger,
    "waits_for": CODE,
    "waits_for_detail": sa.Text,
    "gate_node": sa.Text,
    "gate_requested_at_ms": sa.BigInteger,
    "gate_expires_at_ms": sa.BigInteger,
    "not_due_before_ms": sa.BigInteger,
    "last_event": sa.Text,
    "last_event_at_ms": sa.BigInteger,
    "attempts": sa.BigInteger,
    "nodes_attempted": sa.Integer,
    "outputs_failed_validation": sa.Integer,
    "needs_repair": sa.Boolean,
    "gates_decided": sa.Integer,
}
#: What each of the new orders sorts by.
ORDERS = {
    "ix_runs_updated": "updated_at_ms",
    "ix_runs_finished": "finished_at_ms",
    "ix_runs_duration": "duration_ms",
    "ix_runs_cost": "estimated_cost_usd",
    "ix_runs_tokens": "total_tokens",
}
#: What statistics add up, by the time of creation instead of the month, and what else is looked up.
STATISTICS = [
    "created_at_ms",
    "automation_id",
    "status",
    "trigger_type",
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "estimated_cost_usd",
    "duration_ms",
]
OLD_STATISTICS = [
    "month",
    "automation_id",
    "status",
    "total_tokens",
    "estimated_cost_usd",
    "trigger_type",
]
#: The queue of the workers, to which the time is added before which a run is not due.
QUEUE = ["status", "imported", "created_at_ms", "run_id"]
IN_QUEUE = "status = 'queued' AND claimed_by IS NULL"


def upgrade() -> None:
    for name, kind in COLUMNS.items():
        op.add_column("runs", sa.Column(name, kind))
    for name, column in ORDERS.items():
        op.create_index(name, "runs", [column, "run_id"])
    op.create_index("ix_runs_month", "runs", ["month"])
    op.create_index("ix_runs_owner", "runs", ["org_id", "workspace_id", "automation_id"])
    op.drop_index("ix_runs_statistics", "runs")
    op.create_index("ix_runs_statistics", "runs", STATISTICS)
    op.drop_index("ix_runs_queue", "runs")
    partial("ix_runs_queue", [*QUEUE, "not_due_before_ms"], IN_QUEUE)
    partial("ix_runs_due", ["not_due_before_ms"], "not_due_before_ms IS NOT NULL")
    partial(
        "ix_runs_waiting",
        ["waits_for", "gate_requested_at_ms", "run_id"],
        "waits_for IS NOT NULL",
    )


def downgrade() -> None:
    others = ("ix_runs_waiting", "ix_runs_due", "ix_runs_queue", "ix_runs_statistics")
    for name in (*others, "ix_runs_owner", "ix_runs_month", *reversed(ORDERS)):
        op.drop_index(name, "runs")
    op.create_index("ix_runs_statistics", "runs", OLD_STATISTICS)
    partial("ix_runs_queue", QUEUE, IN_QUEUE)
    for name in reversed(COLUMNS):
        op.drop_column("runs", name)


def partial(name: str, columns: list[str], where: str) -> None:
    """Create an index of the rows that satisfy a condition."""
    condition = sa.text(where)
    op.create_index(name, "runs", columns, sqlite_where=condition, postgresql_where=condition)
