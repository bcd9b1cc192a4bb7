"""Two values beside each other, each pair with a label, fitted to the width of the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len

from tandem_store.cli import terminal
from tandem_store.cli.views.table import Cell, as_styled, as_text
from tandem_store.cli.views.values import one_line, path_lines

if TYPE_CHECKING:
    from rich.console import RenderableType

#: Spaces between columns.
_GAP: Final = 2
#: On a terminal, a value takes so many lines if its words do not need more.
_LINES: Final = 2
#: How many columns of a value are printed anywhere else.
_COLUMNS: Final = 100


def drawing(
    headings: Sequence[str], rows: Sequence[Sequence[Cell]], window: int | None
) -> RenderableType:
    """Return a drawing of three columns; ``window`` is the width of the terminal, if it is one."""
    from rich.table import Table as Drawing

    made = Drawing(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
    labels = [as_styled(row[0]).text for row in rows]
    widths = (None, None, None) if window is None else _columns([headings[0], *labels], window)
    for heading, width in zip(headings, widths, strict=True):
        made.add_column(heading, width=width, no_wrap=window is None, overflow="fold")
    for label, row in zip(labels, rows, strict=True):
        lines = "\n".join(path_lines(label, widths[0]))
        made.add_row(lines, *(as_text(as_styled(cell)) for cell in row[1:]))
    return made


def excerpts(one: str, other: str) -> tuple[str, str]:
    """Return two texts as short as they are shown, from shortly before they begin to differ."""
    width = most_columns()
    if max(cell_len(one), cell_len(other)) <= width:
        return one, other
    begin = _first_difference(one, other) - width // 3
    if begin <= width // 3:
        return one_line(one, width), one_line(other, width)
    return one_line(f"…{one[begin:]}", width), one_line(f"…{other[begin:]}", width)


def most_columns() -> int:
    """Return how many columns of a value are shown."""
    window = terminal.width()
    return _COLUMNS if window is None else _LINES * (window // 3)


def _columns(labels: Sequence[str], window: int) -> tuple[int, int, int]:
    label = min(max(map(cell_len, labels)), window // 3)
    value = max((window - label - 2 * _GAP) // 2, 1)
    return label, value, value


def _first_difference(one: str, other: str) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))
