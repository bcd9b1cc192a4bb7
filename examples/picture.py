"""Draw what a terminal shows of the demo's store as docs/terminal.svg: ``make picture``.

The commands really run, in a pseudo-terminal of 100 columns. The fonts are the viewer's own, so the
picture asks no other host for anything.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from io import StringIO
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

REPOSITORY: Final = Path(__file__).parents[1]
PICTURE: Final = REPOSITORY / "docs" / "terminal.svg"
DATABASE: Final = "demo/runs.db"
#: A run of the example that failed at its second node.
SHOWN: Final = "56739d20"
COLUMNS: Final = 100
_FONT_FACE: Final = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
_FONTS: Final = "ui-monospace, SFMono-Regular, Menlo, Consolas, DejaVu Sans Mono, monospace"
_THEME: Final = TerminalTheme(
    (250, 250, 250),
    (36, 41, 47),
    [
        (36, 41, 47),
        (190, 40, 40),
        (20, 120, 60),
        (150, 100, 0),
        (20, 90, 180),
        (130, 60, 150),
        (0, 115, 130),
        (90, 96, 102),
    ],
)


def captured(command: list[str]) -> str:
    """What a command prints to a terminal of ``COLUMNS`` columns, escape sequences included."""
    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": ""}
    with subprocess.Popen(
        command, cwd=REPOSITORY, env=environment, stdin=child, stdout=child, stderr=child
    ):
        os.close(child)
        output = b"".join(iter(lambda: _read(parent), b""))
    os.close(parent)
    return output.decode().replace("\r\n", "\n")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # Linux says so when the last process has closed its side.
        return b""


def main() -> None:
    """Run the commands and write the picture."""
    console = Console(record=True, width=COLUMNS, file=StringIO())
    for words in (["runs", "list", "--since", "2026-10-25"], ["runs", "show", SHOWN]):
        console.print(Text(f"$ tandem-store {' '.join(words)}", style="bold"))
        program = str(Path(sys.executable).with_name("tandem-store"))
        console.print(Text.from_ansi(captured([program, "--db", DATABASE, *words])))
    picture = console.export_svg(title="tandem-store", theme=_THEME)
    picture = _FONT_FACE.sub("", picture).replace("Fira Code, monospace", _FONTS)
    PICTURE.write_text(picture)


if __name__ == "__main__":
    main()
