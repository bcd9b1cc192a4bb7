"""Fill in the new columns from documents, and raise runs to version 2.

The first data revision. It walks each month by key. A batch of runs gets its columns, and runs and
documents their new version, in one transaction; what was committed is not done again after a kill.
Services of the older version may go on meanwhile. What they write where the walk has been already
is filled in by a second one, before which the database begins to refuse runs of version 1: a row
that a service writes after the upgrade would keep columns that its document contradicts. Runs whose
document cannot be read, or was forgotten, keep empty columns. What a record says does not change.

Revision: 0007, after 0006
"""

from __future__ import annotations

import re
import sys
import time
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

import orjson
import sqlalchemy as sa
from alembic import op
from alembic.script import ScriptDirectory
from alembic.util import CommandError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

OLD, NEW = 1, 2
MONTH_TABLE = re.compile(r"run_documents_\d{4}_\d{2}")
#: The most runs in one transaction, and the most bytes of their documents as they are stored, so
#: that neither memory nor the time that writers wait grows with the documents.
BATCH, BATCH_BYTES = 100, 4_000_000
#: Of the time that a batch takes, how much writers get before the next one, where only one can
#: write at a time.
PAUSE = {"sqlite": 0.5, "postgresql": 0.0}
#: Documents that an estimate reads of each month, and how many times longer than that the whole
#: takes: measured over 100,000 runs, on two cores.
SAMPLE = 20
WHOLE = {"sqlite": 6.0, "postgresql": 9.0}
#: Seconds between two lines about the progress.
TELL_S = 5.0
#: Definitions whose name and folder are remembered.
REMEMBERED = 1_000
LARGEST = 2**63 - 1
LARGEST_DOCUMENT = 2**28

#: The columns, and what may be in them.
FACTS = {
    "automation_name": str,
    "workspace_root": str,
    "execution_profile": str,
    "definition_version": str,
    "duration_ms": int,
    "waits_for": str,
    "waits_for_detail": str,
    "gate_node": str,
    "gate_requested_at_ms": int,
    "gate_expires_at_ms": int,
    "not_due_before_ms": int,
    "last_event": str,
    "last_event_at_ms": int,
    "attempts": int,
    "nodes_attempted": int,
    "outputs_failed_validation": int,
    "needs_repair": bool,
    "gates_decided": int,
}
TYPES = {str: sa.Text, int: sa.BigInteger, bool: sa.Boolean}
RUNS = sa.table(
    "runs",
    *map(sa.column, ("run_id", "month", "schema_version", "status", "snapshot_id")),
    *map(sa.column, ("started_at_ms", "finished_at_ms")),
    *(sa.column(name, TYPES[kind]) for name, kind in FACTS.items()),
)
SNAPSHOTS = sa.table(
    "automation_snapshots", *map(sa.column, ("id", "digest", "encoding", "document"))
)
DICTIONARIES = sa.table("dictionaries", *map(sa.column, ("id", "content")))
#: What a document that cannot be read may raise.
DAMAGE = (zstd.ZstdError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError)

#: What keeps runs of version 1 out; its name is what a service of the older version is told.
CHECK = f"CONSTRAINT ck_runs_upgraded_restart_older_services CHECK (schema_version >= {NEW})"
NAME = CHECK.split()[1]
#: The check that SQLite gets it behind.
BEFORE = "CONSTRAINT ck_runs_revision CHECK (revision >= 1)"


def upgrade() -> None:
    bind = op.get_bind()
    progress = Progress(count_old(bind))
    with undecodable_as_bytes(bind):
        walk(bind, progress)
        # Runs of the older version come to an end: on SQLite because nobody else can write from
        # here to the end of the transaction, on PostgreSQL by the check, which waits for the
        # transactions that are open.
        if bind.dialect.name == "postgresql":
            op.execute(f"ALTER TABLE runs DROP CONSTRAINT IF EXISTS {NAME}, ADD {CHECK} NOT VALID")
            with committed(bind):
                pass
        if count_old(bind):
            for count in fill_all(bind, patient=True):
                progress.add(count)
    # Those without any document: they are damaged, and stay so.
    empty = dict.fromkeys(FACTS, sa.null())
    is_old = RUNS.c.schema_version < NEW
    bind.execute(sa.update(RUNS).where(is_old).values(**empty, schema_version=NEW))
    if bind.dialect.name == "postgresql":
        op.execute(f"ALTER TABLE runs VALIDATE CONSTRAINT {NAME}")
    else:
        change_table(bind, BEFORE, f"{BEFORE}, \n\t{CHECK}")
    progress.end()


