"""Keep account of detached months, and of what must not leave.

A month can be detached into an archive, which is a file of its own. What stays are the ids of its
runs and the totals of their tokens and cost, so that no figure about the past changes. Holds name
runs and automations that must stay. The views are for people who open the database themselves.

Revision: 0005, after 0004
"""

from __future__ import annotations

import re

import sqlalchemy as sa
from alembic import op
from alembic.util import CommandError
from sqlalchemy.schema import CreateView

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

CODE = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
SURROGATE = sa.BigInteger().with_variant(sa.Integer, "sqlite")

#: The times of a run, which the view has as times of the database's own kind, or as ISO 8601.
TIMES = ("created_at", "updated_at", "started_at", "finished_at")
MILLISECONDS_PER_DAY = 86_400_000
MONTH_TABLE = re.compile(r"run_documents_\d{4}_\d{2}")

#: The columns of ``runs`` that the views have, in the order of ``runs_readable``.
TEXTS = ("status", "automation_id", "org_id", "workspace_id", "deployment_id", "trigger_type")
NODES = ("completed_nodes", "pending_nodes", "blocked_nodes", "failed_node", "failure_reason")
#: What totals add up.
SUMS = ("prompt_tokens", "completion_tokens", "total_tokens", "estimated_cost_usd")
RUNS = sa.table(
    "runs",
    *map(sa.column, ("run_id", *TEXTS, "stop_kind", *NODES, "detail", *SUMS, "claimed_by")),
    *(sa.column(name, sa.BigInteger) for name in ("month", "revision")),
    *(sa.column(f"{name}_ms", sa.BigInteger) for name in TIMES),
)
MONTH_TOTALS = sa.table(
    "month_totals", *map(sa.column, ("day_ms", *TEXTS, "runs", *SUMS)), sa.column("archive_id")
)


