"""Let workers claim runs: find the next one by index, and tell claims apart by a token.

A tenant's runs are found by index as well.

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
    op.add_column("runs", sa.Column("claim_token", sa.BigInteger))
    place = ["created_at_ms", "run_id"]
    op.create_index(
        "ix_runs_deployment", "runs", ["org_id", "workspace_id", "deployment_id", *place]
    )
    in_queue = sa.text("status = 'queued' AND claimed_by IS NULL")
    op.create_index(
        "ix_runs_queue",
        "runs",
        ["status", "imported", *place],
        sqlite_where=in_queue,
        postgresql_where=in_queue,
    )
    is_claimed = sa.text("claimed_by IS NOT NULL")
    op.create_index(
        "ix_runs_leases",
        "runs",
        ["status", "claim_expires_at_ms"],
        sqlite_where=is_claimed,
        postgresql_where=is_claimed,
    )
    op.drop_index("ix_runs_statistics", "runs")
    op.create_index("ix_runs_statistics", "runs", [*STATISTICS, "trigger_type"])


def downgrade() -> None:
    op.drop_index("ix_runs_statistics", "runs")
    op.create_index("ix_runs_statistics", "runs", STATISTICS)
    for name in ("ix_runs_leases", "ix_runs_queue", "ix_runs_deployment"):
        op.drop_index(name, "runs")
    op.drop_column("runs", "claim_token")
