"""Fill in what people ask of a run, from its document; from here on its version is 2.

The first data revision. It walks each month by key. A batch of runs gets its columns, and runs and
documents their new version, in one transaction; what was committed is not done again after a kill.
Services may go on meanwhile: a run that a service of the older version writes behind the walk is
found by the next one, and the last walk keeps writers out. Runs whose document cannot be read, or
was forgotten, keep empty columns. What a record says does not change.

Revision: 0007, after 0006
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Iterator

import orjson
import sqlalchemy as sa
from alembic import op

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

OLD, NEW = 1, 2
MONTH_TABLE = re.compile(r"run_documents_(\d{4})_(\d{2})")
#: Runs in one transaction. Writers wait for it: some hundredths of a second.
BATCH = 200
#: Documents in memory at a time.
READ = 10
#: Of the time that a batch took, how much is left to those who waited for its end.
PAUSE = 0.25
#: Seconds between two lines about the progress.
TELL_S = 5.0
LARGEST = 2**63 - 1

RUNS = sa.table(
    "runs",
    *map(
        sa.column,
        ("run_id", "month", "schema_version", "status", "snapshot_id"),
    ),
    *(sa.column(name, sa.BigInteger) for name in ("started_at_ms", "finished_at_ms")),
    *map(
        sa.column,
        (
            "automation_name",
            "workspace_root",
            "execution_profile",
            "definition_version",
            "duration_ms",
            "waits_for",
            "waits_for_detail",
            "gate_node",
            "gate_requested_at_ms",
            "gate_expires_at_ms",
            "not_due_before_ms",
            "last_event",
            "last_event_at_ms",
            "attempts",
            "nodes_attempted",
            "outputs_failed_validation",
        ),
    ),
    sa.column("needs_repair", sa.Boolean),
    sa.column("gates_decided"),
)
SNAPSHOTS = sa.table("automation_snapshots", *map(sa.column, ("id", "encoding", "document")))
DICTIONARIES = sa.table("dictionaries", *map(sa.column, ("id", "content")))
MONTHS = sa.table("months", *map(sa.column, ("month", "state")))
FACTS = tuple(column.name for column in RUNS.c)[7:]
#: What a document that cannot be read may raise.
DAMAGE = (zstd.ZstdError, ValueError, LookupError, TypeError, AttributeError)


def upgrade() -> None:
    bind = op.get_bind()
    is_old = sa.select(sa.func.count()).select_from(RUNS).where(RUNS.c.schema_version < NEW)
    progress = Progress(bind.scalar(is_old))
    while walk(bind, progress):
        pass
    # Nobody can write from here to the end of the transaction; SQLite lets nobody in anyway.
    if bind.dialect.name == "postgresql":
        bind.execute(sa.text("LOCK TABLE runs IN SHARE ROW EXCLUSIVE MODE"))
    for table, month in document_tables(bind):
        for _ in fill(bind, table, month, progress):
            pass
    # Those without any document: they are damaged, and stay so.
    bind.execute(sa.update(RUNS).where(RUNS.c.schema_version < NEW).values(schema_version=NEW))
    progress.end()


def downgrade() -> None:
    """Number the runs as before; the columns go with 0006, and no record is touched."""
    bind = op.get_bind()
    bind.execute(sa.update(RUNS).where(RUNS.c.schema_version == NEW).values(schema_version=OLD))
    for table, month in document_tables(bind):
        is_new = sa.and_(table.c.schema_version == NEW, *in_month(table, month))
        bind.execute(sa.update(table).where(is_new).values(schema_version=OLD))


def walk(bind: sa.Connection, progress: Progress) -> int:
    """Fill in the runs of all months, and commit each batch; return how many there were."""
    filled = 0
    for table, month in document_tables(bind):
        began = time.monotonic()
        for count in fill(bind, table, month, progress):
            filled += count
            # The way to commit within a revision: it commits, and begins a transaction again.
            with op.get_context().autocommit_block():
                pass
            time.sleep(PAUSE * (time.monotonic() - began))
            began = time.monotonic()
    return filled


def document_tables(bind: sa.Connection) -> Iterator[tuple[sa.TableClause, int | None]]:
    """Yield the tables that have documents, each with the month to look for in it."""
    if bind.dialect.name == "postgresql":
        attached = sa.select(MONTHS.c.month).where(MONTHS.c.state == "attached")
        for month in bind.scalars(attached.order_by(MONTHS.c.month)).all():
            yield documents("run_documents"), month
        return
    for name in sorted(filter(MONTH_TABLE.fullmatch, sa.inspect(bind).get_table_names())):
        yield documents(name), None


def documents(name: str) -> sa.TableClause:
    names = ("run_id", "month", "schema_version", "encoding", "document")
    return sa.table(name, *map(sa.column, names))


def in_month(table: sa.TableClause, month: int | None) -> list[sa.ColumnElement]:
    """Return the condition that keeps PostgreSQL to one partition."""
    return [] if month is None else [table.c.month == month]


def fill(
    bind: sa.Connection, table: sa.TableClause, month: int | None, progress: Progress
) -> Iterator[int]:
    """Fill in the runs of one month, and yield the number of each batch before it is committed."""
    query = (
        sa.select(
            RUNS.c.run_id,
            RUNS.c.status,
            RUNS.c.started_at_ms,
            RUNS.c.finished_at_ms,
            table.c.encoding,
            table.c.document,
            SNAPSHOTS.c.encoding.label("snapshot_encoding"),
            SNAPSHOTS.c.document.label("snapshot"),
        )
        .join_from(RUNS, table, table.c.run_id == RUNS.c.run_id)
        .outerjoin(SNAPSHOTS, SNAPSHOTS.c.id == RUNS.c.snapshot_id)
        .where(RUNS.c.schema_version < NEW, *in_month(table, month))
        .order_by(table.c.run_id)
        .limit(BATCH)
        # On PostgreSQL, so that no service writes a run between this and the update.
        .with_for_update(of=RUNS)
    )
    decode = decoder(bind)
    last = None
    while True:
        behind = [] if last is None else [table.c.run_id > last]
        with bind.execute(query.where(*behind), execution_options={"yield_per": READ}) as rows:
            filled = [{"of_run": row.run_id, **facts_of(row, decode)} for row in rows]
        if not filled:
            return
        write(bind, table, month, filled)
        progress.add(len(filled))
        last = filled[-1]["of_run"]
        yield len(filled)


def write(
    bind: sa.Connection, table: sa.TableClause, month: int | None, filled: list[dict[str, object]]
) -> None:
    is_run = RUNS.c.run_id == sa.bindparam("of_run")
    values = {name: sa.bindparam(f"new_{name}", type_=RUNS.c[name].type) for name in FACTS}
    bind.execute(sa.update(RUNS).where(is_run).values(**values, schema_version=NEW), filled)
    ids = [row["of_run"] for row in filled]
    is_theirs = sa.and_(table.c.run_id.in_(ids), *in_month(table, month))
    bind.execute(sa.update(table).where(is_theirs).values(schema_version=NEW))


def decoder(bind: sa.Connection) -> Callable[[bytes, str], dict]:
    """Return the function that reads documents of any encoding."""
    stored = bind.execute(sa.select(DICTIONARIES)).all()
    dictionaries = {row.id: zstd.ZstdDict(zstd.decompress(row.content)) for row in stored}
    packaged = packaged_dictionary()
    dictionaries[packaged.dict_id] = packaged

    def decode(document: bytes, encoding: str) -> dict:
        if encoding == "json":
            return orjson.loads(document)
        wanted = zstd.get_frame_info(document).dictionary_id
        dictionary = dictionaries[wanted] if wanted else None
        return orjson.loads(zstd.decompress(document, zstd_dict=dictionary))

    return decode


def packaged_dictionary() -> zstd.ZstdDict:
    """Return the dictionary of the package, which revision 0004 has a copy of."""
    from base64 import b64decode

    scripts = op.get_context().environment_context.script
    return zstd.ZstdDict(b64decode(scripts.get_revision("0004").module.PACKAGED_DICTIONARY))


def facts_of(row: sa.Row, decode: Callable[[bytes, str], dict]) -> dict[str, object]:
    """Return the columns of a run; all empty if its document cannot be read."""
    facts = dict.fromkeys(FACTS)
    try:
        if row.encoding != "forgotten":
            facts |= facts_of_document(row, decode)
    except DAMAGE:
        pass  # Doctor finds it, and who restores the document restores the columns with it.
    return {f"new_{name}": escaped(value) for name, value in facts.items()}


def facts_of_document(row: sa.Row, decode: Callable[[bytes, str], dict]) -> dict[str, object]:
    stored = decode(bytes(row.document), row.encoding)
    record, overlay = stored["record"], stored.get("snapshot_overlay", {})
    checkpoint = record["checkpoint"]
    definition = {}
    if row.snapshot is not None:
        definition = decode(bytes(row.snapshot), row.snapshot_encoding)
    attempts = checkpoint.get("node_attempts") or {}
    history = checkpoint.get("lifecycle_history") or [{}]
    return {
        "automation_name": overlay.get("/name", definition.get("name")),
        "workspace_root": overlay.get("/workspace_root", definition.get("workspace_root")),
        "execution_profile": record.get("effective_execution_profile", "strict"),
        "definition_version": record.get("workflow_definition_version"),
        "duration_ms": duration(row.started_at_ms, row.finished_at_ms),
        **waiting(row.status, record, checkpoint),
        "last_event": history[-1].get("event"),
        "last_event_at_ms": held(history[-1].get("recorded_at_ms")),
        "attempts": held(sum(attempts.values())),
        "nodes_attempted": len(attempts),
        **verdicts(checkpoint),
        "gates_decided": len(checkpoint.get("gate_history") or ()),
    }


def duration(started: int | None, finished: int | None) -> int | None:
    if started is None or finished is None or finished < started:
        return None
    return finished - started


def waiting(status: str, record: dict, checkpoint: dict) -> dict[str, object]:
    """Return what a run waits for; nothing for one that is over."""
    if status in ("completed", "failed", "cancelled"):
        return {}
    scheduler = record.get("scheduler") or {}
    reason = scheduler.get("queue_reason")
    found: dict[str, object] = {}
    if status == "queued" and reason == "retry_backoff":
        found["not_due_before_ms"] = held(scheduler.get("retry_after_ms"))
    gate = checkpoint.get("awaiting_gate")
    if gate is not None and status != "blocked":
        after = (gate.get("expiry_policy") or {}).get("expires_after_ms")
        requested = gate["requested_at_ms"]
        found |= {
            "waits_for": "approval",
            "waits_for_detail": gate["title"],
            "gate_node": gate["node_id"],
            "gate_requested_at_ms": held(requested),
            "gate_expires_at_ms": None if after is None else held(requested + after),
        }
    elif reason is not None:
        which = scheduler.get("resource_key") or scheduler.get("rate_limited_provider")
        found |= {"waits_for": reason, "waits_for_detail": which}
    elif checkpoint.get("blocked_nodes"):
        found |= {"waits_for": "blocked_node", "waits_for_detail": checkpoint["blocked_nodes"][0]}
    elif record.get("pause_reason") is not None:
        found |= {"waits_for": "pause", "waits_for_detail": record["pause_reason"]}
    return found


def verdicts(checkpoint: dict) -> dict[str, object]:
    """Return what is known of the checks of the outputs; nothing if the engine removed them."""
    outputs = checkpoint.get("node_outputs") or {}
    if not outputs and checkpoint.get("completed_nodes"):
        return {}
    values = [value for value in outputs.values() if isinstance(value, dict)]
    summaries = (value.get("validator_summary") for value in values)
    outcomes = [one.get("outcome") for one in summaries if isinstance(one, dict)]
    not_passed = ("failed", "blocked", "accepted_with_warnings")
    return {
        "outputs_failed_validation": sum(is_one_of(outcome, not_passed) for outcome in outcomes),
        "needs_repair": any(is_one_of(value.get("status"), ("needs_repair",)) for value in values),
    }


def is_one_of(word: object, words: tuple[str, ...]) -> bool:
    return isinstance(word, str) and word.isascii() and word.lower() in words


def held(number: int | None) -> int | None:
    return None if number is None else min(number, LARGEST)


def escaped(value: object) -> object:
    """Return a text as columns hold it: U+0000 and U+0001 behind an escape."""
    if not isinstance(value, str) or value.isprintable():
        return value
    return re.sub("[\x00\x01]", lambda match: f"\x01{ord(match[0]):02x}", value)


class Progress:
    """Tells whoever runs the upgrade how far it is, and how long it may still take."""

    def __init__(self, total: int) -> None:
        config = op.get_context().config
        self._show = None if config is None else config.attributes.get("progress")
        self._print = None if config is None else config.print_stdout
        self._done, self._total = 0, total
        self._began = self._told = time.monotonic()
        self._is_first = True

    def add(self, count: int) -> None:
        """Count what was done; the first batch is what the first estimate is made from."""
        self._done += count
        self._total = max(self._total, self._done)
        now = time.monotonic()
        if self._show is not None:
            self._show("filling in columns", self._done, self._total)
        elif self._is_first or now - self._told >= TELL_S:
            left = (now - self._began) / self._done * (self._total - self._done)
            self._say(f"{self._done:,} of {self._total:,} runs; about {left:,.0f} s left")
            self._told, self._is_first = now, False

    def end(self) -> None:
        """Tell what was done in all."""
        if self._show is None and self._done:
            took = time.monotonic() - self._began
            self._say(f"{self._done:,} runs in {took:,.0f} s")

    def _say(self, text: str) -> None:
        if self._print is not None:
            self._print("Revision %s: %s.", revision, text)
