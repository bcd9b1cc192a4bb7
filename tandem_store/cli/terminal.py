"""Text for a terminal: safe to print, broken between words, or drawn by rich."""

from __future__ import annotations

import re
import shutil
import sys
import textwrap
from typing import IO, TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rich.console import RenderableType

#: The width of output that does not go to a terminal: wider than anything that is drawn.
_UNLIMITED: Final = 10_000_000
#: What a terminal would act on: controls (C0, DEL, C1), surrogates, and invisible characters that
#: change the direction of text or break a line.
_CONTROLS: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
#: A command in the middle of a sentence.
_IN_PARENTHESES: Final = re.compile(r"\(tandem-store [^()]*\)")
_NO_BREAK_SPACE: Final = "\xa0"


def printable(text: str, *, lines: bool = False) -> str:
    """Return the text with control characters escaped; ``lines`` keeps line breaks."""
    return _CONTROLS.sub(lambda match: _escape(match[0], lines=lines), text)


def is_terminal() -> bool:
    """Return whether stdout is a terminal."""
    return sys.stdout.isatty()


def width() -> int | None:
    """Return the columns of the terminal, or None if stdout is not one: lines may be any length."""
    return shutil.get_terminal_size().columns if is_terminal() else None


def drawn(drawing: RenderableType) -> str:
    """Return what rich draws, in colour if the terminal has colours and ``NO_COLOR`` is not set.

    Brackets in the text are not markup, and nothing is cut off if stdout is not a terminal.
    """
    # Imported here, because commands that draw nothing need not wait for rich.
    from rich.console import Console

    console = Console(
        file=sys.stdout,
        # Both, because rich otherwise assumes that a dumb terminal has 80 columns.
        width=width() or _UNLIMITED,
        height=shutil.get_terminal_size().lines,
        highlight=False,
        markup=False,
        emoji=False,
    )
    with console.capture() as captured:
        console.print(drawing, crop=False)
    return "\n".join(line.rstrip() for line in captured.get().rstrip("\n").split("\n"))


def folded(text: str, stream: IO[str]) -> str:
    """Return the text with lines that are too long for the terminal broken between words.

    A ``tandem-store`` command stays in one piece, so that it can be copied: in a line of its own,
    unless it is in parentheses.
    """
    if not stream.isatty():
        return text
    columns = shutil.get_terminal_size().columns
    return "\n".join(part for line in text.split("\n") for part in _lines(line, columns))


def _lines(line: str, columns: int) -> list[str]:
    if len(line) <= columns:
        return [line]
    line = _IN_PARENTHESES.sub(lambda match: match[0].replace(" ", _NO_BREAK_SPACE), line)
    words, command, rest = line.partition("tandem-store ")
    indent = " " * (len(line) - len(line.lstrip()))
    broken = textwrap.wrap(
        words.rstrip() if command else line,
        columns,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    lines = [*broken, f"{indent}{command}{rest}"] if command else broken
    return [one.replace(_NO_BREAK_SPACE, " ") for one in lines]


def _escape(character: str, *, lines: bool) -> str:
    if lines and character in "\n\t":
        return character
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")
