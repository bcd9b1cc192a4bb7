"""The filter for runs, shared by listing, counting and exporting."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from enum import StrEnum
from types import UnionType
from typing import Final

from tandem_store.clock import EPOCH
from tandem_store.errors import InvalidFilterError
from tandem_store.records.enums import ExecutionProfile, RunGroup, RunStatus, StopKind, WaitsFor

_MILLISECOND: Final = timedelta(milliseconds=1)
_KNOWN_NAMES: Final[dict[str, type[StrEnum]]] = {
    "status": RunStatus,
    "stop_kind": StopKind,
    "group": RunGroup,
    "waits_for": WaitsFor,
    "execution_profile": ExecutionProfile,
}
#: The columns that are filtered by name.
_CHOICES: Final = (
    "automation_id",
    "status",
    "trigger_type",
    "stop_kind",
    "org_id",
    "workspace_id",
    "deployment_id",
    "run_id",
    "automation_name",
    "definition_version",
    "execution_profile",
    "waits_for",
)
_GROUP: Final = "group"
_TIMES: Final = ("created", "updated", "finished")
#: The longest duration, and the greatest number, that a column of the store may be asked for.
_LONGEST: Final = timedelta(days=366 * 9_999)
_LARGEST: Final = 2**63 - 1
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
        InvalidFilterError: a time is naive, a name of a closed list such as a status is unknown, a
            length or number is negative, there are more than 10,000 names in all conditions
            together, or ``text`` is longer than 1,000 characters.
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
    #: Runs with this text in an id, the automation's name, the trigger, the tenant, the workspace's
    #: path, what they wait for, the detail or the failure. Upper and lower case are the same for
    #: ASCII letters only.
    text: str | None = None
    #: True: runs that will never continue. False: runs that may.
    terminal: bool | None = None
    #: Runs of this organisation.
    org_id: str | None = None
    #: Runs of this workspace.
    workspace_id: str | None = None
    #: Runs of these deployments.
    deployment_id: str | Collection[str] | None = None
    #: Runs with these ids.
    run_id: str | Collection[str] | None = None
    #: Runs whose definition had one of these names.
    automation_name: str | Collection[str] | None = None
    #: Runs whose definition had one of these versions.
    definition_version: str | Collection[str] | None = None
    #: Runs that follow their definition this strictly.
    execution_profile: str | Collection[str] | None = None
    #: Runs in these groups of the engine's panel: active, waiting, queued, failed, completed.
    group: str | Collection[str] | None = None
    #: Runs that wait for this kind of thing.
    waits_for: str | Collection[str] | None = None
    #: True: queued runs that may start now. False: queued runs that back off for some time yet.
    due: bool | None = None
    #: Runs that were not updated for at least so long: running or pausing, or queued and due; and
    #: such runs whose lease has ended, no matter when.
    stuck_for: timedelta | None = None
    #: Runs that took at least so long.
    min_duration: timedelta | None = None
    #: Runs that cost at least so much, in US dollars.
    min_cost_usd: float | None = None
    #: Runs that used at least so many tokens.
    min_tokens: int | None = None

    def __post_init__(self) -> None:
        for name in _TIMES:
            for bound in (f"{name}_from", f"{name}_to"):
                _check_aware(bound, getattr(self, bound))
        _check_text(self.text)
        for name in ("terminal", "due"):
            _check_flag(name, getattr(self, name))
        for name in ("stuck_for", "min_duration"):
            _check_length(name, getattr(self, name))
        _check_number("min_cost_usd", self.min_cost_usd, int | float)
        _check_number("min_tokens", self.min_tokens, int)
        for name in (*_CHOICES, _GROUP):
            if (given := getattr(self, name)) is not None:
                # Sets given by a caller may change later; what a filter means must not.
                wanted = _names(name, given)
                object.__setattr__(self, name, wanted)
                _check_known(name, wanted)
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

    def groups(self) -> frozenset[str] | None:
        """Return the groups that are wanted, or None for all."""
        return None if self.group is None else _names(_GROUP, self.group)

    def minimums(self) -> Iterator[tuple[str, int | float]]:
        """Yield each column that must be at least so much, and how much."""
        if self.min_duration is not None:
            # The first full millisecond that is not shorter.
            yield "duration_ms", -(-self.min_duration // _MILLISECOND)
        if self.min_cost_usd is not None:
            yield "estimated_cost_usd", float(self.min_cost_usd)
        if self.min_tokens is not None:
            yield "total_tokens", self.min_tokens

    def given(self) -> frozenset[str]:
        """Return the names of the conditions that are given."""
        return frozenset(one.name for one in fields(self) if getattr(self, one.name) is not None)

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


def _check_text(text: str | None) -> None:
    if not isinstance(text, str | None):
        raise TypeError(f"text must be a string, not {text!r}")
    if text is not None and len(text) > LONGEST_TEXT:
        raise InvalidFilterError(
            f"text has {len(text):,} characters; give at most {LONGEST_TEXT:,}"
        )


def _check_flag(name: str, flag: bool | None) -> None:
    if not isinstance(flag, bool | None):
        raise TypeError(f"{name} must be True, False or None, not {flag!r}")


def _check_aware(name: str, at: datetime | None) -> None:
    """Refuse a time without a time zone."""
    if not isinstance(at, datetime | None):
        raise TypeError(f"{name} must be a datetime, not {at!r}")
    if at is not None and at.utcoffset() is None:
        raise InvalidFilterError(
            f"{name} has no time zone; give an aware time, such as datetime(2026, 8, 1, tzinfo=UTC)"
        )


def _check_length(name: str, length: timedelta | None) -> None:
    """Refuse what is no length of time, and negative ones, which would fit every run."""
    if not isinstance(length, timedelta | None):
        raise TypeError(f"{name} must be a timedelta, not {length!r}")
    if length is not None and not timedelta() <= length <= _LONGEST:
        raise InvalidFilterError(f"{name} is {length}; give at least none and at most 9,999 years")


def _check_number(name: str, number: float | None, kind: type | UnionType) -> None:
    """Refuse what is no number of this kind, and what no column holds."""
    if number is None:
        return
    if isinstance(number, bool) or not isinstance(number, kind):
        raise TypeError(f"{name} must be a number, not {number!r}")
    if not 0 <= number <= _LARGEST:
        raise InvalidFilterError(f"{name} is {number}; give a number from 0 to 2^63 - 1")


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
