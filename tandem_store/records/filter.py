"""The filter for runs, shared by listing, counting and exporting."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from tandem_store.clock import EPOCH
from tandem_store.errors import InvalidFilterError
from tandem_store.records.enums import RunStatus, StopKind

_MILLISECOND: Final = timedelta(milliseconds=1)
_KNOWN_NAMES: Final[dict[str, type[StrEnum]]] = {"status": RunStatus, "stop_kind": StopKind}
_CHOICES: Final = ("automation_id", "status", "trigger_type", "stop_kind", "org_id", "workspace_id")
_TIMES: Final = ("created", "updated", "finished")
#: How many names a filter may have: SQLite may be built for 32,766 values in a statement, and one
#: of 10,000 takes milliseconds.
MOST_NAMES: Final = 10_000
#: The longest ``text``, in characters: SQLite takes patterns of up to 50,000 bytes.
LONGEST_TEXT: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFilter:
    """Selects the runs that match every given condition; without conditions, all runs.

    A condition by name takes one name or several: a run matches if it has any of them, and no run
    matches an empty set. Times are aware datetimes and ranges are half-open: ``created_from`` is
    included, ``created_to`` is not.

    Raises:
        InvalidFilterError: a time is naive, a status or stop kind is unknown, there are more than
            10,000 names in all conditions together, or ``text`` is longer than 1,000 characters.
        TypeError: a condition has the wrong type.

    >>> from datetime import UTC, datetime
    >>> august = datetime(2026, 8, 1, tzinfo=UTC)
    >>> RunFilter(status={"failed"}, created_from=august) == RunFilter(
    ...     status=["failed"], created_from=august
    ... )
    True
    """

    #: Runs of these automations.
    automation_id: str | Collection[str] | None = None
    #: Runs with these statuses.
    status: str | Collection[str] | None = None
    #: Runs started by these triggers.
    trigger_type: str | Collection[str] | None = None
    #: Runs with these kinds of stop.
    stop_kind: str | Collection[str] | None = None
    #: Runs created at this time or later.
    created_from: datetime | None = None
    #: Runs created before this time.
    created_to: datetime | None = None
    #: Runs last updated at this time or later.
    updated_from: datetime | None = None
    #: Runs last updated before this time.
    updated_to: datetime | None = None
    #: Runs that ended at this time or later.
    finished_from: datetime | None = None
    #: Runs that ended before this time.
    finished_to: datetime | None = None
    #: Runs whose id, automation, detail or failure contains this text. Upper and lower case are the
    #: same for ASCII letters only.
    text: str | None = None
    #: True: runs that will never continue. False: runs that may.
    terminal: bool | None = None
    #: Runs of this organisation.
    org_id: str | None = None
    #: Runs of this workspace.
    workspace_id: str | None = None

    def __post_init__(self) -> None:
        for name in _TIMES:
            for bound in (f"{name}_from", f"{name}_to"):
                _check_aware(bound, getattr(self, bound))
        if not isinstance(self.text, str | None):
            raise TypeError(f"text must be a string, not {self.text!r}")
        if self.text is not None and len(self.text) > LONGEST_TEXT:
            raise InvalidFilterError(
                f"text has {len(self.text):,} characters; give at most {LONGEST_TEXT:,}"
            )
        if not isinstance(self.terminal, bool | None):
            raise TypeError(f"terminal must be True, False or None, not {self.terminal!r}")
        for column, wanted in self.choices():
            # Sets given by a caller may change later; what a filter means must not.
            object.__setattr__(self, column, wanted)
            _check_known(column, wanted)
        names = sum(len(wanted) for _, wanted in self.choices())
        if names > MOST_NAMES:
            raise InvalidFilterError(
                f"the filter has {names:,} names; give at most {MOST_NAMES:,}, and use another "
                "filter for the rest"
            )

    def choices(self) -> Iterator[tuple[str, frozenset[str]]]:
        """Yield each column that is filtered by name, with the names that match."""
        for column in _CHOICES:
            wanted = getattr(self, column)
            if wanted is not None:
                yield column, _names(column, wanted)

    def ranges(self) -> Iterator[tuple[str, int | None, int | None]]:
        """Yield each filtered time column with its first and its first excluded millisecond."""
        for name in _TIMES:
            first, end = getattr(self, f"{name}_from"), getattr(self, f"{name}_to")
            if first is not None or end is not None:
                yield f"{name}_at_ms", _millisecond(first), _millisecond(end)


def _names(column: str, wanted: str | Collection[str]) -> frozenset[str]:
    """Return the names given for a column; raises ``TypeError`` unless they are strings."""
    names = [wanted] if isinstance(wanted, str) or not isinstance(wanted, Iterable) else [*wanted]
    if not all(isinstance(name, str) for name in names):
        raise TypeError(f"{column} must be a string or a collection of strings, not {wanted!r}")
    # Exactly the text, whatever subclass of it was given: str() of an enum is its name.
    return frozenset(map(str.__str__, names))


def _check_aware(name: str, at: datetime | None) -> None:
    """Refuse a time without a time zone."""
    if not isinstance(at, datetime | None):
        raise TypeError(f"{name} must be a datetime, not {at!r}")
    if at is not None and at.utcoffset() is None:
        raise InvalidFilterError(
            f"{name} has no time zone; give an aware time, such as datetime(2026, 8, 1, tzinfo=UTC)"
        )


def _check_known(column: str, wanted: frozenset[str]) -> None:
    """Refuse names that no run can have: they would silently match nothing."""
    names = _KNOWN_NAMES.get(column)
    unknown = sorted(wanted.difference(names)) if names else []
    if names and unknown:
        raise InvalidFilterError(
            f"unknown {column} {', '.join(unknown)}; known are {', '.join(names)}"
        )


def _millisecond(at: datetime | None) -> int | None:
    """Return the first full millisecond since 1970, UTC, that is not before the time; or None."""
    return None if at is None else -((EPOCH - at) // _MILLISECOND)
