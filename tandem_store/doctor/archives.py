"""The archives of detached months: whether each is where it was written, and what it was."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

from tandem_store import archives
from tandem_store.archives import MonthArchive
from tandem_store.archiving.archive_file import at_head, verify
from tandem_store.archiving.drop import is_the_archive
from tandem_store.doctor.context import Context
from tandem_store.doctor.findings import Finding, Severity, counted
from tandem_store.errors import StoreError


def check(context: Context) -> Iterator[Finding]:
    """Yield a finding for each archive that is not as it should be, or waits for somebody.

    Archives are opened; with ``deep`` they are read, too.
    """
    with context.read() as connection:
        known = list(archives.all_of(connection))
    due = [one for one in known if one.is_due(context.now_ms)]
    for one in known:
        if one.is_unfinished:
            yield _interrupted(one)
        elif one.is_detached:
            yield from _detached(context, one)
        elif is_the_archive(one):
            yield _left(one)
    if due:
        yield Finding(
            code="drop_due",
            severity=Severity.INFO,
            what=f"{counted(len(due), 'detached month')} may be dropped now.",
            command="tandem-store months retain --due",
            count=len(due),
        )


def _interrupted(archive: MonthArchive) -> Finding:
    folder = shlex.quote(str(Path(archive.location).parent))
    return Finding(
        code="detach_interrupted",
        severity=Severity.WARNING,
        what=(
            f"Detaching {archive.month} was begun and not finished, unless it goes on now. The "
            f"month is in the store. Do it again, which also removes what was left of it."
        ),
        command=f"tandem-store months detach {archive.month} --to {folder}",
        month=archive.month.label,
    )


def _detached(context: Context, archive: MonthArchive) -> Iterator[Finding]:
    path = Path(archive.location)
    if not path.exists():
        yield Finding(
            code="archive_missing",
            severity=Severity.WARNING,
            what=(
                f"The archive of {archive.month} is not where it was written, {path}: "
                f"{counted(archive.runs, 'run')} are in that file only. If you moved it, all is "
                "well."
            ),
            month=archive.month.label,
            count=archive.runs,
        )
        return
    why = "it is another file" if not is_the_archive(archive) else None
    if why is None and context.deep:
        why = _damage(context, path)
    if why is not None:
        yield Finding(
            code="archive_damaged",
            severity=Severity.ERROR,
            what=(
                f"{path} is not the archive of {archive.month} as it was written: {why}. Put a "
                "copy of the archive in its place."
            ),
            month=archive.month.label,
            count=archive.runs,
        )


def _damage(context: Context, path: Path) -> str | None:
    """Read all of an archive; return what is wrong with it."""
    try:
        with at_head(path) as readable:
            origin = verify(readable, lambda _: None)
    except StoreError as error:
        return str(error).rstrip(".")
    checked = context.report.checked
    checked["archived runs"] = checked.get("archived runs", 0) + origin.runs
    return None


def _left(archive: MonthArchive) -> Finding:
    return Finding(
        code="archive_left",
        severity=Severity.WARNING,
        what=f"{archive.month} was dropped, and its archive {archive.location} is there still.",
        command=f"tandem-store months drop {archive.month}",
        month=archive.month.label,
    )
