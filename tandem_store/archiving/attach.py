"""Attaching: an archive is read and checked, and everything in it goes back in one transaction."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, Row, Table, delete, insert, select

from tandem_store import archives, dictionaries
from tandem_store.archives import ArchiveOrigin, MonthArchive
from tandem_store.archiving.archive_file import at_head, opened, revisions_of, verify
from tandem_store.archiving.content import Content, digest_of
from tandem_store.archiving.replaced import replaced
from tandem_store.archiving.report import AttachReport
from tandem_store.atomic_file import os_errors_as_store_errors
from tandem_store.batches import batched
from tandem_store.copying import parts
from tandem_store.copying.parts import DEFAULT_BATCH
from tandem_store.database import partitions
from tandem_store.database.bulk import insert_tuples
from tandem_store.database.locks.jobs import import_lock, months_lock
from tandem_store.database.urls import database_url
from tandem_store.errors import ConflictError, NotAStoreError, quote_ids
from tandem_store.mapping import compression
from tandem_store.mapping.compression import ENCODING, FORGOTTEN, WITH_DICTIONARY
from tandem_store.progress import Progress, ignore_progress
from tandem_store.runs import storage, totals
from tandem_store.store import open_store
from tandem_store.tables import (
    automation_snapshots,
    detached_runs,
    import_entries,
    months,
    quarantine,
    runs,
    stored_table,
)

_BATCH: Final = 500


def attach_month(
    url: str | URL, archive: str | os.PathLike[str], *, progress: Progress | None = None
) -> AttachReport:
    """Bring the month in an archive back into the store; the archive stays as it is.

    All of the archive is read and compared with the digest that it carries, before and after. It
    may be of an older revision. Of the runs in it, none may be in the store, other than with their
    content forgotten: that is restored. ``progress`` is called with the phase, how many runs are
    done, and how many there are.

    Raises:
        StoreError: there is no such file.
        NotAStoreError: the file is not the archive of a month, is damaged, or was altered.
        SchemaAheadError: it is of a newer version of the package.
        ConflictError: runs of it are in the store; its month is in another archive, which is
            attached first; or some of its runs were dropped with another archive.
        StoreLockedError: an import, or another job on months, is running.

    >>> report = detach_month(filled_url, Month.parse("2026-05"), folder / "archives")
    >>> attach_month(filled_url, report.archive).runs
    3
    """
    began, target, path = time.monotonic(), database_url(url), Path(archive).absolute()
    notify = progress or ignore_progress
    with (
        os_errors_as_store_errors(),
        open_store(target) as store,
        import_lock(target),
        months_lock(target),
        at_head(path) as readable,
    ):
        steps = _Steps(notify, runs=_runs_in(readable))
        origin = verify(readable, steps.count)
        with opened(readable) as source, store.begin() as tx:
            attachment = _Attachment(source, tx.connection, origin, steps.count)
            restored = attachment.run()
    return AttachReport(
        month=origin.month,
        runs=origin.runs,
        quarantined=origin.quarantined,
        restored=restored,
        archive=path,
        seconds=time.monotonic() - began,
    )


@dataclass(slots=True)
class _Steps:
    """Reports how far it came: each run is read, written, and read back."""

    progress: Progress
    runs: int
    done: int = 0

    def count(self, runs_read: int) -> None:
        self.done += runs_read
        self.progress("attaching", self.done, max(self.done, 3 * self.runs))


def _runs_in(path: Path) -> int:
    with opened(path) as connection:
        origin = archives.origin_of(connection)
    return 0 if origin is None else origin.runs


@dataclass(slots=True)
class _Attachment:
    """One archive on its way into the store."""

    source: Connection
    target: Connection
    origin: ArchiveOrigin
    count: Callable[[int], None]
    _content: Content = field(init=False)
    _replaced: list[MonthArchive] = field(init=False)

    def run(self) -> int:
        """Move everything, and compare; return how many runs were restored."""
        self._content = Content.of_archive(self.source)
        self._replaced = replaced(self.target, self.origin, self._content.run_ids)
        restored = self._make_room()
        is_new = not partitions.is_listed(self.target, self.origin.month)
        returns = is_new or partitions.is_detached(self.target, self.origin.month)
        if is_new:
            row = {"month": self.origin.month, "state": "detached", "attached_at_ms": 0}
            self.target.execute(insert(months).values(row))
        table = (
            partitions.begin_to_put_back(self.target, self.origin.month)
            if returns
            else partitions.document_table(self.target, self.origin.month)
        )
        self._copy_runs(table)
        if returns:
            partitions.put_back(self.target, self.origin.month)
        self._remove_same_items()
        items = self._copy_quarantine()
        self._forget_archive()
        self._compare(items)
        return restored

    def _make_room(self) -> int:
        """Refuse runs that are there, and remove those of which the content was forgotten."""
        in_store = revisions_of(self.target, self._content.run_ids)
        ours = revisions_of(self.source)
        forgotten = self._forgotten(in_store)
        colliding = (
            sorted(
                run_id
                for run_id, revision in in_store.items()
                if run_id not in forgotten or revision != ours[run_id]
            )
            or self._elsewhere()
        )
        if colliding:
            if len(colliding) == len(ours):
                raise ConflictError(
                    f"The store has all runs of this archive already: {self.origin.month} is "
                    "attached. Nothing was changed."
                )
            raise ConflictError(
                "The store has runs of this archive already, so nothing was attached: "
                f"{quote_ids(colliding, len(colliding))}."
            )
        for run_id in sorted(forgotten):
            storage.remove_document(self.target, run_id, self.origin.month)
            self.target.execute(delete(runs).where(runs.c.run_id == run_id))
        return len(forgotten)

    def _forgotten(self, in_store: Mapping[str, int]) -> set[str]:
        """Return those of the runs in the store that have no content any more."""
        month = self.origin.month
        if not in_store or not partitions.is_listed(self.target, month):
            return set()
        if partitions.is_detached(self.target, month):
            return set()
        table = partitions.document_table(self.target, month)
        query = select(table.c.run_id).where(table.c.month == month, table.c.encoding == FORGOTTEN)
        return set(self.target.scalars(query)) & in_store.keys()

    def _elsewhere(self) -> list[str]:
        """Return the runs that are in another archive of the store."""
        here = {one.id for one in self._replaced}
        query = select(detached_runs.c.run_id, detached_runs.c.archive_id)
        found: list[str] = []
        for batch in batched(self._content.run_ids, _BATCH):
            rows = self.target.execute(query.where(detached_runs.c.run_id.in_(batch)))
            found += [row.run_id for row in rows if row.archive_id not in here]
        return found

    def _copy_runs(self, documents: Table) -> None:
        snapshot_ids = self._snapshots()
        numbers = self._dictionaries()
        ours = parts.of_month(self.source, self.origin.month)
        columns = runs.c.keys()
        at = columns.index("snapshot_id")
        for rows in parts.batches(self.source, ours, None, DEFAULT_BATCH):
            slim, rest = [], []
            for row in rows:
                values = list(row[: len(columns)])
                values[at] = None if values[at] is None else snapshot_ids[values[at]]
                slim.append(tuple(values))
                rest.append(self._document(row[len(columns) :], documents, numbers))
            insert_tuples(self.target, stored_table(runs), columns, slim)
            insert_tuples(self.target, stored_table(documents), documents.c.keys(), rest)
            self.count(len(rows))

    def _snapshots(self) -> dict[int, int]:
        """Store the snapshots; return the number here for each number in the archive."""
        stored = stored_table(automation_snapshots)
        ids: dict[int, int] = {}
        for row in self.source.execute(select(stored)):
            same = select(stored.c.id).where(stored.c.digest == row.digest)
            same = same.with_for_update(read=True, key_share=True)
            known = self.target.scalar(same)
            if known is None:
                values = {name: value for name, value in row._asdict().items() if name != "id"}
                statement = insert(automation_snapshots).values(values)
                known = self.target.scalar(statement.returning(automation_snapshots.c.id))
            assert known is not None  # it was found or inserted
            ids[row.id] = known
        return ids

    def _dictionaries(self) -> set[int]:
        """Store the dictionaries; return the numbers that mean the same here as in the archive."""
        same: set[int] = set()
        for number in sorted(dictionaries.numbers(self.source)):
            dictionary = dictionaries.read(self.source, number)
            if number in dictionaries.numbers(self.target):
                theirs = dictionaries.read(self.target, number)
                if theirs.dict_content != dictionary.dict_content:
                    continue
            content = dictionaries.compressed(dictionary)
            dictionaries.list_for_month(self.target, self.origin.month, dictionary, content)
            same.add(number)
        return same

    def _document(self, row: Sequence[Any], documents: Table, same: set[int]) -> tuple[Any, ...]:
        """Return a document's row; compressed anew if its dictionary's number is taken here."""
        values = dict(zip(documents.c.keys(), row, strict=True))
        if values["encoding"] == WITH_DICTIONARY:
            blob = bytes(values["document"])
            if compression.dictionary_number(blob) not in same:
                plain = dictionaries.decompress(self.source, blob, WITH_DICTIONARY)
                values |= {"encoding": ENCODING, "document": compression.compress(plain)}
        return tuple(values.values())

    def _remove_same_items(self) -> None:
        """Remove the items that come back, which forgetting has discarded, or was about to."""
        stored = stored_table(quarantine)
        item = stored.c
        for item_id in self._content.item_ids:
            row = self.source.execute(select(item.entry_id).where(item.id == item_id)).one()
            if self._has_entry(row):
                same = item.entry_id == row.entry_id
                self.target.execute(delete(stored).where(same))

    def _copy_quarantine(self) -> list[int]:
        """Add the quarantined items under new numbers, and return these."""
        stored = stored_table(quarantine)
        items: list[int] = []
        for item_id in sorted(self._content.item_ids):
            row = self.source.execute(select(stored).where(stored.c.id == item_id)).one()
            values = {name: value for name, value in row._asdict().items() if name != "id"}
            if not self._has_entry(row):
                values |= {"entry_id": None, "import_id": None}
            statement = insert(stored).values(values).returning(stored.c.id)
            items.append(self.target.execute(statement).scalar_one())
        return items

    def _has_entry(self, item: Row[Any]) -> bool:
        """Whether the ledger here has the copy that was quarantined, under the same number."""
        entry = import_entries.c
        query = select(entry.digest).where(entry.id == item.entry_id)
        here, there = self.target.scalar(query), self.source.scalar(query)
        return here is not None and here == there

    def _forget_archive(self) -> None:
        for known in self._replaced:
            gone = detached_runs.c.archive_id == known.id
            self.target.execute(delete(detached_runs).where(gone))
            totals.remove(self.target, known.id)
            archives.forget(self.target, known.id)

    def _compare(self, items: list[int]) -> None:
        arrived = Content(self._content.run_ids, items)
        if digest_of(self.target, arrived, self.count, check=False) != self.origin.digest:
            raise NotAStoreError(
                "What was written to the store reads back as something else, so nothing was "
                "attached. Check its disk, then attach again."
            )
