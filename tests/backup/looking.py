"""What the tests of backups do to files, and look at."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from tandem_store.cli.program import program
from tests.copying.looking import all_rows
from tests.copying.looking import behind_its_back as behind_its_back
from tests.copying.looking import dump as dump
from tests.support import REPOSITORY


def command(*arguments: str | Path) -> Result:
    """A command of the program, in this process."""
    environment = {"TANDEM_STORE_TRACEBACK": "1"}
    return CliRunner().invoke(program, [str(one) for one in arguments], env=environment)


def rows(url: str) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of a store but the list of its backups, which a backup adds to."""
    return {name: found for name, found in all_rows(url).items() if name != "backups"}


def path_of(url: str) -> Path:
    """The file of an SQLite store."""
    return Path(url.removeprefix("sqlite:///"))


def names(folder: Path) -> list[str]:
    """What is in a folder, hidden things too."""
    return sorted(path.name for path in folder.iterdir())


def downgrade(url: str, revision: str = "0002") -> None:
    """Bring a store back to an older revision."""
    subprocess.run(
        [sys.executable, "-m", "alembic", "-c", f"{REPOSITORY}/alembic.ini", "downgrade", revision],
        env={**os.environ, "TANDEM_STORE_URL": url},
        capture_output=True,
        check=True,
    )
