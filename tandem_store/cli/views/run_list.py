"""A list of runs: short on a terminal, complete anywhere else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any, Final

from tandem_store import RunFilter, RunSummary, clock
from tandem_store.cli import output, terminal
from tandem_store.cli.run_ids import shorten, without_prefix
from tandem_store.cli.run_pages import RunPages
from tandem_store.cli.views.detached_months import note_detached_months
from tandem_store.cli.views.status_colours import status
from tandem_store.cli.views.table import Cell
from tandem_store.cli.views.values import age, dollars, duration, number, one_line, timestamp
from tandem_store.records import RunOrder

_COMPLETE: Final = ("CREATED", "STATUS", "RUN", "AUTOMATION", "NODES", "TOKENS", "COST USD", "WHY")
_SHORT: Final = ("RUN", "AGE", "STATUS", "AUTOMATION", "NODES", "TOKENS", "COST USD", "WHY")
#: The columns that a narrow terminal leaves out, in this order.
_OPTIONAL: Final = ("TOKENS", "COST USD", "AUTOMATION", "NODES", "WHY")
#: The column that has what a list is sorted by, in the other orders.
_SHOWN_ANYWAY: Final = {RunOrder.COST: "COST USD", RunOrder.TOKENS: "TOKENS"}
#: What a list in this order shows beside the rest: the heading, and the time or length.
_SORTED_BY: Final[dict[RunOrder, tuple[str, str]]] = {
    RunOrder.UPDATED: ("UPDATED", "updated_at_ms"),
    RunOrder.FINISHED: ("FINISHED", "finished_at_ms"),
    RunOrder.DURATION: ("TOOK", "duration_ms"),
}


def to_json(run: RunSummary) -> dict[str, Any]:
    """Return the summary of a run as a JSON object."""
    return {**vars(run), "month": run.month.label, "group": run.group}


def print_pages(pages: RunPages, fields: Sequence[str] | None) -> None:
    """Print all pages as one JSON object, run by run."""
    take = to_json if fields is None else _taking(fields)

    def rest() -> dict[str, Any]:
        left_out = [{"month": one.month.label, "runs": one.runs} for one in pages.left_out()]
        return {"next_cursor": pages.next_cursor, "left_out": left_out}

    output.print_json_items(map(take, chain.from_iterable(pages)), rest)


def show_pages(pages: RunPages, fields: Sequence[str] | None, *, absolute: bool) -> None:
    """Print all pages for people, and what is not on them."""
    for runs in pages:
        if runs:
            show(runs, order=pages.order, fields=fields, absolute=absolute)
    if not pages.shown:
        output.print_note("No runs.")
        note_complete_ids(pages.query.filter)
    note_more(pages.next_cursor)
    note_detached_months(pages.left_out())


def show(
    runs: Sequence[RunSummary],
    *,
    order: RunOrder = RunOrder.CREATED,
    fields: Sequence[str] | None = None,
    absolute: bool = False,
) -> None:
    """Print the runs of a page.

    ``fields`` are the columns, by name, if not the usual ones. ``absolute`` prints times instead of
    ages, on a terminal too.
    """
    if fields is not None:
        _show_fields(runs, fields)
    elif terminal.is_terminal():
        _show_short(runs, order, absolute)
    else:
        made = _with_order(_COMPLETE, map(_complete_row, runs), runs, order, None)
        output.print_table(*made, align=f"ll{_side(order)}llrrr")


def note_complete_ids(run_filter: RunFilter) -> None:
    """Print that ids in a filter must be complete, if it names some."""
    if run_filter.run_id or run_filter.automation_id:
        output.print_note(
            "Options such as --id and --automation need complete ids, which --json prints."
        )


def note_more(cursor: str | None) -> None:
    """Print how to get the next page, if there is one."""
    if cursor is not None:
        output.print_note(f"There are more runs. Repeat the command with --cursor {cursor}")


def _show_fields(runs: Sequence[RunSummary], fields: Sequence[str]) -> None:
    take = _taking(fields)
    rows = [list(take(run).values()) for run in runs]
    sides = ("r" if all(map(_is_number, column)) else "l" for column in zip(*rows, strict=True))
    output.print_table(fields, [list(map(_text, row)) for row in rows], align="".join(sides))


def _taking(fields: Sequence[str]) -> Callable[[RunSummary], dict[str, Any]]:
    """Return the function that takes fields out of a summary, by their names."""
    # Here, because few lists need the exporter.
    from tandem_store.exporter import ExportedRun, parse_fields

    chosen = parse_fields(fields)

    def take(run: RunSummary) -> dict[str, Any]:
        columns = ExportedRun(vars(run))
        return {one.name: one.of(columns) for one in chosen}

    return take


def _is_number(value: object) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _text(value: object) -> str:
    """Return a value as JSON writes it, without quotes around text; nothing for null."""
    if value is None or isinstance(value, bool):
        return {None: "", True: "true", False: "false"}[value]
    return one_line(str(value))


def _complete_row(run: RunSummary) -> tuple[Cell, ...]:
    return (_created(run), run.status, run.run_id, run.automation_id, *_figures(run), _why(run))


def _show_short(runs: Sequence[RunSummary], order: RunOrder, absolute: bool) -> None:
    ids, now_ms = shorten(run.run_id for run in runs), clock.now_ms()
    headings = [name if name != "AGE" or not absolute else "CREATED" for name in _SHORT]
    rows: list[tuple[Cell, ...]] = [
        (
            ids[run.run_id],
            _created(run) if absolute else age(run.created_at_ms, now_ms),
            status(run.status),
            without_prefix(run.automation_id),
            *_figures(run),
            _why(run),
        )
        for run in runs
    ]
    if not any(map(_why, runs)):
        headings, rows = headings[:-1], [row[:-1] for row in rows]
    made = _with_order(headings, rows, runs, order, None if absolute else now_ms)
    side = "l" if absolute else "r"
    align = f"l{side}{_side(order)}llrrr"
    # However narrow the terminal, what the list is sorted by stays.
    optional = [heading for heading in _OPTIONAL if heading != _SHOWN_ANYWAY.get(order)]
    output.print_table(*made, align=align, cut="WHY", optional=optional)


def _side(order: RunOrder) -> str:
    """Return the alignment of the column for what the list is sorted by, if there is one."""
    return "r" if order in _SORTED_BY else ""


def _with_order(
    headings: Sequence[str],
    rows: Iterable[tuple[Cell, ...]],
    runs: Sequence[RunSummary],
    order: RunOrder,
    now_ms: int | None,
) -> tuple[list[str], list[tuple[Cell, ...]]]:
    """Return headings and rows with a third column for what the list is sorted by.

    Most orders need none. Times are ages at ``now_ms``, if that is given.
    """
    if order not in _SORTED_BY:
        return list(headings), list(rows)
    heading, name = _SORTED_BY[order]
    values = (_value(getattr(run, name), order, now_ms) for run in runs)
    wider = [(*row[:2], value, *row[2:]) for row, value in zip(rows, values, strict=True)]
    return [*headings[:2], heading, *headings[2:]], wider


def _value(value: int | None, order: RunOrder, now_ms: int | None) -> str:
    if value is None:
        return "-"
    if order is RunOrder.DURATION:
        return duration(value)
    return timestamp(value // 1_000 * 1_000) if now_ms is None else age(value, now_ms)


def _created(run: RunSummary) -> str:
    return timestamp(run.created_at_ms // 1_000 * 1_000)


def _figures(run: RunSummary) -> tuple[str, str, str]:
    nodes = run.completed_nodes + run.pending_nodes + run.blocked_nodes
    return (
        f"{number(run.completed_nodes)}/{number(nodes)}",
        number(run.total_tokens),
        dollars(run.estimated_cost_usd),
    )


def _why(run: RunSummary) -> str:
    """Return why a run failed or what it waits for, or else its detail."""
    return one_line(run.failure_reason or waiting(run) or run.detail or "")


def waiting(run: RunSummary) -> str:
    """Return what a run waits for, such as ``rate limit: acme-ai``; nothing if for nothing."""
    if run.waits_for is None:
        return ""
    kind = run.waits_for.value.replace("_", " ")
    return f"{kind}: {run.waits_for_detail}" if run.waits_for_detail else kind
