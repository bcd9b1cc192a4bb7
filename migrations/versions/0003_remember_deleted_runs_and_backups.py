"""Remember deleted runs and backups.

A run that is added again under the id of a deleted one goes on with its revisions, so that a change
that was prepared against the deleted run is never accepted. And `doctor` can say how old the last
backup is.

Revision: 0003, after 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

CODE = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
SURROGATE = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "deleted_runs",
        sa.Column("run_id", CODE, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("deleted_at_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("run_id", name="pk_deleted_runs"),
    )
    op.create_table(
        "backups",
        sa.Column("id", SURROGATE, nullable=False),
        sa.Column("taken_at_ms", sa.BigInteger, nullable=False),
        sa.Column("location", sa.Text, nullable=False),
        sa.Column("runs", sa.BigInteger, nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_backups"),
    )


def downgrade() -> None:
    bind = op.get_bind()
    lost = [
        bind.scalar(sa.select(sa.func.count()).select_from(sa.table(name)))
        for name in ("deleted_runs", "backups")
    ]
    config = op.get_context().config
    if config is not None:
        config.print_stdout("This forgets %s deleted runs and %s backups.", *lost)
    op.drop_table("backups")
    op.drop_table("deleted_runs")
