"""Draw the picture of docs/reading-with-other-tools.md: ``make picture``.

Datasette serves the store of the demo, and headless Chromium takes a screenshot of a run's page. It
takes the browser that the environment variable ``CHROMIUM`` names, else ``chromium``.
"""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

REPOSITORY: Final = Path(__file__).parents[1]
DATABASE: Final = REPOSITORY / "demo" / "runs.db"
PICTURE: Final = REPOSITORY / "docs" / "datasette.png"
#: The run that run.svg shows, too: it failed at its second node.
RUN: Final = "56739d20"
SIZE: Final = "1100,760"
#: Seconds that the server may take to start, and the browser to draw.
PATIENCE: Final = 60


@contextmanager
def served(database: Path) -> Iterator[str]:
    """Serve a database on this machine; yields the address."""
    with closing(socket.create_server(("127.0.0.1", 0))) as unused:
        port = unused.getsockname()[1]
    program = str(Path(sys.executable).with_name("datasette"))
    with subprocess.Popen(
        [program, str(database), "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as server:
        try:
            wait_for(port)
            yield f"http://127.0.0.1:{port}/{database.stem}"
        finally:
            server.terminate()


def wait_for(port: int) -> None:
    """Wait until somebody listens."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    raise TimeoutError(f"nobody listens on port {port}")


def complete_id(beginning: str) -> str:
    """Return the id of the run in which this occurs."""
    with closing(sqlite3.connect(f"{DATABASE.as_uri()}?mode=ro", uri=True)) as connection:
        query = "SELECT run_id FROM runs WHERE run_id LIKE ?"
        ((run_id,),) = connection.execute(query, (f"%{beginning}%",)).fetchall()
    return str(run_id)


def draw(address: str, picture: Path) -> None:
    """Let the browser take a screenshot."""
    with TemporaryDirectory() as profile:
        command = [
            os.environ.get("CHROMIUM", "chromium"),
            "--headless",
            "--no-sandbox",  # root may not have one; the page is our own
            "--hide-scrollbars",
            "--disable-gpu",
            "--force-device-scale-factor=1",
            f"--user-data-dir={profile}",
            f"--window-size={SIZE}",
            f"--screenshot={picture}",
            address,
        ]
        try:
            subprocess.run(command, check=True, timeout=PATIENCE, capture_output=True)
        except FileNotFoundError as error:
            raise SystemExit(
                f"There is no browser {command[0]!r}: install Chromium, or set CHROMIUM to its path"
            ) from error


def main() -> None:
    """Write the picture into docs/."""
    with served(DATABASE) as address:
        draw(f"{address}/-/run/{complete_id(RUN)}", PICTURE)


if __name__ == "__main__":
    main()
