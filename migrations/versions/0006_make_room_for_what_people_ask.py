"""Add columns for what people ask about runs, and indexes to sort by.

The columns repeat what only documents say so far: what a run waits for, its last event, its
attempts and so on. They are empty until 0007, which fills them.

Revision: 0006, after 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from alembic.util import CommandError

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
#: For the orders of lists, for what is looked up by month, and for the automations of a tenant.
NEW_INDEXES = {
    "ix_runs_updated": ["updated_at_ms", "run_id"],
    "ix_runs_finished": ["finished_at_ms", "run_id"],
    "ix_runs_duration": ["duration_ms", "run_id"],
    "ix_runs_cost": ["estimated_cost_usd", "run_id"],
    "ix_runs_tokens": ["total_tokens", "run_id"],
    "ix_runs_month": ["month"],
    "ix_runs_owner": ["org_id", "workspace_id", "automation_id"],
}
#: For what waits, and for what is due next: of the few rows that do.
PARTIAL_INDEXES = {
    "ix_runs_due": (["not_due_before_ms"], "not_due_before_ms IS NOT NULL"),
    "ix_runs_waiting": (["waits_for", "gate_requested_at_ms", "run_id"], "waits_for IS NOT NULL"),
}
#: What statistics add up, which go by the time of creation instead of the month.
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
#: What the texts of one row of an index may have together, in bytes.
LONGEST_TOGETHER = 2_600
#: The queue of the workers, to which the time is added before which a run is not due.
QUEUE = ["status", "imported", "created_at_ms", "run_id"]
IN_QUEUE = "status = 'queued' AND claimed_by IS NULL"


def upgrade() -> None:
    # A column keeps readers out on PostgreSQL, and an index those who write. So they are committed
    # one by one there, and what a kill left is passed over.
    again = op.get_bind().dialect.name == "postgresql"
    if again:
        refuse_long_ids(op.get_bind())
    for name, kind in COLUMNS.items():
        op.add_column("runs", sa.Column(name, kind), if_not_exists=again)
    for name, columns in NEW_INDEXES.items():
        commit(again)
        op.create_index(name, "runs", columns, if_not_exists=again)
    for name, (columns, where) in PARTIAL_INDEXES.items():
        commit(again)
        partial(name, columns, where, if_not_exists=again)
    commit(again)
    op.drop_index("ix_runs_statistics", "runs")
    op.create_index("ix_runs_statistics", "runs", STATISTICS)
    commit(again)
    op.drop_index("ix_runs_queue", "runs")
    partial("ix_runs_queue", [*QUEUE, "not_due_before_ms"], IN_QUEUE)


def downgrade() -> None:
    for name in ("ix_runs_queue", "ix_runs_statistics", *PARTIAL_INDEXES, *NEW_INDEXES):
        op.drop_index(name, "runs")
    op.create_index("ix_runs_statistics", "runs", OLD_STATISTICS)
    partial("ix_runs_queue", QUEUE, IN_QUEUE)
    for name in reversed(COLUMNS):
        op.drop_column("runs", name)


def refuse_long_ids(bind: sa.Connection) -> None:
    """Raise if a run has ids that a row of ix_runs_owner cannot hold: no one asked that before."""
    runs = sa.table("runs", *map(sa.column, ["run_id", *NEW_INDEXES["ix_runs_owner"]]))
    length = sum(sa.func.octet_length(runs.c[name]) for name in NEW_INDEXES["ix_runs_owner"])
    run_id = bind.scalar(sa.select(runs.c.run_id).where(length > LONGEST_TOGETHER).limit(1))
    if run_id is not None:
        raise CommandError(
            f"Organisation, workspace and automation of the run {run_id!r} have more than "
            f"{LONGEST_TOGETHER:,} bytes together, which no index holds. Export and delete such "
            "runs with the version before, then upgrade again."
        )


def commit(is_wanted: bool) -> None:
    """Commit what was done, within a revision, and begin a transaction again."""
    if is_wanted:
        with op.get_context().autocommit_block():
            pass


def partial(name: str, columns: list[str], where: str, *, if_not_exists: bool = False) -> None:
    """Create an index of the rows that satisfy a condition."""
    condition = sa.text(where)
    op.create_index(
        name,
        "runs",
        columns,
        sqlite_where=condition,
        postgresql_where=condition,
        if_not_exists=if_not_exists,
    )
