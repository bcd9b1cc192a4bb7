"""Terminals: a real one for a process of its own, and a quick one for this process."""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable

import pytest

from tandem_store.cli.program import program

PROGRAM = [sys.executable, "-m", "tandem_store"]
SIZE = {"LINES": "40", "TERM": "xterm-256color"}

#: Runs the program with arguments, on a terminal of so many columns; gives what is shown.
OnTerminal = Callable[..., str]


class Terminal(io.StringIO):
    """A stream that says that it is one."""

    def isatty(self) -> bool:
        """Always."""
        return True


@pytest.fixture
def on_terminal(monkeypatch: pytest.MonkeyPatch) -> OnTerminal:
    """Runs the program in this process, with stdout alone on a terminal."""

    def run(*arguments: str, columns: int = 80, exit_code: int = 0, **environment: str) -> str:
        with monkeypatch.context() as patched:
            patched.delenv("NO_COLOR", raising=False)
            for name, value in (SIZE | {"COLUMNS": str(columns)} | environment).items():
                patched.setenv(name, value)
            patched.setattr("sys.stdout", shown := Terminal())
            with pytest.raises(SystemExit) as ended:
                program.main(arguments, prog_name="tandem-store")
        assert ended.value.code == exit_code, shown.getvalue()
        return shown.getvalue()

    return run


def on_a_real_terminal(*arguments: str, columns: int) -> str:
    """What the program shows on a terminal, stderr too."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [*PROGRAM, *arguments],
        stdout=slave,
        stderr=slave,
        stdin=slave,
        env={**os.environ, **SIZE, "COLUMNS": str(columns)},
    )
    os.close(slave)
    shown = bytearray()
    while True:
        try:
            piece = os.read(master, 65_536)
        except OSError:  # The other end was closed.
            break
        if not piece:
            break
        shown += piece
    os.close(master)
    assert process.wait(timeout=60) == 0, shown
    return shown.decode()


def without_style(shown: str) -> str:
    """What was shown, without colours and the like."""
    return re.sub("\x1b\\[[0-9;]*m", "", shown)
