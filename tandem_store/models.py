"""The tables as SQLAlchemy models: what each row is, what each column means, and in which unit.

Values come out of them as people mean them: text as it was written, months as ``Month``. The types,
constraints and indexes are those of ``tables``, and docs/reference/schema.md is made from both.

Times are milliseconds since 1970, UTC, unless a name says otherwise.
"""

from __future__ import annotations

from sqlalchemy import Table
from sqlalchemy.orm import DeclarativeBase, Mapped

from tandem_store import tables
from tandem_store.month import Month


class Model(DeclarativeBase):
    """A row of one of the tables."""

    metadata = tables.metadata


class Run(Model):
    """A run of an automation: what is listed, filtered and added up.

    The rest of the record is its document, which tandem_store puts together with these columns.
    """

    __table__ = tables.runs

    run_id: Mapped[str]
    """The id that the engine or a service gave the run."""
    month: Mapped[Month]
    """Month of the later of creation and update, UTC: where the document is stored."""
    revision: Mapped[int]
    """How often the run was written: 1 for a new one. Writers compare it before they write."""
    schema_version: Mapped[int]
    """What the row has of its record: 2. A greater one was written by a newer tandem_store."""
    org_id: Mapped[str]
    """Organization of the tenant; ``local`` if the record names none."""
    workspace_id: Mapped[str]
    """Workspace of the tenant; ``local`` if the record names none."""
    deployment_id: Mapped[str | None]
    """Deployment of the tenant, if it has several."""
    automation_id: Mapped[str]
    """The automation that ran."""
    trigger_type: Mapped[str]
    """What started the run, as ``manual`` or ``scheduled``."""
    status: Mapped[str]
    """``queued``, ``running``, ``completed``, ``failed`` and others; the engine may add some."""
    stop_kind: Mapped[str | None]
    """How a run was stopped from outside, as ``cancelled``; null if it was not."""
    created_at_ms: Mapped[int]
    """When the run was created."""
    updated_at_ms: Mapped[int]
    """When the record last changed."""
    started_at_ms: Mapped[int | None]
    """When work on the run began; null before that."""
    finished_at_ms: Mapped[int | None]
    """When the run ended; null before that."""
    completed_nodes: Mapped[int | None]
    """Number of nodes that are done."""
    pending_nodes: Mapped[int | None]
    """Number of nodes that are not done yet."""
    blocked_nodes: Mapped[int | None]
    """Number of nodes that wait for something that did not happen."""
    failed_node: Mapped[str | None]
    """Id of the node that failed last; null if none failed."""
    failure_reason: Mapped[str | None]
    """Why that node failed, in words."""
    detail: Mapped[str | None]
    """What the engine says about the state of the run, in words."""
    prompt_tokens: Mapped[int | None]
    """Tokens sent to language models."""
    completion_tokens: Mapped[int | None]
    """Tokens received from language models."""
    total_tokens: Mapped[int | None]
    """Tokens in all, as the engine counts them; not always the sum of the two."""
    estimated_cost_usd: Mapped[float | None]
    """Estimated cost of the tokens, in US dollars."""
    snapshot_id: Mapped[int | None]
    """The definition that the run ran with; null if the record has none."""
    imported: Mapped[bool]
    """Whether an import wrote this revision. False as soon as a service writes the run."""
    claimed_by: Mapped[str | None]
    """Name of the worker that holds the run; null if nobody does."""
    claim_epoch: Mapped[int]
    """How often the run was claimed."""
    claim_expires_at_ms: Mapped[int | None]
    """When the lease of the worker ends."""
    claim_token: Mapped[int | None]
    """Random number that was drawn for the claim."""
    automation_name: Mapped[str | None]
    """Name of the automation as the run's definition has it; null without a definition."""
    workspace_root: Mapped[str | None]
    """Folder in which the automation works, as the run's definition has it."""
    execution_profile: Mapped[str | None]
    """How strictly the run follows its definition: ``strict``, ``guided`` or ``yolo``."""
    definition_version: Mapped[str | None]
    """Version of the definition that the run ran with; null before engine 0.6.5."""
    duration_ms: Mapped[int | None]
    """Milliseconds from start to end; null if either is missing or they are out of order."""
    waits_for: Mapped[str | None]
    """What the run waits for: ``approval``; a reason of the queue, as ``rate_limit``;
    ``blocked_node``; or ``pause``. Null if for nothing, and for runs that ended otherwise than as
    ``blocked``."""
    waits_for_detail: Mapped[str | None]
    """Title of the gate, resource or provider, first blocked node, or reason of the pause."""
    gate_node: Mapped[str | None]
    """The node that asks for the approval that the run waits for."""
    gate_requested_at_ms: Mapped[int | None]
    """When the approval was requested."""
    gate_expires_at_ms: Mapped[int | None]
    """When the request expires; null if never."""
    not_due_before_ms: Mapped[int | None]
    """When a queued run that backs off is due again; null for runs that are due."""
    last_event: Mapped[str | None]
    """Name of the last event in the history of the run."""
    last_event_at_ms: Mapped[int | None]
    """When that happened."""
    attempts: Mapped[int | None]
    """Number of attempts at all nodes together."""
    nodes_attempted: Mapped[int | None]
    """Number of nodes that were attempted."""
    outputs_failed_validation: Mapped[int | None]
    """Number of outputs that did not pass their check; null if the engine removed the outputs."""
    needs_repair: Mapped[bool | None]
    """Whether an output needs repair; null if the engine removed the outputs."""
    gates_decided: Mapped[int | None]
    """Number of decisions that people made at gates."""