def downgrade() -> None:
    """Number the runs as before; the columns go with 0006, and no record is touched."""
    bind = op.get_bind()
    if bind.dialect.name == "postgresql":
        op.execute(f"ALTER TABLE runs DROP CONSTRAINT {NAME}")
    else:
        change_table(bind, f", \n\t{CHECK}", "")
    bind.execute(sa.update(RUNS).where(RUNS.c.schema_version == NEW).values(schema_version=OLD))
    for table, month in document_tables(bind):
        is_new = sa.and_(table.c.schema_version == NEW, *in_month(table, month))
        bind.execute(sa.update(table).where(is_new).values(schema_version=OLD))


def estimate(bind: sa.Connection) -> tuple[int, float]:
    """Return how many runs would be filled in, and about how many seconds it would take.

    It reads some documents of each month, and changes nothing.
    """
    decode, read, seconds = Decoder(bind), 0, 0.0
    with undecodable_as_bytes(bind):
        for table, month in document_tables(bind):
            for row in bind.execute(old_documents(table, month).limit(SAMPLE)):
                facts_of(row, decode)  # The definition is read now, and is not later.
                began = time.monotonic()
                facts_of(row, decode)
                read, seconds = read + 1, seconds + time.monotonic() - began
    old = count_old(bind)
    return old, old * WHOLE[bind.dialect.name] * seconds / max(read, 1)


def count_old(bind: sa.Connection) -> int:
    is_old = sa.select(sa.func.count()).select_from(RUNS).where(RUNS.c.schema_version < NEW)
    return bind.scalar(is_old)


@contextmanager
def committed(bind: sa.Connection) -> Iterator[None]:
    """Commit what was done, within a revision, and begin a transaction again after the block."""
    with op.get_context().autocommit_block():
        if bind.dialect.name != "sqlite":
            yield
            return
        # Alembic's block is a transaction to SQLite, which would keep writers out.
        driver = bind.connection.dbapi_connection
        driver.rollback()
        try:
            yield
        finally:
            driver.execute("BEGIN")


def change_table(bind: sa.Connection, old: str, new: str) -> None:
    """Replace words of the definition of ``runs``, as https://sqlite.org/lang_altertable.html does.

    SQLite adds a check to a table only by writing all of it again, and a trigger instead of the
    check would make it journal every insert, which costs half of the time of one.
    """
    master = sa.table("sqlite_master", *map(sa.column, ("type", "name", "sql")))
    is_runs = sa.and_(master.c.type == "table", master.c.name == "runs")
    changed = sa.update(master).where(is_runs, master.c.sql.contains(old, autoescape=True))
    version = bind.exec_driver_sql("PRAGMA schema_version").scalar_one()
    bind.exec_driver_sql("PRAGMA writable_schema=ON")
    found = bind.execute(changed.values(sql=sa.func.replace(master.c.sql, old, new))).rowcount
    bind.exec_driver_sql(f"PRAGMA schema_version={version + 1}")
    bind.exec_driver_sql("PRAGMA writable_schema=OFF")
    if found != 1:
        raise CommandError(f"The table runs was altered by hand: it lacks {old.strip(', ')}.")


@contextmanager
def undecodable_as_bytes(bind: sa.Connection) -> Iterator[None]:
    """Read text that is no UTF-8 as bytes, which SQLite returns from a damaged file."""

    def decoded(text: bytes) -> str | bytes:
        try:
            return text.decode()
        except UnicodeDecodeError:
            return text

    if bind.dialect.name != "sqlite":
        yield
        return
    driver = bind.connection.dbapi_connection
    before, driver.text_factory = driver.text_factory, decoded
    try:
        yield
    finally:
        driver.text_factory = before


def walk(bind: sa.Connection, progress: Progress) -> None:
    """Fill in the runs of all months that nobody is writing, and commit each batch."""
    pause = PAUSE[bind.dialect.name]
    began = time.monotonic()
    for count in fill_all(bind, patient=False):
        with committed(bind):
            progress.add(count)
            time.sleep(pause * (time.monotonic() - began))
        began = time.monotonic()


def fill_all(bind: sa.Connection, *, patient: bool) -> Iterator[int]:
    """Fill in the runs of all months, and yield the number of each batch before it is committed.

    Unless it is ``patient``, it passes over runs that somebody is writing, on PostgreSQL.
    """
    decode = Decoder(bind)
    for table, month in document_tables(bind):
        yield from fill(bind, table, month, decode, patient=patient)
        # What had nothing to do kept writers out as well, on SQLite.
        yield 0


