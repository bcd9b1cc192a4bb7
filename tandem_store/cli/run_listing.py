"""How a list of runs is asked for and shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self

from tandem_store import RunFilter, RunSummary
from tandem_store.cli import output
from tandem_store.cli.moment import resolve
from tandem_store.cli.text import dollars, moment, number, one_line
from tandem_store.errors import InvalidCursorError
from tandem_store.ledger import Entry

_TIMES: Final = ("since", "until", "finished_since", "finished_until")
_HEADINGS: Final = (
    "CREATED",
    "STATUS",
    "RUN",
    "AUTOMATION",
    "NODES",
    "TOKENS",
    "COST USD",
    "WHY",
)
_ORIGIN_HEADINGS: Final = ("SOURCE", "OUTCOME", "REASON", "UPDATED", "PATH", "KEY")
#: Between the moment that "7d" counts from and the cursor; no cursor holds it.
_SEPARATOR: Final = "~"


@dataclass(frozen=True, slots=True)
class Question:
    """A filter, and where to go on.

    A cursor is bound to its filter, and ``--since 7d`` means another filter at every moment. So the
    cursor of such a list carries the moment of its first page, and the next page counts from there.
    """

    filter: RunFilter
    cursor: str | None
    #: The moment that relative times count from, in microseconds; None without relative times.
    anchor: int | None

    @classmethod
    def of(cls, conditions: Mapping[str, Any], cursor: str | None, *, now: datetime) -> Self:
        """The question that the options ask."""
        relative = any(isinstance(conditions[name], timedelta) for name in _TIMES)
        anchor, cursor = _parted(cursor) if relative else (None, cursor)
        if anchor is not None:
            now = datetime.fromtimestamp(anchor / 1_000_000, UTC)
        run_filter = RunFilter(
            automation_id=conditions["automation"] or None,
            status=conditions["status"] or None,
            org_id=conditions["org"],
            workspace_id=conditions["workspace"],
            created_from=resolve(conditions["since"], now),
            created_to=resolve(conditions["until"], now),
            finished_from=resolve(conditions["finished_since"], now),
            finished_to=resolve(conditions["finished_until"], now),
        )
        return cls(run_filter, cursor, _microseconds(now) if relative else None)

    def continued(self, next_cursor: str | None) -> str | None:
        """The cursor to hand out for the next page."""
        if next_cursor is None or self.anchor is None:
            return next_cursor
        return f"{self.anchor}{_SEPARATOR}{next_cursor}"


def _parted(cursor: str | None) -> tuple[int | None, str | None]:
    if cursor is None:
        return None, None
    anchor, separator, rest = cursor.partition(_SEPARATOR)
    # Sixteen digits reach from 2001 to 2286; more would leave the calendar.
    if not (separator and anchor.isascii() and anchor.isdecimal() and len(anchor) == 16):
        raise InvalidCursorError(
            "The cursor was not made for a list with a time such as 7d. Use it with the same "
            "options as the page it came from."
        )
    return int(anchor), rest


def _microseconds(now: datetime) -> int:
    return (now - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def item(run: RunSummary) -> dict[str, Any]:
    """A summary as JSON."""
    return {name: getattr(run, name) for name in run.__slots__ if name != "month"} | {
        "month": run.month.label
    }


def put(runs: Sequence[RunSummary], next_cursor: str | None) -> None:
    """The list for people."""
    if not runs:
        output.note("No runs.")
        return
    output.put_table(_HEADINGS, map(_row, runs), right="llllrrr")
    if next_cursor is not None:
        output.note(f"There are more: repeat the command with --cursor {next_cursor}")


def _row(run: RunSummary) -> tuple[str, ...]:
    nodes = run.completed_nodes + run.pending_nodes + run.blocked_nodes
    return (
        moment(run.created_at_ms // 1_000 * 1_000),
        run.status,
        run.run_id,
        run.automation_id,
        f"{number(run.completed_nodes)}/{number(nodes)}",
        number(run.total_tokens),
        dollars(run.estimated_cost_usd),
        one_line(run.failure_reason or run.detail or "", 60),
    )


def origin_item(origin: Entry) -> dict[str, Any]:
    """A copy of a run as JSON; ``path`` is relative to the state root."""
    return {
        "source": origin.source,
        "path": origin.path,
        "key": origin.key,
        "outcome": origin.outcome,
        "reason": origin.reason or None,
        "updated_at_ms": origin.updated_at_ms,
        "digest": origin.digest.hex(),
    }


def put_origins(run_id: str, origins: Sequence[Entry]) -> None:
    """The copies of a run for people."""
    if not origins:
        output.note(f"The run {run_id!r} was not imported; a service wrote it.")
        return
    rows = [
        (
            origin.source,
            origin.outcome or "not judged yet",
            origin.reason or "-",
            moment(origin.updated_at_ms),
            origin.path,
            origin.key or "-",
        )
        for origin in origins
    ]
    output.put_table(_ORIGIN_HEADINGS, rows)
