"""Find the next run to work on, the lease to take over and a tenant's runs by index.

Revision: 0002, after 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

STATISTICS = ["month", "automation_id", "status", "total_tokens", "estimated_cost_usd"]


def upgrade() -> None:
    place = ["created_at_ms", "run_id"]
    op.create_index(
        "ix_runs_deployment", "runs", ["org_id", "workspace_id", "deployment_id", *place]
    )
    waiting = "status = 'queued' AND claimed_by IS NULL AND "
    op.create_index(
        "ix_runs_queue",
        "runs",
        place,
        sqlite_where=sa.text(waiting + "imported = 0"),
        postgresql_where=sa.text(waiting + "NOT imported"),
    )
    at_work = sa.text("claimed_by IS NOT NULL AND status IN ('queued', 'running', 'pausing')")
    op.create_index(
        "ix_runs_leases",
        "runs",
        ["claim_expires_at_ms"],
        sqlite_where=at_work,
        postgresql_where=at_work,
    )
    op.drop_index("ix_runs_statistics", "runs")
    op.create_index("ix_runs_statistics", "runs", [*STATISTICS, "trigger_type"])


def downgrade() -> None:
    op.drop_index("ix_runs_statistics", "runs")
    op.create_index("ix_runs_statistics", "runs", STATISTICS)
    for name in ("ix_runs_leases", "ix_runs_queue", "ix_runs_deployment"):
        op.drop_index(name, "runs")