def upgrade() -> None:
    op.create_table(
        "archives",
        sa.Column("id", SURROGATE, nullable=False),
        sa.Column("month", sa.Integer, nullable=False),
        sa.Column("location", sa.Text, nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("runs", sa.BigInteger, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("begun_at_ms", sa.BigInteger, nullable=False),
        sa.Column("detached_at_ms", sa.BigInteger),
        sa.Column("drop_due_at_ms", sa.BigInteger),
        sa.Column("dropped_at_ms", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_archives"),
    )
    op.create_table(
        "detached_runs",
        sa.Column("run_id", CODE, nullable=False),
        sa.Column("archive_id", SURROGATE, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("updated_at_ms", sa.BigInteger, nullable=False),
        sa.Column("org_id", CODE, nullable=False),
        sa.Column("workspace_id", CODE, nullable=False),
        sa.Column("deployment_id", CODE),
        sa.Column("automation_id", CODE, nullable=False),
        sa.PrimaryKeyConstraint("run_id", name="pk_detached_runs"),
        sa.ForeignKeyConstraint(
            ["archive_id"], ["archives.id"], name="fk_detached_runs_archive_id_archives"
        ),
    )
    op.create_index("ix_detached_runs_archive", "detached_runs", ["archive_id"])
    op.create_table(
        "month_totals",
        sa.Column("id", SURROGATE, nullable=False),
        sa.Column("archive_id", SURROGATE, nullable=False),
        sa.Column("day_ms", sa.BigInteger, nullable=False),
        sa.Column("automation_id", CODE, nullable=False),
        sa.Column("org_id", CODE, nullable=False),
        sa.Column("workspace_id", CODE, nullable=False),
        sa.Column("deployment_id", CODE),
        sa.Column("status", CODE, nullable=False),
        sa.Column("trigger_type", CODE, nullable=False),
        sa.Column("runs", sa.BigInteger, nullable=False),
        sa.Column("prompt_tokens", sa.BigInteger, nullable=False),
        sa.Column("completion_tokens", sa.BigInteger, nullable=False),
        sa.Column("total_tokens", sa.BigInteger, nullable=False),
        sa.Column("estimated_cost_usd", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_month_totals"),
        sa.ForeignKeyConstraint(
            ["archive_id"], ["archives.id"], name="fk_month_totals_archive_id_archives"
        ),
    )
    op.create_index("ix_month_totals_archive", "month_totals", ["archive_id"])
    op.create_table(
        "holds",
        sa.Column("kind", CODE, nullable=False),
        sa.Column("name", CODE, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("created_at_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("kind", "name", name="pk_holds"),
        sa.CheckConstraint("kind IN ('run', 'automation')", name=op.f("ck_holds_kind")),
    )
    op.create_table(
        "archive_origins",
        sa.Column("month", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("store", sa.Text, nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("runs", sa.BigInteger, nullable=False),
        sa.Column("quarantined", sa.BigInteger, nullable=False),
        sa.Column("made_at_ms", sa.BigInteger, nullable=False),
        sa.Column("tool_version", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("month", name="pk_archive_origins"),
    )
    op.execute(CreateView(readable(), "runs_readable"))
    op.execute(CreateView(totals_by_day(), "totals_by_day"))


def downgrade() -> None:
    bind = op.get_bind()
    refuse_to_lose(bind)
    held = bind.scalar(sa.select(sa.func.count()).select_from(sa.table("holds")))
    config = op.get_context().config
    if config is not None:
        config.print_stdout("This forgets %s holds.", held)
    op.execute("DROP VIEW totals_by_day")
    op.execute("DROP VIEW runs_readable")
    for name in ("archive_origins", "holds", "month_totals", "detached_runs", "archives"):
        op.drop_table(name)


def refuse_to_lose(bind: sa.Connection) -> None:
    """Raise an error if months are detached or dropped, or have forgotten content.

    Only these tables know of detached months; and for revision 0004, a run without content is
    damaged.
    """
    archives = sa.table("archives", sa.column("month"), sa.column("detached_at_ms"))
    left = sa.select(archives.c.month).where(archives.c.detached_at_ms.is_not(None))
    months = bind.scalars(left.order_by(archives.c.month)).all()
    forgotten = [name for name in month_tables(bind) if has_forgotten(bind, name)]
    if forgotten:
        raise CommandError(
            f"The content of runs in {', '.join(forgotten)} was forgotten, and revision 0004 does "
            "not know that. Attach the archive with their content, or delete these runs."
        )
    if months:
        raise CommandError(
            f"The months {', '.join(map(str, months))} were detached, and revision 0004 does not "
            "know that. Attach them first; what was dropped cannot come back."
        )


def month_tables(bind: sa.Connection) -> list[str]:
    """Return the names of the tables that have the documents of a month."""
    return sorted(filter(MONTH_TABLE.fullmatch, sa.inspect(bind).get_table_names()))


def has_forgotten(bind: sa.Connection, name: str) -> bool:
    """Return whether a table has a document whose content was forgotten."""
    encoding = sa.column("encoding")
    forgotten = sa.select(encoding).select_from(sa.table(name, encoding))
    return bind.execute(forgotten.where(encoding == "forgotten").limit(1)).first() is not None


def readable() -> sa.Select:
    """Return the runs as people read them."""
    run = RUNS.c
    return sa.select(
        run.run_id,
        month_label(run.month).label("month"),
        *(run[name] for name in (*TEXTS, "stop_kind")),
        *(as_time(run[f"{name}_ms"]).label(name) for name in TIMES),
        in_seconds(run.finished_at_ms - run.started_at_ms).label("duration_s"),
        *(run[name] for name in (*NODES, "detail", *SUMS, "claimed_by", "revision")),
    )


def totals_by_day() -> sa.Select:
    """Return runs, tokens and cost by the day of creation, with those of detached months."""
    day_ms = RUNS.c.created_at_ms // MILLISECONDS_PER_DAY * MILLISECONDS_PER_DAY
    groups = [RUNS.c[name] for name in TEXTS]
    attached = sa.select(
        day_ms.label("day_ms"),
        *groups,
        sa.func.count().label("runs"),
        *(sa.func.sum(RUNS.c[name]).label(name) for name in SUMS),
        sa.literal_column("1").label("attached"),
    ).group_by(day_ms, *groups)
    detached = sa.select(
        MONTH_TOTALS.c.day_ms,
        *(MONTH_TOTALS.c[name] for name in TEXTS),
        MONTH_TOTALS.c.runs,
        *(MONTH_TOTALS.c[name] for name in SUMS),
        sa.literal_column("0"),
    )
    together = attached.union_all(detached).subquery("together")
    return sa.select(
        as_day(together.c.day_ms).label("day"),
        *(together.c[name] for name in (*TEXTS, "runs", *SUMS, "attached")),
    )


def month_label(month: sa.ColumnElement) -> sa.ColumnElement:
    """Return a month as ``YYYY-MM``."""
    if op.get_bind().dialect.name == "sqlite":
        return sa.func.printf("%04d-%02d", month // 100, month % 100)
    return sa.func.to_char(month, "FM0000-00")


def in_seconds(milliseconds: sa.ColumnElement) -> sa.ColumnElement:
    """Return milliseconds as seconds with a fraction."""
    return milliseconds.self_group() / sa.literal(1_000.0)


def as_time(milliseconds: sa.ColumnElement) -> sa.ColumnElement:
    """Return milliseconds since 1970 as ISO 8601, UTC; on PostgreSQL as a time with a zone."""
    if op.get_bind().dialect.name == "sqlite":
        return sa.func.strftime("%Y-%m-%dT%H:%M:%fZ", in_seconds(milliseconds), "unixepoch")
    return sa.func.to_timestamp(in_seconds(milliseconds))


def as_day(milliseconds: sa.ColumnElement) -> sa.ColumnElement:
    """Return the day that begins at a time, as ``YYYY-MM-DD``; on PostgreSQL as a date."""
    if op.get_bind().dialect.name == "sqlite":
        return sa.func.strftime("%Y-%m-%d", in_seconds(milliseconds), "unixepoch")
    return sa.cast(sa.func.timezone("UTC", sa.func.to_timestamp(in_seconds(milliseconds))), sa.Date)