class RunDocument(Model):
    """The rest of a run's record, compressed.

    On PostgreSQL this table is partitioned by month. On SQLite it stays empty, and each month has a
    table of its own, ``run_documents_2026_08``.
    """

    __table__ = tables.run_documents

    run_id: Mapped[str]
    """The run."""
    month: Mapped[Month]
    """The run's month."""
    schema_version: Mapped[int]
    """That of the run's row: 2."""
    encoding: Mapped[str]
    """How the document is compressed: ``zstd-1`` for zstd with the dictionary of the package,
    ``zstd-dict`` with one from ``dictionaries``, ``zstd`` without one as before revision 0004,
    ``json`` for not at all; ``forgotten`` if the content was deleted and the document is empty."""
    document: Mapped[bytes]
    """JSON with the fields of the record that are no columns, and a digest of those columns."""


class AutomationSnapshot(Model):
    """The definition of an automation that runs ran with, stored once for all that share it."""

    __table__ = tables.automation_snapshots

    id: Mapped[int]
    """Made-up number that runs refer to; differs between copies of a store."""
    digest: Mapped[bytes]
    """SHA-256 of the definition's JSON with sorted keys, without the keys that change at every
    run."""
    schema_version: Mapped[int]
    """Shape of the document: 1."""
    encoding: Mapped[str]
    """How the document is compressed: ``zstd``, or ``json`` for not at all."""
    document: Mapped[bytes]
    """The definition's JSON, compressed."""


class Automation(Model):
    """The current definition of an automation."""

    __table__ = tables.automations

    automation_id: Mapped[str]
    """The id that runs name."""
    schema_version: Mapped[int]
    """Shape of the document: 1."""
    name: Mapped[str | None]
    """What people call it."""
    status: Mapped[str | None]
    """``active``, ``paused`` and others."""
    updated_at_ms: Mapped[int | None]
    """When the definition last changed."""
    digest: Mapped[bytes]
    """SHA-256 of the whole definition's JSON with sorted keys."""
    encoding: Mapped[str]
    """How the document is compressed: ``zstd``, or ``json`` for not at all."""
    document: Mapped[bytes]
    """JSON with the fields of the definition that are no columns, compressed."""


class Dictionary(Model):
    """A zstd dictionary, which the documents of compacted months were compressed with.

    It never changes, and stays for as long as a month needs it.
    """

    __table__ = tables.dictionaries

    id: Mapped[int]
    """The number by which each compressed document names its dictionary."""
    digest: Mapped[bytes]
    """SHA-256 of the dictionary, decompressed."""
    encoding: Mapped[str]
    """How the dictionary itself is compressed: ``zstd``."""
    content: Mapped[bytes]
    """The dictionary, compressed."""
    created_at_ms: Mapped[int]
    """When it was made."""


class MonthDictionary(Model):
    """A dictionary that documents of a month may need."""

    __table__ = tables.month_dictionaries

    month: Mapped[Month]
    """The month."""
    dictionary_id: Mapped[int]
    """The dictionary."""


class DeletedRun(Model):
    """An id whose run was deleted.

    A run that is added under it later goes on with its revisions, so that no revision is that of
    two runs.
    """

    __table__ = tables.deleted_runs

    run_id: Mapped[str]
    """The id."""
    revision: Mapped[int]
    """The last revision of the run that was deleted."""
    deleted_at_ms: Mapped[int]
    """When it was deleted."""


class Archive(Model):
    """The file that a month was detached into, or is being detached into."""

    __table__ = tables.archives

    id: Mapped[int]
    """Made-up number, greater for later archives."""
    month: Mapped[Month]
    """The month."""
    location: Mapped[str]
    """Where the file was written."""
    digest: Mapped[bytes]
    """SHA-256 over its runs and quarantined items, as ``attach`` computes it again."""
    runs: Mapped[int]
    """Number of runs in it."""
    bytes: Mapped[int]
    """Size of the file in bytes."""
    begun_at_ms: Mapped[int]
    """When it was begun."""
    detached_at_ms: Mapped[int | None]
    """When the month left the store; null while it is still there."""
    drop_due_at_ms: Mapped[int | None]
    """When ``months retain`` may drop it; null if only ``months drop`` may."""
    dropped_at_ms: Mapped[int | None]
    """When it was dropped; null if it was not."""


