"""Retention: which months leave the store, and when those that have left are dropped."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection

from tandem_store import archives
from tandem_store.archiving.archive_file import name_of
from tandem_store.archiving.blockers import Blocker, blockers, held
from tandem_store.archiving.detach import detach_month
from tandem_store.archiving.drop import drop_month
from tandem_store.archiving.report import DetachReport, DropReport
from tandem_store.clock import now_ms
from tandem_store.database.urls import database_url, sqlite_path
from tandem_store.errors import HeldError, StoreError
from tandem_store.month import Month
from tandem_store.months import MonthReader, MonthSummary
from tandem_store.progress import Progress
from tandem_store.store import open_store

#: The folder for archives if none is named: beside an SQLite file, else in the current folder.
FOLDER: Final = "tandem-store-archives"

#: The most months that can be kept: a thousand years of them.
MOST_KEPT: Final = 12_000

DETACH: Final = "detach"
DROP: Final = "drop"


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionStep:
    """What is done about one month: ``detach`` or ``drop``; nothing if something blocks it.

    ``archive`` is the file that it goes into, or that is removed. ``bytes`` is the size of the
    documents, or that of the file.
    """

    month: Month
    action: str
    runs: int
    bytes: int
    archive: Path
    blocked_by: tuple[Blocker, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the step as a JSON object."""
        return {
            "month": self.month.label,
            "action": self.action,
            "runs": self.runs,
            "bytes": self.bytes,
            "archive": str(self.archive),
            "blocked_by": [one.to_json() for one in self.blocked_by],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionPlan:
    """The steps in their order, the oldest month first; ``kept`` are the months that stay."""

    steps: tuple[RetentionStep, ...]
    kept: tuple[Month, ...]
    drop_after: timedelta | None = None

    @property
    def to_do(self) -> tuple[RetentionStep, ...]:
        """The steps that nothing blocks."""
        return tuple(one for one in self.steps if not one.blocked_by)

    @property
    def blocked(self) -> tuple[RetentionStep, ...]:
        """The steps that something blocks."""
        return tuple(one for one in self.steps if one.blocked_by)


@dataclass(slots=True, kw_only=True)
class RetentionReport:
    """What was done. ``blocked`` are the steps that were not, also of those that were planned."""

    detached: list[DetachReport] = field(default_factory=list)
    dropped: list[DropReport] = field(default_factory=list)
    blocked: list[RetentionStep] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return the report as a JSON object."""
        return {
            "detached": [one.to_json() for one in self.detached],
            "dropped": [one.to_json() for one in self.dropped],
            "blocked": [one.to_json() for one in self.blocked],
        }


def plan_retention(
    url: str | URL,
    *,
    keep: int | None = None,
    archive_to: str | os.PathLike[str] | None = None,
    drop_after: timedelta | None = None,
) -> RetentionPlan:
    """Plan what ``retain_months`` does; changes nothing.

    The ``keep`` newest months stay, the current one among them: with 1, only that. Older months
    with runs are detached into ``archive_to``, by default the folder ``tandem-store-archives``
    beside an SQLite file, or in the current folder. Months that an earlier call detached with
    ``drop_after`` are dropped when that time is over; without ``keep``, only they are.

    Raises ``ValueError`` if ``keep`` is not 1 to 12,000 or ``drop_after`` is negative.

    >>> plan = plan_retention(filled_url, keep=1)
    >>> [(step.action, step.month.label, step.runs) for step in plan.steps]
    [('detach', '2026-05', 3)]
    """
    if keep is not None and not 1 <= keep <= MOST_KEPT:
        raise ValueError(f"keep is 1, for the current month alone, to {MOST_KEPT:,}")
    if drop_after is not None and drop_after < timedelta():
        raise ValueError("drop_after is not negative")
    target = database_url(url)
    folder = _folder(target) if archive_to is None else Path(archive_to).absolute()
    with open_store(target) as store, store.read() as tx:
        months = MonthReader(tx.connection).list()
        leaving = [] if keep is None else _leaving(months, keep)
        steps = [
            *_due(tx.connection),
            *(_detachment(tx.connection, month, folder) for month in leaving),
        ]
    gone = {month.month for month in leaving}
    kept = tuple(m.month for m in months if m.state == "attached" and m.month not in gone)
    return RetentionPlan(steps=tuple(steps), kept=kept, drop_after=drop_after)


def retain_months(
    url: str | URL, plan: RetentionPlan, *, progress: Progress | None = None
) -> RetentionReport:
    """Carry out a plan: drop what is due, then detach, the oldest month first.

    What came to block a month since it was planned leaves that month as it is.
    """
    report = RetentionReport(blocked=list(plan.blocked))
    drop_due = None
    if plan.drop_after is not None:
        drop_due = now_ms() + int(plan.drop_after / timedelta(milliseconds=1))
    for step in plan.to_do:
        try:
            if step.action == DROP:
                report.dropped.append(drop_month(url, step.month))
            else:
                folder = step.archive.parent
                done = detach_month(
                    url, step.month, folder, drop_due_at_ms=drop_due, progress=progress
                )
                report.detached.append(done)
        except StoreError as error:
            report.blocked.append(_blocked(step, error))
    return report


def _folder(target: URL) -> Path:
    path = sqlite_path(target)
    parent = Path.cwd() if path is None else Path(path).absolute().parent
    return parent / FOLDER


def _leaving(months: tuple[MonthSummary, ...], keep: int) -> list[MonthSummary]:
    first_kept = Month.of_ms(now_ms()).later(1 - keep)
    return [
        month
        for month in months
        if month.month < first_kept and month.state == "attached" and month.runs
    ]


def _detachment(connection: Connection, month: MonthSummary, folder: Path) -> RetentionStep:
    return RetentionStep(
        month=month.month,
        action=DETACH,
        runs=month.runs,
        bytes=month.bytes,
        archive=folder / name_of(month.month),
        blocked_by=tuple(blockers(connection, month.month)),
    )


def _due(connection: Connection) -> Iterator[RetentionStep]:
    now = now_ms()
    for one in archives.all_of(connection):
        if one.is_due(now):
            kept = held(connection, one.month)
            yield RetentionStep(
                month=one.month,
                action=DROP,
                runs=one.runs,
                bytes=one.bytes,
                archive=Path(one.location),
                blocked_by=() if kept is None else (kept,),
            )


def _blocked(step: RetentionStep, error: StoreError) -> RetentionStep:
    run_ids = error.run_ids if isinstance(error, HeldError) else ()
    return replace(step, blocked_by=(Blocker("failed", str(error), run_ids),))
