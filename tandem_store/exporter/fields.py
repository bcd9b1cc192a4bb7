"""The fields of an export: columns, what follows from them, and values inside the records.

A value inside a record is named by a JSON Pointer (RFC 6901), such as
``/checkpoint/last_failure/reason``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

from tandem_store import json_pointer
from tandem_store.clock import aware_datetime
from tandem_store.errors import InvalidFieldError
from tandem_store.exporter.pages import pages
from tandem_store.records import RunFilter, RunSummary, group_of
from tandem_store.runs import StoredRun
from tandem_store.store import ReadTransaction

#: The columns, in the order of a list as JSON.
COLUMNS: Final = tuple(field.name for field in fields(RunSummary))
#: The columns that are lengths of time; all others in milliseconds are moments.
_LENGTHS: Final = ("duration_ms",)
#: The moments, as text (ISO 8601, UTC), by names without the unit.
TIMES: Final = tuple(
    name.removesuffix("_ms") for name in COLUMNS if name.endswith("_ms") and name not in _LENGTHS
)
#: What follows from columns: the moments, and the group in which the engine's panel shows a run.
DERIVED: Final = (*TIMES, "group")
#: The summaries that are read at a time.
_PAGE: Final = 1_000

#: The values of the columns of one run, by name.
Columns = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ExportedRun:
    """One run: its columns, and its record as the engine writes it if a field needs it.

    A run whose content was forgotten has no record.
    """

    columns: Columns
    record: Any = None


@dataclass(frozen=True, slots=True)
class Field:
    """A field of an export: its name, and the function that takes its value out of a run."""

    name: str
    of: Callable[[ExportedRun], Any]

    @property
    def is_pointer(self) -> bool:
        """Whether the value comes from the record."""
        return self.name.startswith("/")


def column_fields() -> tuple[Field, ...]:
    """Return a field for each column."""
    return tuple(map(_field, COLUMNS))


def parse_fields(names: Iterable[str]) -> tuple[Field, ...]:
    """Return the fields with these names, in their order.

    Raises:
        InvalidFieldError: there is no such field, a name is given twice, or there are no names.

    >>> [field.name for field in parse_fields(["run_id", "/checkpoint/last_failure/reason"])]
    ['run_id', '/checkpoint/last_failure/reason']
    """
    wanted = list(names)
    chosen = {name: _field(name) for name in wanted}
    if not wanted:
        raise InvalidFieldError("No field is named. Name at least one, such as run_id.")
    if len(chosen) < len(wanted):
        twice = next(name for name in chosen if wanted.count(name) > 1)
        raise InvalidFieldError(f"The field {twice!r} is named twice. Name it once.")
    return tuple(chosen.values())


def runs_with_fields(
    tx: ReadTransaction, run_filter: RunFilter | None, chosen: Sequence[Field]
) -> Iterator[ExportedRun]:
    """Yield the runs that pass the filter, the oldest created first.

    Documents are read only if a field is in the record.
    """
    if any(field.is_pointer for field in chosen):
        return complete_runs(tx, run_filter)
    return _summaries(tx, run_filter)


def complete_runs(tx: ReadTransaction, run_filter: RunFilter | None) -> Iterator[ExportedRun]:
    """Yield the runs that pass the filter with their records, the oldest created first."""
    for stored in tx.runs.iterate_documents(run_filter, newest_first=False):
        yield exported(stored)


def exported(stored: StoredRun) -> ExportedRun:
    """Return a run that was read with its document. Raises as ``StoredRun.record`` does."""
    record = None if stored.is_forgotten else stored.record().to_legacy()
    return ExportedRun(stored.columns, record)


def left_out(tx: ReadTransaction) -> int:
    """Return how many runs no export has, because their months are detached."""
    return sum(month.runs for month in tx.runs.detached())


def _summaries(tx: ReadTransaction, run_filter: RunFilter | None) -> Iterator[ExportedRun]:
    for page in pages(tx, run_filter, _PAGE):
        yield from (ExportedRun(vars(summary)) for summary in page)


def _field(name: str) -> Field:
    if name == "month":
        return Field(name, lambda run: run.columns["month"].label)
    if name in COLUMNS:
        return Field(name, lambda run: run.columns[name])
    if name in TIMES:
        return Field(name, lambda run: _iso(run.columns[f"{name}_ms"]))
    if name == "group":
        return Field(name, lambda run: group_of(run.columns["status"], run.columns["waits_for"]))
    if name.startswith("/"):
        path = json_pointer.tokens(name)
        return Field(name, lambda run: json_pointer.value_at(run.record, path))
    raise InvalidFieldError(
        f"There is no field {name!r}. Fields are {', '.join((*COLUMNS, *DERIVED))}, and JSON "
        "Pointers into the record, such as /checkpoint/last_failure/reason."
    )


def _iso(at_ms: int | None) -> str | None:
    at = aware_datetime(at_ms)
    return None if at is None else at.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
