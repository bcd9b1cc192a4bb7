"""Options of an import."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tandem_store.importer.source.kinds import SourceFile


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions:
    """Options of ``import_state``.

    ``jobs`` is the number of parser processes: 1 parses in the calling process, ``None`` takes one
    per core unless the source is small. ``batch`` is the number of copies in one transaction.
    ``order`` rearranges the files before they are read, which must not change the result.
    ``strict`` stores only runs whose winning copy is well-formed. ``dry_run`` writes nothing into
    the store. ``allow_roots`` are directories outside the source that links in it may lead to.
    ``confirm_months`` allows more than 600 months.
    """

    jobs: int | None = 1
    batch: int = 500
    order: Callable[[list[SourceFile]], list[SourceFile]] | None = None
    strict: bool = False
    dry_run: bool = False
    allow_roots: tuple[Path, ...] = ()
    confirm_months: bool = False