def document_tables(bind: sa.Connection) -> Iterator[tuple[sa.TableClause, int | None]]:
    """Yield the tables that have documents of runs, each with the month to look for in it."""
    if bind.dialect.name == "postgresql":
        for month in bind.scalars(sa.select(RUNS.c.month).distinct().order_by(RUNS.c.month)).all():
            yield documents("run_documents"), month
        return
    for name in sorted(filter(MONTH_TABLE.fullmatch, sa.inspect(bind).get_table_names())):
        yield documents(name), None


def documents(name: str) -> sa.TableClause:
    names = ("run_id", "month", "schema_version", "encoding", "document")
    return sa.table(name, *map(sa.column, names))


def in_month(table: sa.TableClause, month: int | None) -> list[sa.ColumnElement]:
    """Return the condition that keeps PostgreSQL to one partition, and SQLite to ids that are text.

    A damaged file may have ids that are bytes, which are greater than any text.
    """
    is_text = table.c.run_id < sa.literal(b"", sa.LargeBinary)
    return [is_text] if month is None else [table.c.month == month]


def key(name: str, value: str | bytes | None = None) -> sa.ColumnElement:
    """Return a parameter for the id of a run, which is bytes if it is damaged."""
    return sa.cast(sa.bindparam(name, value, sa.types.NullType()), sa.Text)


def old_runs(table: sa.TableClause, month: int | None, *columns: sa.ColumnElement) -> sa.Select:
    """Return the question for the runs of a month that are not filled in, by key."""
    together = sa.and_(table.c.run_id == RUNS.c.run_id, table.c.month == RUNS.c.month)
    return (
        sa.select(table.c.run_id, *columns)
        .join_from(table, RUNS, together)
        .where(RUNS.c.schema_version < NEW, *in_month(table, month))
        .order_by(table.c.run_id)
    )


def old_documents(table: sa.TableClause, month: int | None) -> sa.Select:
    """Return the question for all that the columns of these runs are made from."""
    parts = (RUNS.c.status, RUNS.c.started_at_ms, RUNS.c.finished_at_ms)
    its_definition = SNAPSHOTS.c.digest.label("definition")
    return old_runs(
        table, month, *parts, table.c.encoding, table.c.document, its_definition
    ).outerjoin(SNAPSHOTS, SNAPSHOTS.c.id == RUNS.c.snapshot_id)


def fill(
    bind: sa.Connection,
    table: sa.TableClause,
    month: int | None,
    decode: Decoder,
    *,
    patient: bool,
) -> Iterator[int]:
    """Fill in the runs of one month, and yield the number of each batch."""
    size = sa.func.length(table.c.document).label("size")
    sizes = old_runs(table, month, size).limit(BATCH)
    # On PostgreSQL, nobody writes a run or its document between this and the update. Nor does it
    # wait for services that are writing, which may be waiting for it.
    some = (
        old_documents(table, month)
        .where(table.c.run_id >= key("first"), table.c.run_id <= key("last"))
        .with_for_update(of=[RUNS, table], key_share=True, skip_locked=not patient)
    )
    behind: list[sa.ColumnElement] = []
    while found := bind.execute(sizes.where(*behind)).all():
        first, last = found[0].run_id, last_of_batch(found)
        rows = bind.execute(some, {"first": first, "last": last})
        filled = [{"of_run": row.run_id, **facts_of(row, decode)} for row in rows]
        if filled:
            write(bind, table, month, filled)
        yield len(filled)
        behind = [table.c.run_id > key("after", last)]


def last_of_batch(found: list[sa.Row]) -> str | bytes:
    """Return the id of the last run whose document still fits into a batch; at least the first."""
    size = 0
    for before, row in zip([found[0], *found], found, strict=False):
        size += row.size
        if size > BATCH_BYTES:
            return before.run_id
    return found[-1].run_id


def write(
    bind: sa.Connection, table: sa.TableClause, month: int | None, filled: list[dict[str, object]]
) -> None:
    values = {name: sa.bindparam(f"new_{name}", type_=RUNS.c[name].type) for name in FACTS}
    of_run = sa.update(RUNS).where(RUNS.c.run_id == key("of_run"))
    bind.execute(of_run.values(**values, schema_version=NEW), filled)
    theirs = sa.update(table).where(table.c.run_id == key("of_run"), *in_month(table, month))
    bind.execute(theirs.values(schema_version=NEW), [{"of_run": row["of_run"]} for row in filled])


