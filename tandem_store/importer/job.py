"""An import from beginning to end: plan, scan, definitions, reconciliation, report."""

from __future__ import annotations

import logging
import os
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Final

from sqlalchemy import URL

from tandem_store import snapshots
from tandem_store.database import revisions
from tandem_store.database.locks.jobs import import_lock
from tandem_store.database.urls import database_url, shown
from tandem_store.errors import SourceError, StoreError
from tandem_store.importer.definitions import import_definitions
from tandem_store.importer.dry_run import scratch_store
from tandem_store.importer.known_files import KnownFiles
from tandem_store.importer.new_database import is_to_be_made
from tandem_store.importer.newer_engine import newer_in_engine_database
from tandem_store.importer.options import ImportOptions
from tandem_store.importer.plan import ImportPlan, scratch_folder, survey
from tandem_store.importer.reconcile import Reconciliation
from tandem_store.importer.report import Counts, Future, ImportReport
from tandem_store.importer.scan import Scan
from tandem_store.importer.session import ImportSession
from tandem_store.importer.source.directory import StateDirectory
from tandem_store.importer.source.kinds import SkippedFile
from tandem_store.importer.source_reader import SourceReader
from tandem_store.importer.storing import Writer
from tandem_store.importer.truncated_files import truncated_files
from tandem_store.importer.worker_pool import jobs_for, prepare
from tandem_store.ledger import ReasonCode
from tandem_store.progress import Progress, ignore_progress
from tandem_store.release import installed_release
from tandem_store.store import Store, open_store

_log: Final = logging.getLogger(__name__)

#: Milliseconds that a clock may be ahead before a run counts as dated in the future.
_CLOCKS_DIFFER_MS: Final = 24 * 3_600_000


def import_state(
    url: str | URL,
    state: str | os.PathLike[str],
    options: ImportOptions | None = None,
    progress: Progress | None = None,
    *,
    plan: ImportPlan | None = None,
) -> ImportReport:
    """Import a state directory of the engine, or one hot file, into the store at ``url``.

    The source is only read. A SQLite file that is missing, or was never finished, is made first.
    An interrupted import of the same directory continues where it stopped; what was imported
    before and has not changed is not imported again.

    ``progress`` is called with the phase, how much is done, and how much there is: bytes while
    files are read, runs while copies are reconciled. ``plan`` is the plan from ``plan_import`` for
    the same arguments, if there is one: then the files are not counted once more.

    Raises:
        SourceError: ``state`` is not a state directory, or changed while it was read.
        StoreLockedError: another import is running on this store.
        SchemaBehindError: the store must be upgraded first.
        StoreError: an interrupted import with other options must be ended first, or the store would
            get more than 600 months and ``confirm_months`` is not set.

    >>> report = import_state(str(folder / "runs.db"), state)
    >>> report.copies, report.runs, report.quarantined
    (1, 1, [])
    """
    options = options or ImportOptions()
    source = StateDirectory.locate(Path(state), options.allow_roots)
    total = (plan or survey(url, source)).total_bytes
    prepare(jobs_for(options.jobs, total))
    database = scratch_store(url) if options.dry_run else nullcontext(database_url(url))
    with database as target, import_lock(target):
        if is_to_be_made(target):
            revisions.upgrade(target)
        with open_store(target) as store:
            _log.info(
                "%s %s into %s",
                "rehearsing the import of" if options.dry_run else "importing",
                source.root,
                shown(url),
            )
            scratch = scratch_folder(target)
            job = _Import(store, source, options, progress or ignore_progress, scratch)
            return job.run(total)


