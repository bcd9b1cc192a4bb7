"""An import from beginning to end: survey, scan, settle, report."""

from __future__ import annotations

import logging
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Final

from tandem_store import snapshots
from tandem_store.database import revisions
from tandem_store.database.urls import database_url, shown
from tandem_store.errors import SourceError, StoreError
from tandem_store.importer.definitions import import_definitions
from tandem_store.importer.dry_run import rehearsal
from tandem_store.importer.lock import alone
from tandem_store.importer.new_database import is_to_be_made
from tandem_store.importer.newer_engine import newer_in_engine_database
from tandem_store.importer.options import ImportOptions, Progress
from tandem_store.importer.plan import ImportPlan, scratch_folder, survey
from tandem_store.importer.reconcile import Settlement
from tandem_store.importer.report import Counts, Future, ImportReport
from tandem_store.importer.scan import Scan
from tandem_store.importer.session import ImportSession
from tandem_store.importer.source.directory import StateDirectory
from tandem_store.importer.source.kinds import SkippedFile
from tandem_store.importer.source_reader import Places
from tandem_store.importer.storing import Writer
from tandem_store.importer.truncated_files import truncated_files
from tandem_store.ledger import ReasonCode
from tandem_store.release import RELEASE
from tandem_store.store import Store, open_store

_log: Final = logging.getLogger(__name__)

#: Milliseconds that a clock may be ahead before a run counts as dated in the future.
_CLOCKS_DIFFER_MS: Final = 24 * 3_600_000


def silent(_phase: str, _done: int, _total: int) -> None:
    """Progress for those who do not want to be told."""


def import_state(
    url: str,
    state: Path,
    options: ImportOptions,
    progress: Progress | None = None,
    *,
    plan: ImportPlan | None = None,
) -> ImportReport:
    """Bring a legacy state directory into the store at ``url``; never writes to the source.

    A new SQLite file is made first, or one that was never finished. An interrupted import of the
    same directory goes on where it stopped; what was imported before and has not changed is not
    judged again. ``plan`` is what ``plan_import`` gave for the same arguments, if it was asked.

    Raises:
        SourceError: the directory is none, or changed while it was read.
        StoreLockedError: another import is running on this store.
        SchemaBehindError: the store must be upgraded first.
    """
    source = StateDirectory.locate(state, options.allow_roots)
    total = (plan or survey(url, source)).total_bytes
    place = rehearsal(url) if options.dry_run else nullcontext(database_url(url))
    with place as target, alone(target):
        if is_to_be_made(target):
            revisions.upgrade(target)
        with open_store(target) as store:
            _log.info(
                "%s %s into %s",
                "rehearsing the import of" if options.dry_run else "importing",
                source.root,
                shown(url),
            )
            return _Import(store, source, options, progress or silent, scratch_folder(target)).run(
                total
            )


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
        self._session = ImportSession(store, root, options.strict, RELEASE)
        self._writer = Writer(self._session, options.batch, options.strict, options.confirm_months)

    def run(self, total_bytes: int) -> ImportReport:
        started = time.monotonic()
        self._session.resume()
        if self._session.current is not None:
            _log.info("going on with the import of %s that was interrupted", self._session.root)
        strict = self._options.strict
        if self._session.current is not None and self._session.current.strict != strict:
            raise StoreError(
                "An interrupted import of this directory has to be ended first: run it "
                + ("without --strict" if strict else "with --strict")
            )
        scan = Scan(
            self._store,
            self._source,
            self._options,
            self._writer,
            self._progress,
            total_bytes,
            self._scratch,
        )
        scan.run()
        _log.info(
            "read %d files of %d bytes; %d were not read or hold no runs",
            sum(scan.files.values()),
            sum(scan.bytes.values()),
            len(scan.passed),
        )
        passed = import_definitions(self._session, self._source.root, scan.definitions)
        lost = self._settle()
        scan.passed += [
            *passed,
            *(SkippedFile(path, why, needs_attention=True) for path, why in lost.items()),
        ]
        newer = self._newer(scan)
        report = self._report(scan, newer=newer, started=started)
        _log.info("done in %.1f s: %d copies", report.seconds, report.copies)
        return report

    def _settle(self) -> dict[str, str]:
        """Judge what is open and end the import; returns what could not be read again, and why."""
        settlement = Settlement(
            self._session,
            Places(self._source.root),
            self._options.strict,
            self._options.confirm_months,
            self._progress,
        )
        settlement.run()
        if (current := self._session.current) is not None:
            with self._session.begin() as tx:
                snapshots.forget_unused(tx.connection)
                tx.ledger.advance(current.id, "done", now_ms=self._session.now_ms())
        return settlement.lost

    def _newer(self, scan: Scan) -> list[str]:
        database = self._source.engine_database
        if database is None:
            return []
        try:
            return newer_in_engine_database(database, self._store)
        except (SourceError, OSError) as error:
            scan.passed.append(SkippedFile(database.name, str(error), needs_attention=True))
            return []

    def _report(self, scan: Scan, *, newer: list[str], started: float) -> ImportReport:
        walked = self._writer.walked
        current = self._session.current
        counts = Counts(None if current is None else current.id)
        with self._store.read() as tx:
            counts.add(tx.ledger.tallies(walked))
            counts.in_quarantine += tx.ledger.unchanged_in_quarantine(walked, counts.import_id)
            future = Future()
            for run in tx.ledger.dated_after(self._session.now_ms() + _CLOCKS_DIFFER_MS, walked):
                future.note(run)
            notable = list(tx.ledger.notable(walked))
            held = tx.months.list()
            quarantined = tx.quarantine.of_files(walked, scan.definition_paths)
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
                passed=scan.passed,
                newer_in_engine_db=newer,
                future=future,
                definitions=tx.automations.count(),
                seconds=time.monotonic() - started,
                dry_run=self._options.dry_run,
            )
