"""Bare Alembic in the checkout, as a deploy runs it."""

from __future__ import annotations

import os
import subprocess
import sys

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
    """Bring a store back to an older revision."""
    done = alembic(url, "downgrade", revision)
    assert done.returncode == 0, done.stderr
