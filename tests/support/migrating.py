"""Alembic: in a process of its own, as a deploy runs it, or in this one, which is quick."""

from __future__ import annotations

import os
import subprocess
import sys
from io import StringIO

from alembic import command
from alembic.config import Config

from tests.support import REPOSITORY


def alembic(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of Alembic on a database."""
    return subprocess.run(
        [sys.executable, "-m", "alembic", "-c", str(REPOSITORY / "alembic.ini"), *arguments],
        env={**os.environ, "TANDEM_STORE_URL": url},
        capture_output=True,
        text=True,
    )


def downgrade(url: str, revision: str = "0002") -> None:
    """Bring a store back to an older revision, in this process."""
    # Without an ini file, which would set up the logging of this process.
    config = Config(attributes={"url": url}, stdout=StringIO())
    config.set_main_option("script_location", str(REPOSITORY / "migrations"))
    command.downgrade(config, revision)
