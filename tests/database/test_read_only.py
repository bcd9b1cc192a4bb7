"""Folders and media that cannot be written to are read all the same.

As another user, because root may write everywhere.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tandem_store import open_store
from tests.support import REPOSITORY
from tests.support.run_records import new_run

pytestmark = [
    pytest.mark.sqlite,
    pytest.mark.skipif(os.name != "posix", reason="Permissions are POSIX ones."),
]


@pytest.fixture
def frozen(store_url: str) -> Iterator[Path]:
    """A store with one run in a folder that others may only read."""
    with open_store(store_url) as store, store.begin() as tx:
        tx.runs.add(new_run("r"))
    # Not below pytest's own folder, which nobody else may enter.
    folder = Path(tempfile.mkdtemp(prefix="tandem-frozen-"))
    path = folder / "runs.db"
    shutil.copyfile(store_url.removeprefix("sqlite:///"), path)
    path.chmod(0o444)
    folder.chmod(0o555)
    yield path
    folder.chmod(0o755)
    shutil.rmtree(folder)


def read(path: Path, *lines: str) -> subprocess.CompletedProcess[str]:
    """Read it as a user who may not write, then do what the lines say."""
    program = [
        "import logging, os, sys",
        "from tandem_store import RunRecord, StoreError, open_store",
        "logging.basicConfig(level=logging.INFO, stream=sys.stdout)",
        "RunRecord  # is imported now, while the standard library may be read",
        "writer = os.getuid()",
        "if writer == 0: os.setegid(65534); os.seteuid(65534)",
        "store = open_store(sys.argv[1])",
        "with store.read() as tx: print(tx.runs.count(), 'runs')",
        *lines,
        "store.close()",
    ]
    return subprocess.run(
        [sys.executable, "-B", "-c", "\n".join(program), str(path)],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
    )


def test_it_is_read_and_said_how(frozen: Path) -> None:
    """SQLite alone would refuse, for want of a file for its locks."""
    done = read(frozen)

    assert done.returncode == 0, done.stderr
    assert "1 runs" in done.stdout
    assert "INFO" in done.stdout
    assert "immutable" in done.stdout
    assert [file.name for file in frozen.parent.iterdir()] == ["runs.db"]


def test_writing_is_refused_in_a_sentence(frozen: Path) -> None:
    """It names what would have to be writable."""
    done = read(
        frozen,
        "try:",
        "    with store.begin(): pass",
        "except StoreError as error: print(error)",
    )

    assert done.returncode == 0, done.stderr
    assert "cannot be written to" in done.stdout


def test_a_log_with_content_is_not_passed_over(frozen: Path) -> None:
    """What is in it was committed; without it, the file is an older store."""
    frozen.parent.chmod(0o755)
    log = frozen.with_name("runs.db-wal")
    log.write_bytes(b"x" * 100)
    log.chmod(0)
    frozen.parent.chmod(0o555)

    done = read(frozen)

    assert done.returncode != 0
    assert "1 runs" not in done.stdout
    assert "write-ahead log" in done.stderr


def test_what_is_written_to_it_later_is_seen(frozen: Path) -> None:
    """By those who may write; the reader notices when it begins its next transaction."""
    if os.getuid() != 0:
        pytest.skip("Only root writes where others may not.")

    done = read(
        frozen,
        "from tests.support.run_records import new_run",
        "os.seteuid(0)",
        "with open_store(sys.argv[1]) as other, other.begin() as tx: tx.runs.add(new_run('s'))",
        "os.seteuid(65534)",
        "with store.read() as tx: print(tx.runs.count(), 'now')",
    )

    assert done.returncode == 0, done.stderr
    assert "2 now" in done.stdout