class DetachedRun(Model):
    """A run of a detached month: whose it is, and what a newer copy of it is compared with."""

    __table__ = tables.detached_runs

    run_id: Mapped[str]
    """The id, which no other run can have."""
    archive_id: Mapped[int]
    """The archive that has the run."""
    revision: Mapped[int]
    """The revision of the run."""
    updated_at_ms: Mapped[int]
    """When the record last changed."""
    org_id: Mapped[str]
    """Organization of the tenant."""
    workspace_id: Mapped[str]
    """Workspace of the tenant."""
    deployment_id: Mapped[str | None]
    """Deployment of the tenant, if it has several."""
    automation_id: Mapped[str]
    """The automation that ran."""


class MonthTotal(Model):
    """Sums over runs of a detached or dropped month that were created on one day."""

    __table__ = tables.month_totals

    id: Mapped[int]
    """Made-up number."""
    archive_id: Mapped[int]
    """The archive that the runs went into."""
    day_ms: Mapped[int]
    """The day of their creation: when it began."""
    automation_id: Mapped[str]
    """Their automation."""
    org_id: Mapped[str]
    """Organization of their tenant."""
    workspace_id: Mapped[str]
    """Workspace of their tenant."""
    deployment_id: Mapped[str | None]
    """Deployment of their tenant, if it has several."""
    status: Mapped[str]
    """Their status."""
    trigger_type: Mapped[str]
    """What started them."""
    runs: Mapped[int]
    """How many they are."""
    prompt_tokens: Mapped[int]
    """Tokens sent to models."""
    completion_tokens: Mapped[int]
    """Tokens received from models."""
    total_tokens: Mapped[int]
    """The sum of what the runs have as their total."""
    estimated_cost_usd: Mapped[float]
    """The sum of their estimated cost."""


class Hold(Model):
    """A run, or an automation with all of its runs, that must stay in the store."""

    __table__ = tables.holds

    kind: Mapped[str]
    """``run`` or ``automation``."""
    name: Mapped[str]
    """The id of the run or of the automation."""
    why: Mapped[str]
    """Why it must stay, in somebody's words."""
    created_at_ms: Mapped[int]
    """When the hold was placed."""


class ArchiveOrigin(Model):
    """What an archive holds, and where it came from. A store that is not an archive has no row."""

    __table__ = tables.archive_origins

    month: Mapped[Month]
    """The month that it is the archive of."""
    store: Mapped[str]
    """The store that the month was detached from, without a password."""
    digest: Mapped[bytes]
    """SHA-256 over its runs and quarantined items, as ``attach`` computes it again."""
    runs: Mapped[int]
    """Number of runs in it."""
    quarantined: Mapped[int]
    """Number of quarantined items in it."""
    made_at_ms: Mapped[int]
    """When it was made."""
    tool_version: Mapped[str]
    """The version of tandem_store that made it."""


class Backup(Model):
    """A backup that was made and verified."""

    __table__ = tables.backups

    id: Mapped[int]
    """Made-up number, greater for later backups."""
    taken_at_ms: Mapped[int]
    """The moment that the backup shows."""
    location: Mapped[str]
    """Where the file was written."""
    runs: Mapped[int]
    """Number of runs in it."""
    digest: Mapped[bytes]
    """SHA-256 of the file."""


class StoredMonth(Model):
    """A month that documents are or were stored in."""

    __table__ = tables.months

    month: Mapped[Month]
    """The month, UTC."""
    state: Mapped[str]
    """``attached``: its documents can be read. ``detached``: they are somewhere else."""
    attached_at_ms: Mapped[int]
    """When its table was made or attached."""
    detached_at_ms: Mapped[int | None]
    """When it was detached; null if it never was."""


class Import(Model):
    """An import of one state directory, finished or not."""

    __table__ = tables.imports

    id: Mapped[int]
    """Made-up number, greater for later imports."""
    root: Mapped[str]
    """Absolute path of the directory, where it was last found."""
    state: Mapped[str]
    """``scanning``: reading files. ``settling``: reconciling copies. ``done``."""
    strict: Mapped[bool]
    """Whether only well-formed copies were imported (``--strict``)."""
    started_at_ms: Mapped[int]
    """When it began."""
    finished_at_ms: Mapped[int | None]
    """When it ended; null before that."""
    tool_version: Mapped[str]
    """The version of tandem_store that began it."""


