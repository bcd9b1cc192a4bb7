"""What can be asked about runs."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection

from tandem_store.mapping import to_column
from tandem_store.records import RunFilter, RunRecord
from tandem_store.runs import listing, stream
from tandem_store.runs.claims import Claim, claims
from tandem_store.runs.listing import Page
from tandem_store.runs.statistics import RunStatistics, statistics
from tandem_store.runs.whole import StoredRun, Versioned, read_one


class RunReader:
    """The runs as the connection's transaction sees them; cannot write."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, run_id: str) -> RunRecord | None:
        """The whole run, or None if there is none with this id.

        Raises ``RecordTooNewError`` if a newer version wrote it; ``document`` reads it all the
        same.
        """
        stored = self.document(run_id)
        return None if stored is None else stored.record()

    def get_versioned(self, run_id: str) -> Versioned | None:
        """The whole run with its revision, which ``save`` asks for. Raises as ``get`` does."""
        stored = self.document(run_id)
        return None if stored is None else Versioned(stored.record(), stored.revision)

    def document(self, run_id: str) -> StoredRun | None:
        """The run as stored, whatever version wrote it, or None if there is none with this id."""
        return read_one(self._connection, to_column(run_id))

    def exists(self, run_id: str) -> bool:
        """Whether there is a run with this id."""
        return listing.locate(self._connection, to_column(run_id)) is not None

    def list(
        self,
        run_filter: RunFilter | None = None,
        *,
        limit: int = 50,
        cursor: str | None = None,
        newest_first: bool = True,
    ) -> Page:
        """A page of summaries in the order of creation; runs created together go by their ids.

        ``limit`` is 1 to 1,000. ``cursor`` is the ``next_cursor`` of the page before.

        Raises:
            InvalidCursorError: it is damaged, or was made for another filter or order.
        """
        return listing.page(
            self._connection,
            run_filter or RunFilter(),
            limit=limit,
            cursor=cursor,
            newest_first=newest_first,
        )

    def count(self, run_filter: RunFilter | None = None) -> int:
        """How many runs pass the filter."""
        return listing.count(self._connection, run_filter or RunFilter())

    def iterate(
        self, run_filter: RunFilter | None = None, *, newest_first: bool = True
    ) -> Iterator[RunRecord]:
        """Every whole run that passes, in the order of ``list``, some tens in memory at a time.

        Raises as ``get`` does, when it comes to such a run.
        """
        documents = stream.in_order(
            self._connection, run_filter or RunFilter(), newest_first=newest_first
        )
        return (stored.record() for stored in documents)

    def documents_by_id(self) -> Iterator[StoredRun]:
        """Every run as stored, by the code points of the ids, some tens in memory at a time."""
        return stream.by_id(self._connection)

    def claims(self) -> Iterator[Claim]:
        """Every run that was ever claimed, by the code points of the ids."""
        return claims(self._connection)

    def stats(self, run_filter: RunFilter | None = None) -> tuple[RunStatistics, ...]:
        """Runs, tokens and cost by month and status, oldest month first."""
        return statistics(self._connection, run_filter or RunFilter())
