"""The report of an import: what became an outcome of every copy, as data."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from tandem_store.importer.source.kinds import SkippedFile, Source
from tandem_store.importer.truncated_files import Truncated
from tandem_store.ledger import CopyOutcome, DatedRun, Tally
from tandem_store.quarantine import QuarantineItem

#: How many runs a list names that may have as many as the source.
_LONGEST_LIST: Final = 1_000


@dataclass(frozen=True, slots=True)
class SourceReport:
    """One source: its files and bytes, and its copies by outcome."""

    source: Source
    files: int
    bytes: int
    outcomes: dict[str, int]
    #: Of the unchanged copies, those that lie in quarantine since an earlier import.
    unchanged_in_quarantine: int = 0

    @property
    def copies(self) -> int:
        """The copies of runs in the source's files."""
        return sum(self.outcomes.values())

    def to_json(self) -> dict[str, Any]:
        """Return the report as a JSON object."""
        return {
            "source": self.source.value,
            "files": self.files,
            "bytes": self.bytes,
            "copies": self.copies,
            "outcomes": self.outcomes,
            "unchanged_in_quarantine": self.unchanged_in_quarantine,
        }


@dataclass(slots=True)
class Future:
    """Runs that are dated more than a day after the import: their clock was wrong.

    ``runs`` are the first 1,000 by id, ``count`` is how many there are.
    """

    runs: list[DatedRun] = field(default_factory=list)
    count: int = 0

    def note(self, run: DatedRun) -> None:
        """Count one more run, and list it if it is one of the first."""
        self.count += 1
        if len(self.runs) < _LONGEST_LIST:
            self.runs.append(run)

    def to_json(self) -> list[dict[str, Any]]:
        """Return the runs as a JSON array."""
        return [
            {"run_id": run.run_id, "at_ms": run.at_ms, "month": run.month.label}
            for run in self.runs
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """The result of an import. ``runs`` and ``months`` tell what the store holds afterwards.

    ``stubs`` are runs of which only the engine's stand-in was left, ``partial`` those that got back
    less than they once had, ``truncated`` the files of runs that end too early. ``by_month`` counts
    copies by the month of the copy, ``unknown`` for what could not be read.
    """

    root: str
    sources: list[SourceReport]
    by_month: dict[str, dict[str, int]]
    runs: int
    months: dict[str, int]
    quarantined: list[QuarantineItem]
    truncated: list[Truncated]
    stubs: list[str]
    partial: list[str]
    skipped: list[SkippedFile]
    newer_in_engine_db: list[str]
    future: Future = field(default_factory=Future)
    definitions: int
    seconds: float
    dry_run: bool

    @property
    def outcomes(self) -> dict[str, int]:
        """Copies by outcome, all seven, zeros too."""
        totals = Counter[str]()
        for source in self.sources:
            totals.update(source.outcomes)
        return {outcome.value: totals[outcome.value] for outcome in CopyOutcome}

    @property
    def copies(self) -> int:
        """All copies of runs that the source holds."""
        return sum(self.outcomes.values())

    @property
    def unchanged_in_quarantine(self) -> int:
        """Of the unchanged copies, those that lie in quarantine since an earlier import."""
        return sum(source.unchanged_in_quarantine for source in self.sources)

    @property
    def not_read(self) -> list[SkippedFile]:
        """What might hold runs and was not read."""
        return [one for one in self.skipped if one.needs_attention]

    @property
    def skipped_files(self) -> list[SkippedFile]:
        """Strays: no cause for alarm."""
        return [one for one in self.skipped if not one.needs_attention]

    def to_json(self) -> dict[str, Any]:
        """Return the report as a JSON object."""
        return {
            "root": self.root,
            "dry_run": self.dry_run,
            "copies": self.copies,
            "outcomes": self.outcomes,
            "unchanged_in_quarantine": self.unchanged_in_quarantine,
            "runs": self.runs,
            "months": self.months,
            "sources": [source.to_json() for source in self.sources],
            "by_month": self.by_month,
            "definitions": self.definitions,
            "quarantined": [
                {
                    "id": item.id,
                    "path": item.path,
                    "key": item.key,
                    "reason": item.reason,
                    "message": item.message,
                }
                for item in self.quarantined
            ],
            "truncated": [file.to_json() for file in self.truncated],
            "stubs": self.stubs,
            "partial": self.partial,
            "skipped_files": _skipped(self.skipped_files),
            "not_read": _skipped(self.not_read),
            "newer_in_engine_db": self.newer_in_engine_db,
            "future": self.future.to_json(),
            "future_count": self.future.count,
            "seconds": round(self.seconds, 3),
        }


@dataclass(slots=True)
class Counts:
    """Copies counted by source and by month, as they come out of the ledger."""

    import_id: int | None
    by_source: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    by_month: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    in_quarantine: Counter[str] = field(default_factory=Counter)

    def add(self, tallies: Iterable[Tally]) -> None:
        """Count copies; those that an earlier import decided about count as unchanged."""
        for tally in tallies:
            mine = tally.import_id == self.import_id and tally.outcome is not None
            outcome = str(tally.outcome) if mine else CopyOutcome.UNCHANGED.value
            month = "unknown" if tally.month is None else tally.month.label
            self.by_source[tally.source][outcome] += tally.copies
            self.by_month[month][outcome] += tally.copies

    def sources(self, files: dict[Source, int], sizes: dict[Source, int]) -> list[SourceReport]:
        """Return one report for every source that has files."""
        return [
            SourceReport(
                source,
                files[source],
                sizes[source],
                _all(self.by_source[source.value]),
                self.in_quarantine[source.value],
            )
            for source in Source
            if files.get(source)
        ]

    def months(self) -> dict[str, dict[str, int]]:
        """Return the counts of each month, in order."""
        return {month: _all(self.by_month[month]) for month in sorted(self.by_month)}


def _all(counts: Counter[str]) -> dict[str, int]:
    return {outcome.value: counts[outcome.value] for outcome in CopyOutcome}


def _skipped(files: list[SkippedFile]) -> list[dict[str, str]]:
    return [{"path": one.path, "reason": one.reason, "kind": one.kind} for one in files]
