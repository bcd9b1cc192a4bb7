"""Store runs, their documents by month, and the ledger of imports.

Revision: 0001, the first
"""

from __future__ import annotations

import re

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

CODE = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
SURROGATE = sa.BigInteger().with_variant(sa.Integer, "sqlite")
MONTH_TABLE = re.compile(r"run_documents_\d{4}_\d{2}")


def upgrade() -> None:
    create_snapshots()
    create_runs()
    create_documents()
    create_automations()
    create_months()
    create_imports()
    create_files()
    create_entries()
    create_quarantine()


def create_snapshots() -> None:
    op.create_table(
        "automation_snapshots",
        sa.Column("id", SURROGATE, nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("schema_version", sa.Integer, nullable=False),
        sa.Column("encoding", CODE, nullable=False),
        sa.Column("document", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_automation_snapshots"),
        sa.UniqueConstraint("digest", name="uq_automation_snapshots_digest"),
    )


def create_runs() -> None:
    op.create_table(
        "runs",
        sa.Column("run_id", CODE, nullable=False),
        sa.Column("month", sa.Integer, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("schema_version", sa.Integer, nullable=False),
        sa.Column("org_id", CODE, nullable=False),
        sa.Column("workspace_id", CODE, nullable=False),
        sa.Column("deployment_id", CODE),
        sa.Column("automation_id", CODE, nullable=False),
        sa.Column("trigger_type", CODE, nullable=False),
        sa.Column("status", CODE, nullable=False),
        sa.Column("stop_kind", CODE),
        sa.Column("created_at_ms", sa.BigInteger, nullable=False),
        sa.Column("updated_at_ms", sa.BigInteger, nullable=False),
        sa.Column("started_at_ms", sa.BigInteger),
        sa.Column("finished_at_ms", sa.BigInteger),
        sa.Column("completed_nodes", sa.Integer),
        sa.Column("pending_nodes", sa.Integer),
        sa.Column("blocked_nodes", sa.Integer),
        sa.Column("failed_node", sa.Text),
        sa.Column("failure_reason", sa.Text),
        sa.Column("detail", sa.Text),
        sa.Column("prompt_tokens", sa.BigInteger),
        sa.Column("completion_tokens", sa.BigInteger),
        sa.Column("total_tokens", sa.BigInteger),
        sa.Column("estimated_cost_usd", sa.Double),
        sa.Column("snapshot_id", SURROGATE),
        sa.Column("imported", sa.Boolean, nullable=False),
        sa.Column("claimed_by", sa.Text),
        sa.Column("claim_epoch", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("claim_expires_at_ms", sa.BigInteger),
        sa.PrimaryKeyConstraint("run_id", name="pk_runs"),
        sa.UniqueConstraint("run_id", "month", name="uq_runs_run_id_month"),
        sa.CheckConstraint("revision >= 1", name=op.f("ck_runs_revision")),
        sa.ForeignKeyConstraint(
            ["snapshot_id"],
            ["automation_snapshots.id"],
            name="fk_runs_snapshot_id_automation_snapshots",
        ),
    )
    place = ["created_at_ms", "run_id"]
    op.create_index("ix_runs_created", "runs", place)
    op.create_index("ix_runs_automation", "runs", ["automation_id", *place])
    op.create_index("ix_runs_status", "runs", ["status", *place])
    op.create_index("ix_runs_tenant", "runs", ["org_id", "workspace_id", *place])
    op.create_index(
        "ix_runs_statistics",
        "runs",
        ["month", "automation_id", "status", "total_tokens", "estimated_cost_usd"],
    )
    has_snapshot = sa.text("snapshot_id IS NOT NULL")
    op.create_index(
        "ix_runs_snapshot",
        "runs",
        ["snapshot_id"],
        sqlite_where=has_snapshot,
        postgresql_where=has_snapshot,
    )


def create_documents() -> None:
    native = op.get_bind().dialect.name == "postgresql"
    # A partitioned table must have the partition's column in its key. Elsewhere a month has one
    # value of it, and the shorter key is enough.
    key = ["month", "run_id"] if native else ["run_id"]
    op.create_table(
        "run_documents",
        sa.Column("run_id", CODE, nullable=False),
        sa.Column("month", sa.Integer, nullable=False),
        sa.Column("schema_version", sa.Integer, nullable=False),
        sa.Column("encoding", CODE, nullable=False),
        sa.Column("document", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint(*key, name="pk_run_documents"),
        sa.ForeignKeyConstraint(
            ["run_id", "month"],
            ["runs.run_id", "runs.month"],
            name="fk_run_documents_run_id_month_runs",
            deferrable=True,
            initially="DEFERRED",
        ),
        postgresql_partition_by="RANGE (month)",
    )
    if native:
        # The documents are compressed before they get here; trying again only costs time.
        op.execute("ALTER TABLE run_documents ALTER COLUMN document SET STORAGE EXTERNAL")


def create_automations() -> None:
    op.create_table(
        "automations",
        sa.Column("automation_id", CODE, nullable=False),
        sa.Column("schema_version", sa.Integer, nullable=False),
        sa.Column("name", sa.Text),
        sa.Column("status", CODE),
        sa.Column("updated_at_ms", sa.BigInteger),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("encoding", CODE, nullable=False),
        sa.Column("document", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("automation_id", name="pk_automations"),
    )


def create_months() -> None:
    op.create_table(
        "months",
        sa.Column("month", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("state", CODE, nullable=False),
        sa.Column("attached_at_ms", sa.BigInteger, nullable=False),
        sa.Column("detached_at_ms", sa.BigInteger),
        sa.PrimaryKeyConstraint("month", name="pk_months"),
        sa.CheckConstraint("state IN ('attached', 'detached')", name=op.f("ck_months_state")),
    )


def create_imports() -> None:
    op.create_table(
        "imports",
        sa.Column("id", SURROGATE, nullable=False),
        sa.Column("root", sa.Text, nullable=False),
        sa.Column("state", CODE, nullable=False),
        sa.Column("strict", sa.Boolean, nullable=False),
        sa.Column("started_at_ms", sa.BigInteger, nullable=False),
        sa.Column("finished_at_ms", sa.BigInteger),
        sa.Column("tool_version", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_imports"),
        sa.CheckConstraint(
            "state IN ('scanning', 'settling', 'done')", name=op.f("ck_imports_state")
        ),
    )


def create_files() -> None:
    op.create_table(
        "import_directories",
        sa.Column("id", SURROGATE, nullable=False),
        sa.Column("path", CODE, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_import_directories"),
        sa.UniqueConstraint("path", name="uq_import_directories_path"),
    )
    op.create_table(
        "import_files",
        sa.Column("id", SURROGATE, nullable=False),
        sa.Column("directory_id", SURROGATE, nullable=False),
        sa.Column("name", CODE, nullable=False),
        sa.Column("import_id", SURROGATE, nullable=False),
        sa.Column("source", CODE, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("mtime_ns", sa.BigInteger, nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("complete", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_import_files"),
        sa.UniqueConstraint("directory_id", "name", name="uq_import_files_directory_id_name"),
        sa.ForeignKeyConstraint(
            ["directory_id"],
            ["import_directories.id"],
            name="fk_import_files_directory_id_import_directories",
        ),
        sa.ForeignKeyConstraint(
            ["import_id"], ["imports.id"], name="fk_import_files_import_id_imports"
        ),
    )


def create_entries() -> None:
    op.create_table(
        "import_entries",
        sa.Column("id", SURROGATE, nullable=False),
        sa.Column("import_id", SURROGATE, nullable=False),
        sa.Column("file_id", SURROGATE, nullable=False),
        sa.Column("seen_import_id", SURROGATE, nullable=False),
        sa.Column("ordinal", sa.BigInteger, nullable=False),
        sa.Column("start", sa.BigInteger),
        sa.Column("value", sa.BigInteger),
        sa.Column("stop", sa.BigInteger),
        sa.Column("key", sa.Text),
        sa.Column("run_id", CODE),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("month", sa.Integer),
        sa.Column("kind", sa.SmallInteger),
        sa.Column("tenant", sa.LargeBinary(8)),
        sa.Column("automation", sa.LargeBinary(8)),
        sa.Column("updated_at_ms", sa.BigInteger),
        sa.Column("outputs", sa.Integer),
        sa.Column("parts", sa.SmallInteger),
        sa.Column("outcome", CODE),
        sa.Column("reason", CODE),
        sa.Column("revision", sa.Integer),
        sa.PrimaryKeyConstraint("id", name="pk_import_entries"),
        sa.ForeignKeyConstraint(
            ["import_id"], ["imports.id"], name="fk_import_entries_import_id_imports"
        ),
        sa.ForeignKeyConstraint(
            ["file_id"], ["import_files.id"], name="fk_import_entries_file_id_import_files"
        ),
    )
    op.create_index("ix_import_entries_file", "import_entries", ["file_id", "ordinal"])
    op.create_index("ix_import_entries_run", "import_entries", ["run_id"])
    undecided = sa.text("outcome IS NULL")
    op.create_index(
        "ix_import_entries_open",
        "import_entries",
        ["import_id", "run_id"],
        sqlite_where=undecided,
        postgresql_where=undecided,
    )


def create_quarantine() -> None:
    op.create_table(
        "quarantine",
        sa.Column("id", SURROGATE, nullable=False),
        sa.Column("import_id", SURROGATE),
        sa.Column("entry_id", SURROGATE),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("layout", CODE, nullable=False),
        sa.Column("key", sa.Text),
        sa.Column("start", sa.BigInteger),
        sa.Column("stop", sa.BigInteger),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("reason", CODE, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("encoding", CODE),
        sa.Column("raw", sa.LargeBinary),
        sa.Column("kept_in_source", sa.Boolean, nullable=False),
        sa.Column("created_at_ms", sa.BigInteger, nullable=False),
        sa.Column("discarded_at_ms", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_quarantine"),
        sa.ForeignKeyConstraint(
            ["import_id"], ["imports.id"], name="fk_quarantine_import_id_imports"
        ),
        sa.ForeignKeyConstraint(
            ["entry_id"], ["import_entries.id"], name="fk_quarantine_entry_id_import_entries"
        ),
    )
    op.create_index("ix_quarantine_digest", "quarantine", ["digest"])


def downgrade() -> None:
    present = set(sa.inspect(op.get_bind()).get_table_names())
    announce_loss(present)
    for name in sorted(filter(MONTH_TABLE.fullmatch, present)):
        op.drop_table(name)
    for name in (
        "quarantine",
        "import_entries",
        "import_files",
        "import_directories",
        "imports",
        "months",
        "automations",
        "run_documents",
        "runs",
        "automation_snapshots",
    ):
        op.drop_table(name)


def announce_loss(present: set[str]) -> None:
    bind = op.get_bind()
    months = sum(1 for name in present if MONTH_TABLE.fullmatch(name))
    counts = {
        name: bind.scalar(sa.select(sa.func.count()).select_from(sa.table(name)))
        for name in ("runs", "automations", "import_entries", "quarantine")
    }
    lost = ", ".join(f"{count} {name}" for name, count in counts.items())
    config = op.get_context().config
    if config is not None:
        config.print_stdout("This removes everything: %s, %s months.", lost, months)
