"""Tables and facts as rich draws them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple, Self, TypeAlias

from rich.cells import cell_len

from tandem_store.cli.views.text import one_line, printable

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

#: Spaces between columns.
_GAP: Final = 2
#: A column is not cut to less than this.
_LEAST: Final = 20


class Styled(NamedTuple):
    """A text and the style that a terminal shows it in, as rich spells styles."""

    text: str
    style: str


Cell: TypeAlias = str | Styled


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells without control characters, below headings."""

    headings: tuple[str, ...]
    rows: tuple[tuple[Styled, ...], ...]
    #: ``r`` for a column that stands to the right, else ``l``.
    sides: str

    @classmethod
    def of(cls, headings: Sequence[str], rows: Iterable[Sequence[Cell]], right: str = "") -> Self:
        """The table of these cells."""
        cells = tuple(tuple(map(_styled, row)) for row in rows)
        return cls(tuple(headings), cells, right.ljust(len(headings), "l"))

    @property
    def widths(self) -> list[int]:
        """The columns of a terminal that each column takes."""
        return [
            max([cell_len(heading), *(cell_len(row[at].text) for row in self.rows)])
            for at, heading in enumerate(self.headings)
        ]

    @property
    def width(self) -> int:
        """The columns of a terminal that the table takes."""
        return sum(self.widths) + _GAP * (len(self.headings) - 1)

    def fitted(self, width: int, *, cut: str, optional: Sequence[str]) -> Table:
        """The table without optional columns and with one cut, as far as the width asks for it."""
        made = self
        for heading in optional:
            if made.width - made.spare(cut) > width:
                made = made.without(heading)
        return made.shortened(cut, made.width - width) if made.width > width else made

    def ruled(self) -> RenderableType:
        """One line a row."""
        from rich.table import Table as Drawing

        drawing = Drawing(box=None, pad_edge=False, header_style="bold")
        for heading, side in zip(self.headings, self.sides, strict=True):
            drawing.add_column(heading, justify="right" if side == "r" else "left", no_wrap=True)
        for row in self.rows:
            drawing.add_row(*map(_text, row))
        return drawing

    def paragraphs(self) -> RenderableType:
        """One paragraph a row, below its first cell."""
        from rich.console import Group
        from rich.text import Text

        parts: list[RenderableType] = []
        for first, *rest in self.rows:
            told = [
                Text.assemble((f"{heading.lower()} ", "dim"), (cell.text, cell.style))
                for heading, cell in zip(self.headings[1:], rest, strict=True)
                if cell.text not in {"", "-"}
            ]
            parts.append(Text(first.text, first.style or "bold"))
            parts.append(_padded(Text(", ").join(told), _GAP))
        return Group(*parts)

    def spare(self, cut: str) -> int:
        """How many columns of a terminal the column headed so can do without."""
        if cut not in self.headings:
            return 0
        return max(self.widths[self.headings.index(cut)] - _LEAST, 0)

    def without(self, heading: str) -> Table:
        """The table without that column."""
        if heading not in self.headings:
            return self
        gone = self.headings.index(heading)
        return Table(
            self.headings[:gone] + self.headings[gone + 1 :],
            tuple(row[:gone] + row[gone + 1 :] for row in self.rows),
            self.sides[:gone] + self.sides[gone + 1 :],
        )

    def shortened(self, heading: str, excess: int) -> Table:
        """The table with that column cut by so many columns of a terminal, if it has as many."""
        if heading not in self.headings:
            return self
        at = self.headings.index(heading)
        left = max(self.widths[at] - excess, _LEAST)
        rows = (
            (*row[:at], row[at]._replace(text=one_line(row[at].text, left)), *row[at + 1 :])
            for row in self.rows
        )
        return replace(self, rows=tuple(rows))


def facts(pairs: Iterable[tuple[str, Cell]]) -> RenderableType:
    """Labels, and beside them what they stand for, broken between words where it is long."""
    from rich.table import Table as Drawing

    drawing = Drawing.grid(padding=(0, _GAP), pad_edge=False)
    drawing.add_column(no_wrap=True, style="bold")
    drawing.add_column(overflow="fold")
    for label, cell in pairs:
        drawing.add_row(label, _text(_styled(cell)))
    return drawing


def styled(text: str, style: str) -> RenderableType:
    """A text in a style, broken between words."""
    from rich.text import Text

    return Text(text, style, overflow="fold")


def indented(text: str, indent: int) -> RenderableType:
    """A text some columns to the right, broken between words."""
    from rich.text import Text

    return _padded(Text(text, overflow="fold"), indent)


def _padded(text: Text, indent: int) -> RenderableType:
    from rich.padding import Padding

    return Padding(text, (0, 0, 0, indent), expand=False)


def _styled(cell: Cell) -> Styled:
    text, style = (cell, "") if isinstance(cell, str) else cell
    return Styled(printable(text), style)


def _text(cell: Styled) -> Text:
    # Text, not str: a cell is never read as rich's own markup.
    from rich.text import Text

    return Text(cell.text, cell.style, overflow="fold")