class Decoder:
    """Reads documents of any encoding, and remembers what it needs of definitions."""

    def __init__(self, bind: sa.Connection) -> None:
        self._bind = bind
        self._dictionaries: dict[int, zstd.ZstdDict] = {}
        self._definitions: dict[bytes, tuple[object, object]] = {}

    def decoded(self, document: bytes, encoding: str) -> dict:
        """Return the JSON of a document; raises one of ``DAMAGE`` if it cannot be read."""
        if encoding == "json":
            return orjson.loads(document)
        frame = zstd.get_frame_info(document)
        # A damaged frame may claim any size.
        if frame.decompressed_size is None or frame.decompressed_size > LARGEST_DOCUMENT:
            raise ValueError("too large")
        number = frame.dictionary_id
        return orjson.loads(zstd.decompress(document, zstd_dict=self._dictionary(number)))

    def definition(self, digest: bytes | None) -> tuple[object, object]:
        """Return name and folder of a definition; neither for a run without one."""
        if digest is None:
            return None, None
        if digest not in self._definitions:
            if len(self._definitions) >= REMEMBERED:
                self._definitions.clear()
            question = sa.select(SNAPSHOTS.c.document, SNAPSHOTS.c.encoding)
            stored = self._bind.execute(question.where(SNAPSHOTS.c.digest == digest)).one()
            definition = self.decoded(bytes(stored.document), stored.encoding)
            names = definition.get("name"), definition.get("workspace_root")
            self._definitions[digest] = names
        return self._definitions[digest]

    def _dictionary(self, number: int) -> zstd.ZstdDict | None:
        if number and number not in self._dictionaries:
            # Asked again, because somebody may compact months meanwhile.
            self._dictionaries = stored_dictionaries(self._bind)
        return self._dictionaries[number] if number else None


def stored_dictionaries(bind: sa.Connection) -> dict[int, zstd.ZstdDict]:
    """Return the package's dictionary and those of compacted months that can be read, by number."""
    found = {packaged_dictionary().dict_id: packaged_dictionary()}
    # An estimate may be asked for before 0004 made the table.
    has_table = sa.inspect(bind).has_table("dictionaries")
    for row in bind.execute(sa.select(DICTIONARIES)) if has_table else ():
        # If one cannot be read, neither can the documents that need it.
        with suppress(*DAMAGE):
            found[row.id] = zstd.ZstdDict(zstd.decompress(row.content))
    return found


@cache
def packaged_dictionary() -> zstd.ZstdDict:
    """Return the dictionary of the package, which revision 0004 has a copy of."""
    scripts = ScriptDirectory(str(Path(__file__).parents[1]))
    return zstd.ZstdDict(b64decode(scripts.get_revision("0004").module.PACKAGED_DICTIONARY))


def facts_of(row: sa.Row, decode: Decoder) -> dict[str, object]:
    """Return the columns of a run; all empty if its document cannot be read."""
    facts = dict.fromkeys(FACTS)
    try:
        if row.encoding != "forgotten":
            found = facts_of_document(row, decode)
            refuse_other_types(found)
            facts |= found
    except DAMAGE:
        pass  # Doctor finds it, and who restores the document restores the columns with it.
    return {f"new_{name}": escaped(value) for name, value in facts.items()}


def refuse_other_types(facts: dict[str, object]) -> None:
    """Raise ``TypeError`` for what no column can hold, as a document can that was written over."""
    for name, value in facts.items():
        if value is not None and type(value) is not FACTS[name]:
            raise TypeError(name)


def facts_of_document(row: sa.Row, decode: Decoder) -> dict[str, object]:
    stored = decode.decoded(bytes(row.document), row.encoding)
    record = stored["record"]
    checkpoint = record["checkpoint"]
    name, folder = decode.definition(row.definition)
    overlay = stored.get("snapshot_overlay", {})
    attempts = checkpoint.get("node_attempts") or {}
    history = checkpoint.get("lifecycle_history") or [{}]
    return {
        "automation_name": overlay.get("/name", name),
        "workspace_root": overlay.get("/workspace_root", folder),
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
        if total:
            self._say(f"{total:,} runs to fill in")

    def add(self, count: int) -> None:
        """Count what was done."""
        self._done += count
        self._total = max(self._total, self._done)
        now = time.monotonic()
        if self._show is not None:
            self._show("filling in runs", self._done, self._total)
        elif self._done and now - self._told >= TELL_S:
            left = (now - self._began) / self._done * (self._total - self._done)
            self._say(f"{self._done:,} of {self._total:,} runs; about {left:,.0f} s left")
            self._told = now

    def end(self) -> None:
        """Tell what was done in all."""
        if self._done:
            took = time.monotonic() - self._began
            self._say(f"{self._done:,} runs in {took:,.0f} s")

    def _say(self, text: str) -> None:
        if self._show is None and self._print is not None:
            self._print("Revision %s: %s.", revision, text)
