"""The program ``tandem-store``: in this process, which is quick, or in one of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
from click.testing import CliRunner, Result

from tandem_store.cli.program import program

#: What a failure that nobody foresaw does in a test: it is raised, not put into a sentence.
_ENVIRONMENT = {"TANDEM_STORE_TRACEBACK": "1"}


def command(*arguments: str | Path, **environment: str) -> Result:
    """Run a command in this process."""
    words = [str(one) for one in arguments]
    return CliRunner().invoke(program, words, env=_ENVIRONMENT | environment)


def process(*arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
    """Run a command in a process of its own, as people do, and wait for it."""
    line = [sys.executable, "-m", "tandem_store", *map(str, arguments)]
    return subprocess.run(line, capture_output=True, check=False, timeout=300)


def answer(*arguments: str | Path) -> dict[str, Any]:
    """What a command prints as JSON; it must end with 0."""
    done = command(*arguments, "--json")
    assert done.exit_code == 0, done.stderr
    printed: dict[str, Any] = orjson.loads(done.stdout_bytes)
    return printed