class _Import:
    """One import on an open store."""

    def __init__(
        self,
        store: Store,
        source: StateDirectory,
        options: ImportOptions,
        progress: Progress,
        scratch: Path | None,
    ) -> None:
        self._store, self._source, self._options = store, source, options
        self._progress, self._scratch = progress, scratch
        root = str(source.root.resolve())
        self._session = ImportSession(store, root, options.strict, installed_release())
        self._known_files = KnownFiles(self._session)

    def run(self, total_bytes: int) -> ImportReport:
        started = time.monotonic()
        self._resume()
        scan = self._scan(total_bytes)
        scan.skipped += import_definitions(self._session, self._source.root, scan.definitions)
        scan.skipped += self._reconcile()
        self._finish()
        newer = self._newer(scan)
        report = self._report(scan, newer=newer, started=started)
        _log.info("done in %.1f s: %d copies", report.seconds, report.copies)
        return report

    def _resume(self) -> None:
        self._session.resume()
        current, strict = self._session.current, self._options.strict
        if current is None:
            return
        _log.info("going on with the import of %s that was interrupted", self._session.root)
        if current.strict != strict:
            raise StoreError(
                "An interrupted import of this directory has to be finished first: run it "
                + ("without --strict" if strict else "with --strict")
            )

    def _scan(self, total_bytes: int) -> Scan:
        options = self._options
        writer = Writer(
            self._session, self._known_files, options.batch, options.strict, options.confirm_months
        )
        scan = Scan(
            self._source,
            options,
            self._known_files,
            writer,
            self._progress,
            total_bytes,
            self._scratch,
        )
        scan.run()
        _log.info(
            "read %d files of %d bytes; %d were not read or hold no runs",
            sum(scan.files.values()),
            sum(scan.bytes.values()),
            len(scan.skipped),
        )
        return scan

    def _reconcile(self) -> list[SkippedFile]:
        """Decide about the runs that are open; returns the files that could not be read again."""
        reconciliation = Reconciliation(
            self._session,
            SourceReader(self._source.root),
            self._options.strict,
            self._options.confirm_months,
            self._progress,
        )
        reconciliation.run()
        lost = reconciliation.lost.items()
        return [SkippedFile(path, why, needs_attention=True) for path, why in lost]

    def _finish(self) -> None:
        if self._session.current is not None:
            with self._session.begin() as tx:
                snapshots.forget_unused(tx.connection)
                now_ms = self._session.now_ms()
                tx.ledger.advance(self._session.current.id, "done", now_ms=now_ms)

    def _newer(self, scan: Scan) -> list[str]:
        database = self._source.engine_database
        if database is None:
            return []
        try:
            return newer_in_engine_database(database, self._store)
        except (SourceError, OSError) as error:
            scan.skipped.append(SkippedFile(database.name, str(error), needs_attention=True))
            return []

    def _report(self, scan: Scan, *, newer: list[str], started: float) -> ImportReport:
        present = self._known_files.present
        current = self._session.current
        counts = Counts(None if current is None else current.id)
        with self._store.read() as tx:
            counts.add(tx.ledger.tallies(present))
            counts.in_quarantine += tx.ledger.unchanged_in_quarantine(present, counts.import_id)
            future = Future()
            for run in tx.ledger.dated_after(self._session.now_ms() + _CLOCKS_DIFFER_MS, present):
                future.note(run)
            notable = list(tx.ledger.winners_with_reason(present))
            held = tx.months.list()
            quarantined = tx.quarantine.of_files(present, scan.definition_paths)
            return ImportReport(
                root=self._session.root,
                sources=counts.sources(scan.files, scan.bytes),
                by_month=counts.months(),
                runs=tx.runs.count(),
                months={month.month.label: month.runs for month in held if month.runs},
                quarantined=quarantined,
                truncated=truncated_files(tx, quarantined),
                stubs=sorted(
                    {run_id for run_id, reason in notable if reason.code == ReasonCode.STUB}
                ),
                partial=sorted({run_id for run_id, reason in notable if reason.partial}),
                skipped=scan.skipped,
                newer_in_engine_db=newer,
                future=future,
                definitions=tx.automations.count(),
                seconds=time.monotonic() - started,
                dry_run=self._options.dry_run,
            )
