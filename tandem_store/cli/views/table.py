"""Tables and lists of facts, drawn by rich and fitted to the width of the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple, Self, TypeAlias

from rich.cells import cell_len

from tandem_store.cli.terminal import printable
from tandem_store.cli.views.values import one_line

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

#: Spaces between columns.
_GAP: Final = 2
#: The least width to which a column is cut.
_NARROWEST: Final = 20


class Styled(NamedTuple):
    """A text, and its style in rich's notation."""

    text: str
    style: str


Cell: TypeAlias = str | Styled


@dataclass(frozen=True, slots=True)
class Table:
    """Headings and rows of cells, without control characters."""

    headings: tuple[str, ...]
    rows: tuple[tuple[Styled, ...], ...]
    #: One letter for each column: ``l`` or ``r``.
    align: str

    @classmethod
    def of(cls, headings: Sequence[str], rows: Iterable[Sequence[Cell]], align: str = "") -> Self:
        """Return a table of these cells."""
        cells = tuple(tuple(map(as_styled, row)) for row in rows)
        return cls(tuple(headings), cells, align.ljust(len(headings), "l"))

    @property
    def widths(self) -> list[int]:
        """The width of each column, in terminal columns."""
        return [
            max([cell_len(heading), *(cell_len(row[at].text) for row in self.rows)])
            for at, heading in enumerate(self.headings)
        ]

    @property
    def width(self) -> int:
        """The width of the table, in terminal columns."""
        return sum(self.widths) + _GAP * (len(self.headings) - 1)

    def fitted(self, width: int, *, cut: str, optional: Sequence[str]) -> Table:
        """Return the table with optional columns left out and one column cut, if necessary."""
        left_out: list[str] = []
        for heading in optional:
            if not self.without(*left_out).fits(width, cut):
                left_out.append(heading)
        # A wide column that had to go may have made room for a narrow one that went before it.
        for heading in reversed(left_out[:-1]):
            fewer = [one for one in left_out if one != heading]
            if self.without(*fewer).fits(width, cut):
                left_out = fewer
        made = self.without(*left_out)
        return made.shortened(cut, made.width - width) if made.width > width else made

    def ruled(self) -> RenderableType:
        """Return a drawing with one line for each row."""
        from rich.table import Table as Drawing

        drawing = Drawing(box=None, pad_edge=False, header_style="bold")
        for heading, side in zip(self.headings, self.align, strict=True):
            drawing.add_column(heading, justify="right" if side == "r" else "left", no_wrap=True)
        for row in self.rows:
            drawing.add_row(*map(as_text, row))
        return drawing

    def paragraphs(self) -> RenderableType:
        """Return a drawing with one paragraph for each row, headed by its first cell."""
        from rich.console import Group
        from rich.text import Text

        parts: list[RenderableType] = []
        for first, *rest in self.rows:
            values = [
                Text.assemble((f"{heading.lower()} ", "dim"), (cell.text, cell.style))
                for heading, cell in zip(self.headings[1:], rest, strict=True)
                if cell.text not in {"", "-"}
            ]
            parts.append(Text(first.text, first.style or "bold"))
            parts.append(_padded(Text(", ").join(values), _GAP))
        return Group(*parts)

    def spare(self, cut: str) -> int:
        """Return by how many terminal columns the column ``cut`` can be narrowed."""
        if cut not in self.headings:
            return 0
        return max(self.widths[self.headings.index(cut)] - _NARROWEST, 0)

    def fits(self, width: int, cut: str) -> bool:
        """Return whether the table is not too wide if the column ``cut`` is narrowed."""
        return self.width - self.spare(cut) <= width

    def without(self, *headings: str) -> Table:
        """Return the table without the columns of these headings."""
        kept = [at for at, heading in enumerate(self.headings) if heading not in headings]
        return Table(
            tuple(self.headings[at] for at in kept),
            tuple(tuple(row[at] for at in kept) for row in self.rows),
            "".join(self.align[at] for at in kept),
        )

    def shortened(self, heading: str, excess: int) -> Table:
        """Return the table with one column narrowed by ``excess``, as far as possible."""
        if heading not in self.headings:
            return self
        at = self.headings.index(heading)
        left = max(self.widths[at] - excess, _NARROWEST)
        rows = (
            (*row[:at], row[at]._replace(text=one_line(row[at].text, left)), *row[at + 1 :])
            for row in self.rows
        )
        return replace(self, rows=tuple(rows))


def facts(pairs: Iterable[tuple[str, Cell]]) -> RenderableType:
    """Return a drawing of labels and values; long values are broken between words."""
    from rich.table import Table as Drawing

    drawing = Drawing.grid(padding=(0, _GAP), pad_edge=False)
    drawing.add_column(no_wrap=True, style="bold")
    drawing.add_column(overflow="fold")
    for label, cell in pairs:
        drawing.add_row(label, as_text(as_styled(cell)))
    return drawing


def styled(text: str, style: str) -> RenderableType:
    """Return a text in a style, broken between words."""
    from rich.text import Text

    return Text(text, style, overflow="fold")


def indented(text: str, indent: int) -> RenderableType:
    """Return an indented text, broken between words."""
    from rich.text import Text

    return _padded(Text(text, overflow="fold"), indent)


def _padded(text: Text, indent: int) -> RenderableType:
    from rich.padding import Padding

    return Padding(text, (0, 0, 0, indent), expand=False)


def as_styled(cell: Cell) -> Styled:
    """Return a cell with its style, and without control characters."""
    text, style = (cell, "") if isinstance(cell, str) else cell
    return Styled(printable(text), style)


def as_text(cell: Styled) -> Text:
    """Return a cell as rich draws it."""
    # Text, not str, so that brackets in a cell are not read as markup.
    from rich.text import Text

    return Text(cell.text, cell.style, overflow="fold")
