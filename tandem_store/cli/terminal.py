"""What stdout is, and rich's drawings as the text to send there."""

from __future__ import annotations

import re
import shutil
import sys
import textwrap
from typing import IO, TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rich.console import RenderableType

#: Wider than anything that is drawn, for what nobody looks at through a window.
_ENDLESS: Final = 10_000_000
#: A command that a sentence names in the middle.
_IN_PARENTHESES: Final = re.compile(r"\(tandem-store [^()]*\)")
_UNBROKEN: Final = "\xa0"


def is_terminal() -> bool:
    """Whether a person looks at stdout."""
    return sys.stdout.isatty()


def width() -> int | None:
    """The columns of the terminal; None elsewhere, where lines have no end."""
    return shutil.get_terminal_size().columns if is_terminal() else None


def drawn(picture: RenderableType) -> str:
    """The text of a picture; colours on a terminal that has them, unless ``NO_COLOR`` is set.

    Nothing in it is taken for rich's own markup, and nothing is cut off where there is no terminal.
    """
    # Here, because commands that draw nothing need not wait for it.
    from rich.console import Console

    console = Console(
        file=sys.stdout,
        # Both, because rich takes a dumb terminal for one of 80 columns otherwise.
        width=width() or _ENDLESS,
        height=shutil.get_terminal_size().lines,
        highlight=False,
        markup=False,
        emoji=False,
    )
    with console.capture() as captured:
        console.print(picture, crop=False)
    return "\n".join(line.rstrip() for line in captured.get().rstrip("\n").split("\n"))


def folded(text: str, stream: IO[str]) -> str:
    """The text with lines that are too long for the terminal broken between words.

    A command of ours is not broken, so that it can be copied; unless it stands in parentheses, it
    begins a line of its own.
    """
    if not stream.isatty():
        return text
    columns = shutil.get_terminal_size().columns
    return "\n".join(part for line in text.split("\n") for part in _lines(line, columns))


def _lines(line: str, columns: int) -> list[str]:
    if len(line) <= columns:
        return [line]
    line = _IN_PARENTHESES.sub(lambda match: match[0].replace(" ", _UNBROKEN), line)
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
    return [one.replace(_UNBROKEN, " ") for one in lines]