class ImportDirectory(Model):
    """A directory with files that an import has read."""

    __table__ = tables.import_directories

    id: Mapped[int]
    """Made-up number."""
    path: Mapped[str]
    """Path below the state directory; empty for the state directory itself."""


class ImportFile(Model):
    """A file that an import has read, as it was then."""

    __table__ = tables.import_files

    id: Mapped[int]
    """Made-up number."""
    directory_id: Mapped[int]
    """Its directory."""
    name: Mapped[str]
    """Its name in the directory."""
    import_id: Mapped[int]
    """The import that read it last."""
    source: Mapped[str]
    """What kind of file it is, as ``hot`` or ``shard``."""
    size: Mapped[int]
    """Its size in bytes."""
    mtime_ns: Mapped[int]
    """When its content last changed, in nanoseconds since 1970, UTC."""
    digest: Mapped[bytes]
    """SHA-256 of all of it."""
    complete: Mapped[bool]
    """Whether it was read to its end."""


class ImportEntry(Model):
    """A copy of a run that an import has found, and its outcome."""

    __table__ = tables.import_entries

    id: Mapped[int]
    """Made-up number."""
    import_id: Mapped[int]
    """The import that found the copy first."""
    file_id: Mapped[int]
    """The file that holds the copy."""
    seen_import_id: Mapped[int]
    """The last import that found the copy in its file; if the file has a later one, it is gone."""
    ordinal: Mapped[int]
    """Order of the copies in a file: the byte at which the copy starts, 0 for a whole file."""
    start: Mapped[int | None]
    """First byte of the copy and its key in the file; null if the copy is all of the file."""
    value: Mapped[int | None]
    """First byte of the run, after its key."""
    stop: Mapped[int | None]
    """First byte after the copy."""
    key: Mapped[str | None]
    """Key of the copy in the file's JSON object, if it has one."""
    run_id: Mapped[str | None]
    """The run that the copy is of, or says that it is of."""
    digest: Mapped[bytes]
    """SHA-256 of the record's JSON with sorted keys, or of the bytes of what is damaged."""
    month: Mapped[Month | None]
    """The month that the copy belongs to; null if its times say none."""
    kind: Mapped[int | None]
    """1 well-formed, 2 a stub, 3 damaged; null for what takes no part in the choice."""
    tenant: Mapped[bytes | None]
    """Hash of the tenant: two copies of one run with different ones belong to different tenants."""
    automation: Mapped[bytes | None]
    """Hash of the automation's id."""
    updated_at_ms: Mapped[int | None]
    """When the copy last changed."""
    outputs: Mapped[int | None]
    """Number of node outputs that the copy has."""
    parts: Mapped[int | None]
    """Bit mask of the parts that the copy has."""
    outcome: Mapped[str | None]
    """``imported``, ``superseded`` and others; null until the copy is reconciled."""
    reason: Mapped[str | None]
    """Why, if the outcome alone does not say it."""
    revision: Mapped[int | None]
    """The revision of the run that this copy was stored as."""


class QuarantineItem(Model):
    """Something that could not be imported as it is, with its bytes."""

    __table__ = tables.quarantine

    id: Mapped[int]
    """The number that ``quarantine list`` shows."""
    import_id: Mapped[int | None]
    """The import that found it."""
    entry_id: Mapped[int | None]
    """Its copy in the ledger; null for definitions, which are not copies of runs."""
    path: Mapped[str]
    """Path of its file below the state directory."""
    layout: Mapped[str]
    """What the bytes should have been: ``entry``, ``shard``, ``runs``, ``context`` and others."""
    key: Mapped[str | None]
    """Its key in the file's JSON object, if it has one."""
    start: Mapped[int | None]
    """First of its bytes in the file; null if it is all of the file."""
    stop: Mapped[int | None]
    """First byte after it."""
    digest: Mapped[bytes]
    """SHA-256 of its bytes."""
    reason: Mapped[str]
    """Why it is here, as a word for programs."""
    message: Mapped[str]
    """Why it is here, as a sentence."""
    size: Mapped[int]
    """Number of its bytes."""
    encoding: Mapped[str | None]
    """How ``raw`` is compressed: ``zstd``; null without ``raw``."""
    raw: Mapped[bytes | None]
    """Its bytes, compressed; null if they were too many to keep, or were discarded."""
    kept_in_source: Mapped[bool]
    """Whether only the source has the bytes."""
    created_at_ms: Mapped[int]
    """When it was put here."""
    discarded_at_ms: Mapped[int | None]
    """When somebody discarded it, or it was imported after all; null before that."""


def table_of(model: type[Model]) -> Table:
    """Return the table of a model, for statements without the ORM."""
    table = model.__table__
    assert isinstance(table, Table)  # none of the models is mapped to anything else
    return table
