"""Draw the pictures of the README from a real terminal: ``make picture``.

The commands run on the store of the demo, in a pseudo-terminal of 100 columns. The fonts are those
of the viewer, so the pictures load nothing from another host.
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
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

REPOSITORY: Final = Path(__file__).parents[1]
DATABASE: Final = "demo/runs.db"
#: Each picture and the commands that it shows; the run failed at its second node.
PICTURES: Final = {
    "terminal.svg": (["verify", "examples/state"], ["runs", "list", "--since", "2026-10-25"]),
    "run.svg": (["runs", "show", "56739d20"],),
}
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
    """Return what a command prints to such a terminal, escape sequences included."""
    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
    environment = {
        **os.environ,
        "TERM": "xterm-256color",
        "COLORTERM": "",
        "TANDEM_STORE_URL": f"sqlite:///{DATABASE}",
    }
    with subprocess.Popen(
        command,
        cwd=REPOSITORY,
        env=environment,
        stdin=child,
        stdout=child,
        stderr=subprocess.DEVNULL,  # the progress bar
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


def drawn(commands: Sequence[list[str]]) -> str:
    """Return a picture of a terminal in which the commands were typed one after the other."""
    console = Console(record=True, width=COLUMNS, file=StringIO())
    program = str(Path(sys.executable).with_name("tandem-store"))
    for number, words in enumerate(commands):
        if number:
            console.print()
        console.print(Text(f"$ tandem-store {' '.join(words)}", style="bold"))
        console.print(Text.from_ansi(captured([program, *words]).rstrip()))
    picture = console.export_svg(title="tandem-store", theme=_THEME)
    return _FONT_FACE.sub("", picture).replace("Fira Code, monospace", _FONTS)


def main() -> None:
    """Write every picture into docs/."""
    for name, commands in PICTURES.items():
        (REPOSITORY / "docs" / name).write_text(drawn(commands))


if __name__ == "__main__":
    main()
