"""sqlite-utils finds the plugin by itself, and its queries decode documents."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
import sqlite_utils

from tandem_store import __version__
from tests.recompression.months import EACH

pytestmark = pytest.mark.sqlite

_DECODED = "select count(tandem_json(document, encoding)) as decoded from run_documents_2020_01"


def printed(*arguments: str | Path) -> Any:
    """What the program prints, in a process of its own."""
    program = Path(sys.executable).with_name("sqlite-utils")
    done = subprocess.run([program, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return orjson.loads(done.stdout)


def test_the_program_decodes_documents(history_file: Path) -> None:
    """Of a compacted month, too."""
    assert printed("query", history_file, _DECODED) == [{"decoded": EACH}]


def test_the_program_lists_the_plugin() -> None:
    """With its version, by which people see what they have."""
    plugin = {"name": "tandem-store", "hooks": ["prepare_connection"], "version": __version__}

    assert plugin in printed("plugins")


def test_in_python_each_database_has_the_function(history_file: Path) -> None:
    """Without a word about plugins."""
    database = sqlite_utils.Database(history_file)
    try:
        assert list(database.query(_DECODED)) == [{"decoded": EACH}]
    finally:
        database.close()


def test_a_database_of_others_is_left_alone(tmp_path: Path) -> None:
    """The plugin is loaded for every database, and reads nothing before it is asked."""
    path = tmp_path / "new.db"
    database = sqlite_utils.Database(path)
    database.close()

    assert not path.exists() or path.stat().st_size == 0
