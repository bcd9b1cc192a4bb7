"""The example directories are what examples/README.md says, and the demo runs to its end."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from tests.support import REPOSITORY

pytestmark = pytest.mark.sqlite


EXAMPLES = REPOSITORY / "examples"


def program(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ``tandem-store`` in a process of its own."""
    command = [sys.executable, "-m", "tandem_store", *arguments]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)


def test_the_damaged_example_has_every_kind_of_damage(empty_url: str) -> None:
    """A cut-off hot file, a bad shard, a newer format, stubs, a wrong clock, and a stray file."""
    done = program("--db", empty_url, "import", str(EXAMPLES / "damaged"), "--json")

    assert done.returncode == 3, done.stderr
    report = orjson.loads(done.stdout)
    assert sorted(item["reason"] for item in report["quarantined"]) == [
        "damaged",
        "newer_schema_version",
        "truncated",
    ]
    assert len(report["stubs"]) == 1
    assert report["outcomes"]["superseded"] == 1
    assert "5138-11" in report["months"]
    assert [stray["path"].rpartition("/")[2] for stray in report["skipped_files"]] == ["notes.txt"]


def test_the_demo_runs_to_its_end(tmp_path: Path) -> None:
    """In a copy, because it writes beside the examples."""
    shutil.copytree(EXAMPLES, tmp_path / "examples")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

    done = subprocess.run(
        ["sh", str(tmp_path / "examples" / "demo.sh")],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    for told in ("quarantine list", "runs show ad63e6ca", "bytes in one database"):
        assert told in done.stdout
    assert "Traceback" not in done.stderr
